/** The frames of one event, encoded once for all readers who are to get them: with the log's digest where the commit has settled. [LOG20] */
import { encodeMessage } from "../../shared/protocol/codec.ts";
import type { Settled } from "../../shared/protocol/messages.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { CATCH_UP_VERSION } from "./catch-up.ts";
import type { ChannelLog } from "./channel-log.ts";

interface SweepRule {
  /** Whether a publisher has reconciled the channel since the hub may have lost anything. [LOG7] */
  canSweep(channel: Channel): boolean;
}

export interface HeadFrame {
  readonly bytes: Uint8Array;
  /** It says the digest: no checkpoint need follow. */
  readonly isSettled: boolean;
}

export class HeadFrames {
  readonly #isSettled: boolean;
  readonly #rule: SweepRule;
  readonly #encoded = new Map<string, HeadFrame>();

  constructor(isSettled: boolean, rule: SweepRule) {
    this.#isSettled = isSettled;
    this.#rule = rule;
  }

  /** @param version Of the protocol that the reader speaks. */
  get(log: ChannelLog, revision: number, version: number): HeadFrame | undefined {
    const isSettled = this.#isSettled && revision === log.head && version >= CATCH_UP_VERSION;
    const id = `${log.channel} ${revision} ${isSettled}`;
    const known = this.#encoded.get(id);
    if (known !== undefined) return known;
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
    });
    const encoded = { bytes, isSettled };
    this.#encoded.set(id, encoded);
    return encoded;
  }
}

/** What a checkpoint at the head says. */
export function settledOf(log: ChannelLog, rule: SweepRule): Settled {
  return {
    digest: log.admitted.digest(),
    populated: log.populated,
    sweep: rule.canSweep(log.channel),
  };
}
