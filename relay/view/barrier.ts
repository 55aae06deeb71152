/**
 * Whether a relay has what any other of its cluster may have told a Felix until a moment: asked of
 * the hub after that moment, the access facts and each remote's log say how far they are, and this
 * relay has come so far. In-sync is no earlier, or Felix would delete what comes a moment later.
 * [TYP25]
 */
import type { HeadQuestion } from "../hub/head-questions.ts";
import type { Head } from "../../shared/protocol/head-messages.ts";
import { FELIX_CHANNELS } from "../../shared/record/channel.ts";
import type { RemoteView } from "./remote-view.ts";
import type { Remotes } from "./remotes.ts";

/** What the hub tells the cluster's relays over one connection each. */
interface Told {
  /** The same as long as it is told over the same connections. */
  readonly id: object;
  ask(): HeadQuestion | null;
  hasReached(heads: readonly Head[]): boolean;
}

export class Barrier {
  readonly #remotes: Pick<Remotes, "granted" | "routes">;
  readonly #askHome: (() => HeadQuestion | null) | null;
  readonly #questions = new Map<object, HeadQuestion>();
  #isPassed = false;

  /**
   * It begins now.
   * @param askHome Answered behind all access facts; `null`: no hub gives any.
   */
  constructor(
    remotes: Pick<Remotes, "granted" | "routes">,
    askHome: (() => HeadQuestion | null) | null,
  ) {
    this.#remotes = remotes;
    this.#askHome = askHome;
    this.look();
  }

  get isPassed(): boolean {
    return this.#isPassed;
  }

  /** Asks what is not asked yet, and compares what has come. Answers whether it is passed. */
  look(): boolean {
    if (this.#isPassed) return true;
    let isReached = !this.#remotes.routes.isResting;
    // All are asked, whatever the first ones say: facts that came meanwhile may name others.
    for (const one of this.#told()) isReached = this.#isReached(one) && isReached;
    this.#isPassed = isReached;
    return isReached;
  }

  *#told(): Generator<Told> {
    const askHome = this.#askHome;
    if (askHome !== null) yield { id: this, ask: askHome, hasReached: () => true };
    for (const { feed, view } of this.#remotes.granted())
      yield {
        id: feed ?? view,
        ask: () => feed?.askHeads?.() ?? null,
        hasReached: (heads) => hasReached(view, heads),
      };
  }

  #isReached(one: Told): boolean {
    const known = this.#questions.get(one.id);
    const question = known === undefined || known.isLost ? one.ask() : known;
    if (question === null) return false;
    this.#questions.set(one.id, question);
    // fault: answer-is-enough
    return question.answer !== null && one.hasReached(question.answer);
  }
}

/** Whether a view has all that its log had, of the channels that Felix waits for. */
export function hasReached(view: Pick<RemoteView, "cursors">, heads: readonly Head[]): boolean {
  const cursors = view.cursors();
  return FELIX_CHANNELS.every((channel) => {
    const head = heads.find((one) => one.channel === channel);
    const cursor = cursors.find((one) => one.channel === channel);
    return head !== undefined && cursor?.epoch === head.epoch && cursor.revision >= head.revision;
  });
}
