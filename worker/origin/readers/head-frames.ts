/**
 * The frames of one event, encoded once for all readers that are sent them: with the log's digest
 * where it goes with the commit. [LOG20]
 */
import { encodeMessage } from "../../../shared/protocol/codec.ts";
import type { Settled } from "../../../shared/protocol/messages.ts";
import { SEEN_VERSION } from "../../../shared/protocol/version.ts";
import { CATCH_UP_VERSION } from "./catch-up.ts";
import type { ChannelLog } from "../log/channel-log.ts";

interface SweepRule {
  canSweep(log: ChannelLog): boolean;
}

export interface HeadFrame {
  readonly bytes: Uint8Array;
  /** It has the digest: no checkpoint need follow. */
  readonly isSettled: boolean;
}

export class HeadFrames {
  readonly #knowsDigest: ((log: ChannelLog) => boolean) | null;
  readonly #rule: SweepRule;
  /** By log: without the digest, with it for readers that know it, and with the time besides. */
  readonly #heads = new Map<ChannelLog, [HeadFrame?, HeadFrame?, HeadFrame?]>();
  readonly #settled = new Map<ChannelLog, boolean>();
  /** Frames behind the head for readers of an older version, by epoch and revision. */
  readonly #older = new Map<string, HeadFrame | undefined>();

  /** @param knowsDigest After a commit: whether a log's digest goes with it. Called once a log. */
  constructor(knowsDigest: ((log: ChannelLog) => boolean) | null, rule: SweepRule) {
    this.#knowsDigest = knowsDigest;
    this.#rule = rule;
  }

  /** Whether the digests of all logs whose head was asked for go with it, or may follow at once. */
  get areSettled(): boolean {
    return [...this.#settled.values()].every(Boolean);
  }

  /** @param version Protocol version of the reader. */
  get(log: ChannelLog, revision: number, version: number): HeadFrame | undefined {
    if (revision !== log.head) return this.#olderFrame(log, revision);
    let heads = this.#heads.get(log);
    if (heads === undefined) this.#heads.set(log, (heads = []));
    const isTimed = version >= SEEN_VERSION && log.seen?.revision === revision;
    const slot = isTimed ? 2 : version >= CATCH_UP_VERSION ? 1 : 0;
    const known = heads[slot];
    if (known !== undefined) return known;
    const isSettled = this.#isSettled(log) && slot > 0;
    const head = this.#encode(log, revision, isSettled, isTimed);
    if (head !== undefined) heads[slot] = head;
    return head;
  }

  #isSettled(log: ChannelLog): boolean {
    const known = this.#settled.get(log);
    if (known !== undefined) return known;
    const isSettled = this.#knowsDigest?.(log) === true;
    this.#settled.set(log, isSettled);
    return isSettled;
  }

  #olderFrame(log: ChannelLog, revision: number): HeadFrame | undefined {
    const id = `${log.epoch} ${revision}`;
    if (!this.#older.has(id)) this.#older.set(id, this.#encode(log, revision, false));
    return this.#older.get(id);
  }

  #encode(
    log: ChannelLog,
    revision: number,
    isSettled: boolean,
    isTimed = false,
  ): HeadFrame | undefined {
    const frame = log.frame(revision);
    if (frame === undefined) return undefined;
    const { previous, payload } = frame;
    const settled = isSettled ? settledOf(log, this.#rule) : null;
    const { channel } = log;
    const bytes = encodeMessage({
      type: "frame",
      origin: 0,
      channel,
      revision,
      previous,
      payload,
      settled,
      ...(isTimed && { seenMs: log.seen?.atMs ?? null }),
    });
    return { bytes, isSettled };
  }
}

/** The content of a checkpoint at the head. */
export function settledOf(log: ChannelLog, rule: SweepRule): Settled {
  return {
    digest: log.admitted.digest(),
    populated: log.populated,
    sweep: rule.canSweep(log),
  };
}
