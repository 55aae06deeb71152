/** What an Origin needs from outside. A Durable Object implements them thinly; the simulation implements them with a seed. */
import type { Clock, Random } from "../../shared/lib/clock.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import type { ClusterNote, RangeClaim } from "../../shared/visibility/facts.ts";
import type { ReaderMemory } from "./budgets/reader-memory.ts";
import type { LogStore } from "./log/log-store.ts";
import type { MemberWork } from "./budgets/member-work.ts";

/** Identity of an open socket; never reused while the Origin lives. */
export type SocketId = string;

/** Who is at the other end, as the Worker has authenticated it. */
export interface Peer {
  /** `home`: the cluster's own relay. `watch`: a reading cluster's relay. `admin`: the admin API reads as `clusterUid` may. */
  readonly role: "home" | "watch" | "admin";
  readonly clusterUid: string;
  readonly keyGeneration: number;
}

export interface SocketPort {
  /** Queues bytes; a socket that is gone is ignored, its close event comes separately. */
  send(socket: SocketId, bytes: Uint8Array): void;
  close(socket: SocketId, reason: CloseReason, message: string): void;
  /** Unix ms of its last heartbeat, which is answered without waking this object; `null` when there was none yet. */
  lastHeartbeatMs(socket: SocketId): number | null;
  /** Keeps a small note with the socket, which survives the eviction of this object but not the socket. */
  saveNote(socket: SocketId, note: string): void;
}

/** Calls to the Mesh object; the answer comes back as an event, or never. */
export interface MeshPort {
  /** Answered by `onAnswer`, or `onPullFailed`. */
  pullFacts(): void;
  /** Answered by `onAnswer`, or `onClaimFailed`. */
  claimRanges(claims: readonly RangeClaim[]): void;
  /** Answered by `onAnswer`, or `onNoteFailed`. */
  note(note: ClusterNote): void;
}

/** Leaves that are hashed for digests that go with their commits, over time and at once. */
export interface DigestLeaves {
  readonly perSecond: number;
  readonly atOnce: number;
}

export type TimerName =
  | "checkpoint"
  | "fold"
  | "rejudge"
  | "pull"
  | "serve"
  | "commit"
  | "room"
  | "home"
  | "project"
  | "note"
  | "held"
  | "claim"
  | "wipe";

export interface OriginPorts {
  readonly store: LogStore;
  readonly sockets: SocketPort;
  readonly mesh: MeshPort;
  readonly clock: Clock;
  readonly random: Random;
  /** What the process holds for all who read, over all its Origins. [LOG26] */
  readonly room: ReaderMemory;
  /** What this process may do for each member, over all its Origins. [LOG28] */
  readonly work: MemberWork;
  /** Shortest time between a publisher's frames, in ms: what the disk can do, or what a commit costs. [LOG17] */
  readonly paceMs: number;
  /** What digests that go with their commits may cost. [LOG20] */
  readonly digestLeaves: DigestLeaves;
  /** Whether other publishers are at work in the same thread. [LOG22] */
  isShared(): boolean;
  /** Calls `onTimer(name)` after the delay; one that is pending is brought forward, never put off. While one is pending the object is not evicted. */
  setTimer(name: TimerName, delayMs: number): void;
  log(
    level: "info" | "warn" | "error",
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ): void;
}
