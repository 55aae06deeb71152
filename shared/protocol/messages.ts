/**
 * The messages between relays and hub; SPEC.md [PRO] has the sequence and what each side does on
 * each error. Messages about a log are addressed by (origin, channel): `origin` is a handle, 0 for
 * the origin that the socket was opened for; a relay that re-serves several origins to its cluster
 * announces further handles. Bytes are `Uint8Array`, positions integers.
 */
import type { PartitionDigest } from "../log/partition.ts";
import type { Channel } from "../record/channel.ts";
import type { AskHeads, Heads } from "./head-messages.ts";

export interface LogAddress {
  readonly origin: number;
  readonly channel: Channel;
}

export interface ChannelCursor {
  readonly channel: Channel;
  readonly epoch: string;
  readonly revision: number;
  readonly chain: Uint8Array;
}

/**
 * Reader → hub, first message. `cursors` lists the channels it has a position in; the others are
 * first contact.
 */
export interface WatchHello {
  readonly type: "watch-hello";
  readonly versions: readonly number[];
  /** Software and version, for people. */
  readonly software: string;
  /**
   * Newest access version the relay has seen, 0 for none: a hub that is behind asks the Mesh before
   * it sends anything.
   */
  readonly accessVersion: number;
  readonly creditBytes: number;
  readonly channels: readonly Channel[];
  readonly cursors: readonly ChannelCursor[];
}

export interface WatchWelcome {
  readonly type: "watch-welcome";
  readonly version: number;
  readonly originUid: string;
  readonly accessVersion: number;
}

/** Hub → reader: the tail after your cursor follows. */
export interface Resume extends LogAddress {
  readonly type: "resume";
  readonly after: number;
}

/** Hub → reader: your position does not help; send `repair`. */
export interface RepairNeeded extends LogAddress {
  readonly type: "repair-needed";
  readonly epoch: string;
  readonly reason: string;
}

/** Reader → hub: digests of the leaves of what I hold (all channels of one log). */
export interface Repair extends LogAddress {
  readonly type: "repair";
  readonly leaves: readonly PartitionDigest[];
}

/**
 * Hub → reader: `blobs` blobs follow, then the tail after `after` (whose chain is given). A tail
 * change counts for a key only above the revision of the blob that covered it, or above `head`
 * where no blob was sent because digests were equal.
 */
export interface RepairPlan extends LogAddress {
  readonly type: "repair-plan";
  readonly epoch: string;
  readonly head: number;
  readonly blobs: number;
  readonly after: number;
  readonly chain: Uint8Array;
}

/** All records of a partition at a revision; replaces the partition. */
export interface Blob extends LogAddress {
  readonly type: "blob";
  readonly bits: number;
  readonly prefix: number;
  readonly revision: number;
  readonly payload: Uint8Array;
}

/** One commit. `previous` is the chain before it. */
export interface Frame extends LogAddress {
  readonly type: "frame";
  readonly revision: number;
  readonly previous: Uint8Array;
  readonly payload: Uint8Array;
  /**
   * The checkpoint at this revision, of a log whose digest was soon made; else `null`. Since
   * version 2. [LOG20]
   */
  readonly settled: Settled | null;
  /**
   * When the oldest change of it was seen at its source, Unix ms by the hub's clock; absent or
   * `null`: not known. Since version 5. [API55]
   */
  readonly seenMs?: number | null;
}

/** What a checkpoint says, without where. */
export type Settled = Pick<Checkpoint, "digest" | "populated" | "sweep">;

/**
 * The net effect of the commits after `after` up to `revision`, for a reader that is behind: of
 * keys that change again after `revision` nothing is said, for a later message says it. `previous`
 * is the chain at `after`, `chain` that at `revision`. Since version 2. [LOG15]
 */
export interface CatchUp extends LogAddress {
  readonly type: "catch-up";
  readonly after: number;
  readonly previous: Uint8Array;
  readonly revision: number;
  readonly chain: Uint8Array;
  readonly payload: Uint8Array;
}

/**
 * "At `revision` the digest is this": follows everything up to it. `populated`: a publisher has
 * completed a reconciliation in this epoch; a log that is not gives no in-sync. `sweep`: and has
 * done so since this hub may have lost anything, so what a reader holds beyond the log is gone for
 * good and may be removed. [LOG7]
 */
export interface Checkpoint extends LogAddress {
  readonly type: "checkpoint";
  readonly epoch: string;
  readonly revision: number;
  readonly digest: Uint8Array;
  readonly populated: boolean;
  readonly sweep: boolean;
}

