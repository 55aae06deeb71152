/**
 * The storage of an Origin. Synchronous: one event is one transaction, and nothing is sent before
 * it is committed. Frames live in ring slots that are updated in place, so a commit writes one row
 * however long the log gets. [LOG4]
 */
import type { Partition } from "../../../shared/log/partition.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { OriginFacts, RangeClaim } from "../../../shared/visibility/facts.ts";
import type { ScopeStatus } from "../../../shared/visibility/origin-status.ts";
import type { Scope } from "../../../shared/visibility/scope.ts";

/**
 * One change of a frame, for the index: key hash and record hash, all zero for a delete; 24 bytes
 * each.
 */
export type EntryBytes = Uint8Array;

export interface StoredFrame {
  readonly revision: number;
  readonly previous: Uint8Array;
  readonly payload: Uint8Array;
  readonly entries: EntryBytes;
}

export interface StoredBlob extends Partition {
  readonly revision: number;
  readonly payload: Uint8Array;
  readonly entries: EntryBytes;
}

export interface StoredBlobHead extends Partition {
  readonly revision: number;
  /** Bytes of its payload. */
  readonly size: number;
}

export interface ChannelState {
  readonly epoch: string;
  /** A publisher has completed a reconciliation in this epoch. */
  readonly populated: boolean;
  /** Every blob holds all changes up to here. */
  readonly foldedTo: number;
}

/** The term of a publisher: compared within one Lease only. */
export interface PublisherTerm {
  readonly leaseUid: string;
  readonly term: number;
}

export interface QuarantinedRecord {
  readonly channel: Channel;
  readonly keyHash: Uint8Array;
  readonly recordHash: Uint8Array;
  readonly kind: string;
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly rule: string;
  readonly message: string;
  readonly claims: readonly RangeClaim[];
}

/** A projection's place: its logs are in a slot of their own. */
export interface StoredProjection {
  /** From 1; the origin's own logs are in slot 0. */
  readonly slot: number;
  /** `null`: the rows of the slot are still to be forgotten. */
  readonly scope: Scope | null;
  readonly state: ScopeStatus["state"];
}

export interface LogStore {
  /** The rows of another slot, in the same database and the same transactions. */
  at(slot: number): LogStore;
  projections(): readonly StoredProjection[];
  saveProjections(projections: readonly StoredProjection[]): void;
  /**
   * Whether the frame of a revision was written by a program that knows projections; one that does
   * not leaves them behind. [SCP8]
   */
  isProjected(channel: Channel, revision: number): boolean;

  transaction<T>(work: () => T): T;

  facts(): OriginFacts | null;
  saveFacts(facts: OriginFacts): void;
  /** The accessVersion by whose facts all that is refused was judged last; 0 for none. */
  judgedVersion(): number;
  saveJudgedVersion(accessVersion: number): void;
  term(): PublisherTerm;
  saveTerm(term: PublisherTerm): void;
  /** Ranges have been narrowed, and not all that is admitted was judged since. [ADM9] */
  mustReview(): boolean;
  saveMustReview(must: boolean): void;

  channel(channel: Channel): ChannelState | null;
  saveChannel(channel: Channel, state: ChannelState): void;

  /** Writes into the slot `revision % BUDGETS.ringFrames`. */
  putFrame(channel: Channel, frame: StoredFrame): void;
  /** The frame of a revision, or `undefined` when its slot holds another one. */
  frame(channel: Channel, revision: number): StoredFrame | undefined;
  /** Revisions of all frames of the ring, ascending. */
  frameRevisions(channel: Channel): number[];
  /** The same as `frame`, without what needs the most memory. */
  frameHead(channel: Channel, revision: number): Omit<StoredFrame, "payload"> | undefined;

  /** Heads of all blobs, in prefix order. */
  blobHeads(channel: Channel): StoredBlobHead[];
  /** In key order. */
  blobEntries(channel: Channel, partition: Partition): EntryBytes | undefined;
  blob(channel: Channel, partition: Partition): Pick<StoredBlob, "payload" | "entries"> | undefined;
  replaceBlob(channel: Channel, old: Partition, blobs: readonly StoredBlob[]): void;

  /** Answers the bytes that are kept of the record. */
  quarantine(record: QuarantinedRecord): number;
  /** Answers the bytes that were kept of the record; 0 where there is none. */
  release(channel: Channel, keyHash: Uint8Array): number;
  quarantined(channel: Channel, keyHash: Uint8Array): QuarantinedRecord | undefined;
  /** In key-hash order after `after`; at most `limit`. */
  quarantinedAfter(channel: Channel, after: Uint8Array, limit: number): QuarantinedRecord[];
  /** The same, their hashes, rules, and bytes that are kept of each. */
  quarantinedHashes(
    channel: Channel,
    after: Uint8Array,
    limit: number,
  ): (Pick<QuarantinedRecord, "keyHash" | "recordHash" | "rule"> & { readonly size: number })[];
  /** Endpoints of which nothing is admitted. */
  quarantinedEndpoints(): number;
  /** Whether a record waits for a range to be pinned. */
  hasPendingClaims(): boolean;

  /**
   * Forgets so many rows of the logs (frames, blobs, quarantine) of this slot, in slot 0 of all,
   * and answers how many there were; with the last ones their channels. Facts and term stay.
   */
  wipeLog(rows: number): number;
}

/** What one channel's log needs of the storage. */
export type ChannelStore = Pick<
  LogStore,
  | "transaction"
  | "channel"
  | "saveChannel"
  | "putFrame"
  | "frame"
  | "frameRevisions"
  | "frameHead"
  | "blobHeads"
  | "blobEntries"
  | "blob"
  | "replaceBlob"
  | "quarantine"
  | "release"
  | "quarantined"
  | "quarantinedHashes"
>;
