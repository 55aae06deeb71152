/**
 * A relay that knows not what its cluster may see, or lacks a view of what it may, asks the
 * cluster's other relays before it opens its views; then it starts as if all that had always been
 * on its disk. Nothing that it has is replaced, nothing is withdrawn, and whatever happens, it
 * starts. [PEE1] [PEE4]
 */
import { setTimeout as sleep } from "node:timers/promises";

import { errorText } from "../../shared/lib/error-text.ts";
import type { AccessFacts } from "../../shared/visibility/facts.ts";
import type { Logger } from "../lib/log.ts";
import type { Membership } from "../hub/join.ts";
import type { Remote } from "../../shared/visibility/facts.ts";
import { askFacts, askPositions, askViews, PeerBusy } from "./ask.ts";
import type { Asking, FileSink } from "./ask.ts";
import { factsOrder, lackedRemotes, nextQuestion } from "./plan.ts";
import type { Answers } from "./plan.ts";
import { hasView, ReceivedView, removeHalfViews } from "./received-view.ts";
import type { Positions } from "./messages.ts";
import { PeerError } from "./frames.ts";

export interface AskAllOptions {
  readonly asking: Asking;
  readonly stateDir: string;
  readonly membership: Membership;
  /** Facts that this relay has now: the hub may be heard meanwhile. */
  facts(): AccessFacts | null;
  /** Keeps facts, unless there are any by now. */
  keepFacts(facts: AccessFacts): void;
  /** Addresses of the others. @throws Error that says why they are not known. */
  find(signal: AbortSignal): Promise<readonly string[]>;
  readonly log: Logger;
  readonly random?: () => number;
}

/** For status: what came from whom. */
export interface PeerReport {
  /** Relays that were asked, and that answered. */
  readonly asked: number;
  readonly answered: number;
  readonly facts: { readonly peer: string; readonly accessVersion: number } | null;
  readonly views: readonly {
    readonly rcc: string;
    readonly peer: string;
    readonly bytes: number;
  }[];
  /** Views that nobody had, or could give. */
  readonly lacking: readonly string[];
  readonly seconds: number;
  /** Why it did not go on; `null` when it went to its end. */
  readonly message: string | null;
}

/** @returns `null` when nothing is lacking, so that nobody was asked. Never throws. */
export async function askAll(options: AskAllOptions): Promise<PeerReport | null> {
  const { membership, stateDir, log } = options;
  const own = options.facts();
  const has = (rcc: string): boolean => hasView(stateDir, rcc);
  try {
    removeHalfViews(stateDir);
    // Of a mesh that it has left: what these facts name is not what the others have.
    if (own !== null && own.meshId !== membership.meshId) return null;
    if (own !== null && lackedRemotes(own, has).length === 0) return null;
  } catch (error) {
    log.warn(`the state folder cannot be looked through: ${errorText(error)}`);
    return null;
  }
  return new Round(options, has).run();
}

class Round {
  readonly #options: AskAllOptions;
  readonly #has: (rcc: string) => boolean;
  readonly #asking: Asking;
  readonly #startedMs = performance.now();
  readonly #views: { rcc: string; peer: string; bytes: number }[] = [];
  #facts: PeerReport["facts"] = null;
  #answers: Answers = new Map();
  #asked = 0;
  #wanted: readonly Remote[] = [];

