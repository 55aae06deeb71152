/** One reader of an Origin: its socket, its progress in each channel, and its account of bytes. */
import type { DeliveryAccount } from "../budgets/delivery-account.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { Logs } from "../log/channel-logs.ts";
import type { Peer, SocketId } from "../peer.ts";
import type { Progress } from "./reader-progress.ts";

/** Approximate memory of a reader's objects. */
export const READER_BYTES = 2_000;

/** A channel that the reader has asked for. */
export interface ReaderChannel {
  readonly log: ChannelLog;
  progress: Progress;
  /** Acknowledged revision; `null` while the reader has no position. */
  acknowledged: number | null;
  /** Revision of the last checkpoint; `null` where the next one must be sent. */
  checkpointed: number | null;
}

export interface Reader {
  readonly socket: SocketId;
  readonly peer: Peer;
  /** The origin's own logs, or those of a projection. */
  readonly logs: Logs;
  /** Protocol version. */
  readonly version: number;
  readonly creditBytes: number;
  readonly account: DeliveryAccount;
  /** Last time it was known to have received something, or was sent something while idle. */
  movedMs: number;
  /** In the order in which it asked for them. */
  readonly channels: ReaderChannel[];
}

/** A reader that has no position yet. */
export function newReader(
  socket: SocketId,
  peer: Peer,
  logs: Logs,
  version: number,
  creditBytes: number,
  account: DeliveryAccount,
): Reader {
  account.begin(version);
  return { socket, peer, logs, version, creditBytes, account, movedMs: 0, channels: [] };
}
