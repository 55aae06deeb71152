/** The shell of the withdrawal guard: its clock, its file, its words in the log. */
import { toId } from "../../../shared/lib/bytes.ts";
import { FELIX_CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { hashKey } from "../../../shared/record/encoding.ts";
import type { EncodedChange } from "../../../shared/record/encoding.ts";
import type {
  HeldWithdrawal,
  WithdrawalOrder,
} from "../../../shared/visibility/withdrawal-order.ts";
import type { RelayPorts } from "../../hub/relay-ports.ts";
import type { Logger } from "../../lib/log.ts";
import type { LocalState } from "../local-state.ts";
import { COLLECTION_NAMES } from "./collections.ts";
import type { CollectionName } from "./collections.ts";
import type { HeldKey } from "./held-keys.ts";
import { readPublished, writePublished } from "./published-file.ts";
import { heldOf } from "./obeyed.ts";
import { WithdrawalGuard } from "./withdrawal-guard.ts";
import type { Obeyed } from "./obeyed.ts";

export interface WithdrawalOptions {
  readonly stateDir: string;
  readonly local: LocalState;
  /** 0: nothing is held. */
  readonly holdMs: number;
  /** Before all is listed nothing new is written down: what an earlier process knew is still so. */
  isListed?(): boolean;
  readonly ports: Pick<RelayPorts, "after" | "wallMs">;
  readonly log: Logger;
  /** Obeyed after all, by time or by an operator. */
  onObeyed(obeyed: Obeyed): void;
  /** What is held has changed: the hub is to hear it. [PUB20] */
  onHeld?(): void;
}

export interface WithdrawalReport {
  readonly collection: CollectionName;
  readonly keys: number;
  /** ISO 8601. */
  readonly since: string;
  /** `null`: an operator has rejected it. */
  readonly until: string | null;
}

/**
 * After a change, and at most so often: a cluster that changes all the time costs a file a minute.
 */
const WRITE_FIRST_MS = 2_000;
const WRITE_MS = 60_000;
const MAX_GONE = 50_000;
/** A large cluster's file takes at most a thousandth of the time. */
const WRITE_SHARE = 1_000;

export class Withdrawals {
  readonly #options: WithdrawalOptions;
  readonly #guard: WithdrawalGuard;
  /** Keys that an earlier process published, until this one has compared what the hub has. */
  readonly #known: Map<string, HeldKey>;
  readonly #compared = new Set<Channel>();
  /**
   * Ids of what this process has let go before it compared: a standby may see much go before it
   * publishes.
   */
  readonly #gone = new Set<string>();
  #cancelExpiry: (() => void) | null = null;
  #cancelWrite: (() => void) | null = null;
  #wroteMs = Number.NEGATIVE_INFINITY;
  #pauseMs = WRITE_MS;
  #told = "[]";
  #heldText = "[]";

  constructor(options: WithdrawalOptions) {
    this.#options = options;
    const { keys, holds } = readPublished(options.stateDir);
    this.#known = new Map(keys.map((held) => [toId(held.keyHash), held]));
    this.#guard = new WithdrawalGuard(options.local, options.holdMs, holds);
    this.#afterChange();
  }

  report(): readonly WithdrawalReport[] {
    return this.#guard.holds.map(({ collection, keys, sinceMs, untilMs }) => ({
      collection,
      keys,
      since: new Date(sinceMs).toISOString(),
      until: untilMs === null ? null : new Date(untilMs).toISOString(),
    }));
  }

  /** @returns What is obeyed now. */
  judgeChanges(changes: readonly EncodedChange[]): Obeyed {
    const obeyed = this.#guard.judgeChanges(changes, this.#nowMs());
    this.#noteGone(obeyed.changes);
    this.#afterChange();
    this.#writeLater();
    return obeyed;
  }

  /**
   * Of what the hub has of a channel and this process does not: what is not to be withdrawn now.
   * @returns Ids of keys.
   */
  review(channel: Channel, missing: readonly Uint8Array[]): ReadonlySet<string> {
    const isFirst = !this.#compared.has(channel);
    this.compared(channel);
    // Later comparisons find what this process has obeyed while the hub was away.
    if (isFirst) {
      const found = missing
        .filter((keyHash) => !this.#gone.has(toId(keyHash)))
        .map(
          (keyHash): HeldKey =>
            this.#known.get(toId(keyHash)) ?? {
              keyHash,
              channel,
              collection: "unknown",
              object: "",
              ips: [],
              key: null,
            },
        );
      this.#guard.review(channel, found, this.#nowMs());
      if (this.#isCompared) {
        this.#guard.endComparison();
        this.#gone.clear();
      }
    }
    this.#afterChange();
    this.#writeLater();
    return new Set(missing.filter((hash) => this.#guard.isHeld(hash)).map(toId));
  }

  /** Notes that a channel was compared with the hub. */
  compared(channel: Channel): void {
    this.#compared.add(channel);
  }

  /** By an operator. @param collection `null`: all. @returns How many keys it is about. */
  decide(decision: "confirm" | "reject", collection: CollectionName | null): number {
    const about = this.#guard.holds
      .filter((hold) => collection === null || hold.collection === collection)
      .reduce((sum, { keys }) => sum + keys, 0);
    const { log } = this.#options;
    log.warn(
      { collection: collection ?? "all", keys: about },
      `an operator has ${decision === "confirm" ? "confirmed" : "rejected"} the withdrawal of ${about} keys`,
    );
    if (decision === "confirm") {
      const obeyed = this.#guard.confirm(collection);
      this.#noteGone(obeyed.changes);
      this.#options.onObeyed(obeyed);
    } else this.#guard.reject(collection);
    this.#afterChange();
    this.#write();
    return about;
  }

  /** What is held, for the hub. */
  held(): readonly HeldWithdrawal[] {
    return this.#guard.holds
      .filter(({ keys }) => keys > 0)
      .map(({ collection, keys, sinceMs, untilMs }) => ({ collection, keys, sinceMs, untilMs }));
  }

  /**
   * By an operator, at the hub. What it names is decided once: a hold that began at another time is
   * another one. [PUB20]
   */
  obey(order: WithdrawalOrder | undefined): void {
    if (order === undefined) return;
    const { decision, holds } = order;
    for (const { collection, untilMs, sinceMs } of this.held()) {
      const isNamed = holds.some((one) => one.collection === collection && one.sinceMs === sinceMs);
      const isNews = decision === "confirm" || untilMs !== null;
      if (isNamed && isNews && isCollectionName(collection)) this.decide(decision, collection);
    }
  }

  stop(): void {
    this.#cancelExpiry?.();
    if (this.#cancelWrite !== null) this.#write();
  }

  #noteGone(changes: readonly EncodedChange[]): void {
    if (this.#isCompared) return;
    for (const change of changes) {
      if (change.op === "put" && this.#known.size === 0 && this.#gone.size === 0) continue;
      const id = toId(change.op === "put" ? change.keyHash : hashKey(change.key));
      this.#known.delete(id);
      this.#gone.delete(id);
      if (change.op === "put") continue;
      this.#gone.add(id);
      const [oldest] = this.#gone;
      if (this.#gone.size > MAX_GONE && oldest !== undefined) this.#gone.delete(oldest);
    }
  }

  get #isCompared(): boolean {
    return FELIX_CHANNELS.every((channel) => this.#compared.has(channel));
  }

  #nowMs(): number {
    return this.#options.ports.wallMs?.() ?? Date.now();
  }

  #expire(): void {
    const obeyed = this.#guard.expire(this.#nowMs());
    this.#noteGone(obeyed.changes);
    const count = obeyed.changes.length + obeyed.withdrawn.length;
    if (count > 0)
      this.#options.log.warn({ keys: count }, `${count} keys are withdrawn: their time is over`);
    this.#options.onObeyed(obeyed);
    this.#afterChange();
    this.#writeLater();
  }

  /** Sets the clock to the next hold that ends, and tells what is new. */
  #afterChange(): void {
    this.#cancelExpiry?.();
    this.#cancelExpiry = null;
    const { holds } = this.#guard;
    // fault: hold-without-end
    const ends = holds.flatMap(({ untilMs }) => untilMs ?? []);
    if (ends.length > 0)
      this.#cancelExpiry = this.#options.ports.after(
        Math.max(0, Math.min(...ends) - this.#nowMs()),
        () => this.#expire(),
      );
    const heldText = JSON.stringify(this.held());
    if (heldText !== this.#heldText) {
      this.#heldText = heldText;
      this.#options.onHeld?.();
    }
    // One that is remembered is told again when its keys are known.
    const known = holds.filter(({ keys }) => keys > 0);
    const told = JSON.stringify(known.map(({ collection, untilMs }) => [collection, untilMs]));
    if (told === this.#told) return;
    for (const { collection, keys, until } of this.report())
      if (until !== null && keys > 0 && !this.#told.includes(`"${collection}",`))
        this.#options.log.warn(
          { collection, keys, until },
          `${keys} of ${collection} are missing from a complete list: they stay published until ${until}, or until \`catwalk relay withdrawal confirm\` (or reject) says`,
        );
    if (known.length === 0) this.#options.log.info("no withdrawal is held any more");
    this.#told = told;
  }

  #writeLater(): void {
    if (this.#options.holdMs === 0) return;
    const sinceMs = this.#nowMs() - this.#wroteMs;
    this.#cancelWrite ??= this.#options.ports.after(
      Math.max(WRITE_FIRST_MS, this.#pauseMs - sinceMs),
      () => this.#writeWhenListed(),
    );
  }

  #writeWhenListed(): void {
    this.#cancelWrite = null;
    if (this.#options.isListed?.() === false) this.#writeLater();
    else this.#write();
  }

  #write(): void {
    this.#cancelWrite?.();
    this.#cancelWrite = null;
    if (this.#options.holdMs === 0) return;
    const beganMs = performance.now();
    const live = [...this.#options.local.records()].map(heldOf);
    const earlier = this.#guard.held().filter(({ key }) => key === null);
    const before = this.#isCompared ? [] : [...this.#known.values()];
    const holds = this.#guard.holds.map(({ collection, sinceMs, untilMs }) => ({
      collection,
      sinceMs,
      untilMs,
    }));
    try {
      writePublished(this.#options.stateDir, { keys: [...live, ...earlier, ...before], holds });
    } catch (error) {
      this.#options.log.warn(
        { error: String(error) },
        "what is published cannot be written down: a restart would hold less precisely",
      );
    }
    this.#wroteMs = this.#nowMs();
    this.#pauseMs = Math.max(WRITE_MS, (performance.now() - beganMs) * WRITE_SHARE);
  }
}

/** As an operator names it. */
export function isCollectionName(text: string): text is CollectionName {
  return (COLLECTION_NAMES as readonly string[]).includes(text);
}
