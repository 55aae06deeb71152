/** One reader of an Origin: where it stands in each channel, what it may be sent, and what of that outlives an eviction of the object. */
import type { Partition, PartitionDigest } from "../../../shared/log/partition.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { DeliveryAccount } from "../budgets/delivery-account.ts";
import type { Peer, SocketId } from "../ports.ts";
import type { Logs } from "../scopes/projection.ts";

export type Progress =
  /** Told to send its digests. */
  | { readonly phase: "repair-asked" }
  /** Is told so, or is answered, once anything may be sent. */
  | { readonly phase: "ask-due"; readonly reason: string }
  | { readonly phase: "plan-due"; readonly leaves: readonly PartitionDigest[] }
  /**
   * Gets `blobs`, then frames from `next`; above the head it is live. `base`: where the tail of its repair began; `null` where it went on from a position
   * of its own. `greet`: a checkpoint as soon as it is at the head.
   */
  | {
      readonly phase: "sending";
      readonly blobs: Partition[];
      readonly base: number | null;
      next: number;
      greet: boolean;
    };

/** Of the objects that say where a reader stands. */
export const READER_BYTES = 2_000;

export interface Reader {
  readonly socket: SocketId;
  readonly peer: Peer;
  /** What it reads: the origin's own, or those of a projection. */
  readonly logs: Logs;
  /** Of the protocol. */
  readonly version: number;
  readonly creditBytes: number;
  readonly flow: DeliveryAccount;
  /**
   * When it was last known to have taken something, or was sent something with nothing under way.
   */
  movedMs: number;
  readonly channels: Map<Channel, Progress>;
  /** Acknowledged revision per channel; absent while it has no position. */
  readonly acknowledged: Map<Channel, number>;
  /** Revision of the last checkpoint per channel. */
  readonly checkpointed: Map<Channel, number>;
}

/** What outlives an eviction of the object, with the socket: acknowledged positions. What was sent after them is sent again. */
interface ReaderNote {
  /** Absent in notes of hubs that knew one version only. */
  readonly version?: number;
  readonly creditBytes: number;
  /** `null`: no position, to be repaired. */
  readonly positions: readonly (readonly [Channel, number | null])[];
}

/** One that has no position yet. */
export function newReader(
  socket: SocketId,
  peer: Peer,
  logs: Logs,
  version: number,
  creditBytes: number,
  flow: DeliveryAccount,
): Reader {
  flow.begin(version);
  return {
    socket,
    peer,
    logs,
    version,
    creditBytes,
    flow,
    movedMs: 0,
    channels: new Map(),
    acknowledged: new Map(),
    checkpointed: new Map(),
  };
}

export function noteOf(reader: Reader): string {
  const positions = [...reader.channels.keys()].map((channel): [Channel, number | null] => [
    channel,
    reader.acknowledged.get(channel) ?? null,
  ]);
  const { version, creditBytes } = reader;
  const note: ReaderNote = { version, creditBytes, positions };
  return JSON.stringify(note);
}

export function readNote(text: string): Required<ReaderNote> {
  return { version: 1, ...(JSON.parse(text) as ReaderNote) };
}