  constructor(options: AskAllOptions, has: (rcc: string) => boolean) {
    this.#options = options;
    this.#has = has;
    const { asking } = options;
    const { totalMs } = asking.limits;
    this.#asking = {
      ...asking,
      signal: AbortSignal.any([asking.signal, AbortSignal.timeout(totalMs)]),
    };
  }

  async run(): Promise<PeerReport> {
    const { log } = this.#options;
    let message: string | null = null;
    try {
      await this.#run();
    } catch (error) {
      message = this.#whyOver() ?? errorText(error);
    }
    const report: PeerReport = {
      asked: this.#asked,
      answered: this.#answers.size,
      facts: this.#facts,
      views: this.#views,
      lacking: this.#wanted.map(({ rcc }) => rcc),
      seconds: Math.round((performance.now() - this.#startedMs) / 100) / 10,
      message,
    };
    if (message !== null || report.lacking.length > 0)
      log.warn(report, "the cluster's other relays did not give all; the hub brings the rest");
    else log.info(report, "asked the cluster's other relays for what was lacking here");
    return report;
  }

  #whyOver(): string | null {
    if (this.#options.asking.signal.aborted) return "called off: the hub is there";
    return this.#asking.signal.aborted
      ? `not all came within ${this.#asking.limits.totalMs / 1000} s`
      : null;
  }

  async #run(): Promise<void> {
    const { limits, signal } = this.#asking;
    const addresses = (await this.#options.find(signal)).slice(0, limits.asked);
    this.#asked = addresses.length;
    if (addresses.length === 0) throw new Error("there is no other relay to ask");
    this.#answers = await this.#askPositions(addresses);
    if (this.#answers.size === 0) throw new Error("no other relay answered");
    const facts = this.#options.facts() ?? (await this.#fetchFacts());
    this.#wanted = lackedRemotes(facts, this.#has);
    await this.#fetchViews(facts);
  }

  async #askPositions(addresses: readonly string[]): Promise<Answers> {
    const answers = new Map<string, Positions>();
    await Promise.all(
      addresses.map(async (address) => {
        try {
          answers.set(address, await askPositions(address, this.#asking));
        } catch (error) {
          this.#logFailure(address, error);
        }
      }),
    );
    return answers;
  }

  async #fetchFacts(): Promise<AccessFacts> {
    const { membership } = this.#options;
    const order = factsOrder(this.#answers, membership.meshId);
    while (order.length > 0) {
      const address = order.shift() as string;
      try {
        const facts = await askFacts(address, this.#asking);
        if (facts.meshId !== membership.meshId) throw new PeerError("its facts: of another mesh");
        if (facts.cluster.uid !== membership.cluster.uid)
          throw new PeerError("its facts: of another cluster");
        this.#options.keepFacts(facts);
        const held = this.#options.facts() ?? facts;
        if (held === facts) this.#facts = { peer: address, accessVersion: held.accessVersion };
        return held;
      } catch (error) {
        this.#logFailure(address, error);
        this.#asking.signal.throwIfAborted();
        if (!(error instanceof PeerBusy)) continue;
        order.push(address);
        await this.#wait();
      }
    }
    throw new Error("no other relay knows what this cluster may see");
  }

  async #fetchViews(facts: AccessFacts): Promise<void> {
    const failed = new Set<string>();
    const busy = new Set<string>();
    const may = (address: string, rcc: string): boolean =>
      !busy.has(address) && !failed.has(`${address} ${rcc}`);
    while (this.#wanted.length > 0) {
      const question = nextQuestion(this.#wanted, this.#answers, may);
      if (question === null && busy.size === 0) return;
      if (question === null) {
        await this.#wait();
        busy.clear();
        continue;
      }
      const { address, rccs } = question;
      const sink = new ViewSink(this.#options.stateDir, facts.meshId, this.#wanted, {
        received: (rcc, bytes) => this.#onReceived(rcc, address, bytes),
        failed: (error) => this.#logFailure(address, error),
      });
      try {
        await askViews(address, rccs, this.#asking, sink);
      } catch (error) {
        this.#logFailure(address, error);
        this.#asking.signal.throwIfAborted();
        if (error instanceof PeerBusy) {
          busy.add(address);
          continue;
        }
      } finally {
        await sink.discard();
      }
      // Whatever of it has not come is wanted of somebody else.
      for (const rcc of rccs) failed.add(`${address} ${rcc}`);
    }
  }

  #onReceived(rcc: string, peer: string, bytes: number): void {
    this.#wanted = this.#wanted.filter((one) => one.rcc !== rcc);
    this.#views.push({ rcc, peer, bytes });
    this.#options.log.info({ rcc, peer, bytes }, "a view came from another relay");
  }

  /** Ends at once when it is all over. */
  async #wait(): Promise<void> {
    const { random = Math.random } = this.#options;
    const { limits, signal } = this.#asking;
    await sleep(limits.busyMs * (0.5 + random()), undefined, { signal });
  }

  #logFailure(peer: string, error: unknown): void {
    this.#options.log.info(
      { peer },
      `another relay of this cluster gave nothing: ${errorText(error)}`,
    );
  }
}

/** The views of one answer, as they come. One that is wrong costs only itself. */
class ViewSink implements FileSink {
  readonly #stateDir: string;
  readonly #meshId: string;
  readonly #wanted: readonly Remote[];
  readonly #told: { received(rcc: string, bytes: number): void; failed(error: unknown): void };
  #now: { readonly rcc: string; readonly bytes: number; readonly view: ReceivedView } | null = null;

  constructor(
    stateDir: string,
    meshId: string,
    wanted: readonly Remote[],
    told: { received(rcc: string, bytes: number): void; failed(error: unknown): void },
  ) {
    this.#stateDir = stateDir;
    this.#meshId = meshId;
    this.#wanted = wanted;
    this.#told = told;
  }

  async beginFile(rcc: string, bytes: number): Promise<void> {
    const remote = this.#wanted.find((one) => one.rcc === rcc);
    if (remote === undefined) throw new PeerError(`it sent ${rcc}, not asked for`);
    const expected = { rcc, meshId: this.#meshId, originUid: remote.origin.uid };
    const view = new ReceivedView(this.#stateDir, expected);
    this.#now = { rcc, bytes, view };
    await view.create();
  }

  async writePart(bytes: Uint8Array): Promise<void> {
    await this.#now?.view.writePart(bytes);
  }

  async endFile(): Promise<void> {
    if (this.#now === null) return;
    const { rcc, bytes, view } = this.#now;
    try {
      await view.moveIntoPlace();
      this.#now = null;
      this.#told.received(rcc, bytes);
    } catch (error) {
      this.#told.failed(error);
      await this.discard();
    }
  }

  /** Leaves nothing of a half. */
  async discard(): Promise<void> {
    const now = this.#now;
    this.#now = null;
    await now?.view.discard();
  }
}
