/**
 * The log of a channel that a reader may not have: empty for ever, with one epoch everywhere. A
 * reader is served it as any other, so one that had the channel before removes what it holds, and
 * is in sync with nothing. [VIS51]
 */
import { WITHHELD_EPOCH } from "../../../shared/log/cursor.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { ChannelLog } from "./channel-log.ts";
import type { ChannelStore } from "./log-store.ts";
import { PieceBudget } from "./small-frames.ts";

export function emptyLog(channel: Channel): ChannelLog {
  return new ChannelLog(channel, STORE, new PieceBudget(), () => WITHHELD_EPOCH);
}

function never(): never {
  throw new Error("BUG: a withheld channel is never written");
}

const STORE: ChannelStore = {
  transaction: (work) => work(),
  channel: () => ({ epoch: WITHHELD_EPOCH, populated: true, foldedTo: 0 }),
  saveChannel: never,
  putFrame: never,
  frame: () => undefined,
  frameRevisions: () => [],
  frameHead: () => undefined,
  blobHeads: () => [],
  blobEntries: () => undefined,
  blob: () => undefined,
  replaceBlob: never,
  quarantine: never,
  release: never,
  quarantined: () => undefined,
  quarantinedHashes: () => [],
};