/**
 * Reader → hub: durably applied up to `revision` (0 while it has no position, in a repair), and
 * bytes of all messages taken in since the socket opened.
 */
export interface ReaderAck extends LogAddress {
  readonly type: "reader-ack";
  readonly revision: number;
  readonly chain: Uint8Array;
  readonly receivedBytes: number;
  /** The last mark that came; `null`: none did. Since version 3. */
  readonly mark: number | null;
}

/**
 * Hub → reader: who names this number, which nobody can guess, has taken all that was sent before.
 * Acknowledged at once. Since version 3. [LOG25]
 */
export interface Mark {
  readonly type: "mark";
  readonly token: number;
}

/**
 * Relay → hub, first message on a home socket. Without a Lease `leaseUid` is empty and `term` is
 * what the hub handed out, 0 at the start. A standby says it again now and then, to ask whether the
 * publisher is still there.
 */
export interface HomeHello {
  readonly type: "home-hello";
  readonly versions: readonly number[];
  readonly software: string;
  readonly accessVersion: number;
  readonly leaseUid: string;
  readonly term: number;
  /**
   * Made up by each start of a relay, which publishes where nobody else does and else stands by;
   * `null` of version 1: takes over. Since version 2. [VIS30]
   */
  readonly candidate: string | null;
}

export interface ReceivedState {
  readonly channel: Channel;
  readonly epoch: string;
  readonly head: number;
  /** Digest of what the hub has received (admitted or not). */
  readonly digest: Uint8Array;
}

export interface HomeWelcome {
  readonly type: "home-welcome";
  readonly version: number;
  readonly term: number;
  readonly paceMs: number;
  readonly channels: readonly ReceivedState[];
  /**
   * Another relay of the cluster publishes: hear what may be seen, report, and wait for another
   * welcome. `null`: you publish. Since version 2.
   */
  readonly isStandby: true | null;
}

/** Publisher → hub: my leaves; tell me what you have where they differ. */
export interface Reconcile {
  readonly type: "reconcile";
  readonly channel: Channel;
  readonly leaves: readonly PartitionDigest[];
}

/**
 * Hub → publisher: (key hash, record hash) pairs of a partition that differs. `isLast` ends the
 * answer, also an empty one.
 */
export interface Difference {
  readonly type: "difference";
  readonly channel: Channel;
  readonly bits: number;
  readonly prefix: number;
  readonly pairs: Uint8Array;
  readonly isLast: boolean;
}

export interface Publish {
  readonly type: "publish";
  readonly channel: Channel;
  /** Counts the publisher's frames on this socket from 1. */
  readonly sequence: number;
  readonly payload: Uint8Array;
  /** See `Frame`. Since version 5. */
  readonly seenMs?: number | null;
}

/** Hub → publisher: committed. `refused` changes of it are quarantined. */
export interface Accepted {
  readonly type: "accepted";
  readonly channel: Channel;
  readonly sequence: number;
  readonly epoch: string;
  readonly revision: number;
  readonly refused: number;
  readonly paceMs: number;
}

/**
 * Publisher → hub: my source has listed completely and the hub has received all of it: this channel
 * is populated.
 */
export interface Reconciled {
  readonly type: "reconciled";
  readonly channel: Channel;
}

/** Hub → relay on the home socket: `OriginFacts` without its readers, as JSON. */
export interface Access {
  readonly type: "access";
  readonly facts: string;
}

/** Relay → hub on the home socket. */
export interface Report {
  readonly type: "report";
  /** `EdgeReport[]` as JSON. */
  readonly edges: string;
  /** `ClusterReport` as JSON; `null`: a relay of a version that has none. */
  readonly cluster: string | null;
}

export type ReaderMessage = WatchHello | Repair | ReaderAck | AskHeads;
export type WatchMessage =
  | WatchWelcome
  | Resume
  | RepairNeeded
  | RepairPlan
  | Blob
  | Frame
  | CatchUp
  | Mark
  | Heads
  | Checkpoint;
export type PublisherMessage = HomeHello | Reconcile | Publish | Reconciled | Report | AskHeads;
export type HomeMessage = HomeWelcome | Difference | Accepted | Access | Heads;
export type Message = ReaderMessage | WatchMessage | PublisherMessage | HomeMessage;

/** Text frames, not messages: answered by the platform without waking the hub. */
export const PING_TEXT = "ping";
export const PONG_TEXT = "pong";
