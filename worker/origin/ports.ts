/**
 * Ports of an Origin: its environment as parameters. A Durable Object implements them thinly; the
 * simulation implements them with a seed.
 */
import type { Clock, Random } from "../../shared/lib/clock.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import type { ClusterNote, RangeClaim } from "../../shared/visibility/facts.ts";
import type { ClusterHealth } from "../../shared/visibility/health.ts";
import type { MemberWork } from "./budgets/member-work.ts";
import type { ReaderMemory } from "./budgets/reader-memory.ts";
import type { LogStore } from "./log/log-store.ts";
import type { SocketId } from "./peer.ts";
import type { TimerName } from "./timers.ts";

export interface SocketPort {
  /** Queues bytes; a socket that is gone is ignored, its close event comes separately. */
  send(socket: SocketId, bytes: Uint8Array): void;
  close(socket: SocketId, reason: CloseReason, message: string): void;
  /**
   * Unix ms of its last heartbeat, which is answered without waking this object; `null` when there
   * was none yet.
   */
  lastHeartbeatMs(socket: SocketId): number | null;
  /**
   * Keeps a small note with the socket: it survives the eviction of this object, not the socket.
   */
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
  /** Answered by `onHealthFailed`, or not at all. */
  tellHealth(health: ClusterHealth): void;
}

/** Leaves that are hashed for digests that go with their commits, over time and at once. */
export interface DigestLeaves {
  readonly perSecond: number;
  readonly atOnce: number;
}

export interface OriginPorts {
  readonly store: LogStore;
  readonly sockets: SocketPort;
  readonly mesh: MeshPort;
  readonly clock: Clock;
  readonly random: Random;
  /** 32 unpredictable bits for hash tables whose keys a publisher chooses. */
  readonly hashSeed: number;
  /** Memory that the process holds for readers, over all its Origins. [LOG26] */
  readonly readerMemory: ReaderMemory;
  /** Work that the process does for each member, over all its Origins. [LOG28] */
  readonly memberWork: MemberWork;
  /**
   * Shortest time between a publisher's frames, in ms: the disk's share, or the cost of a commit.
   * [LOG17]
   */
  paceMs(): number;
  /** Cost allowed for digests that go with their commits. [LOG20] */
  readonly digestLeaves: DigestLeaves;
  /**
   * How often to look whether the publisher has fallen silent; `null`: its socket's close tells it,
   * because an object that looks by the clock is kept awake, and billed.
   */
  readonly silenceLookMs: number | null;
  /**
   * Calls `onHealth("alarm")` at that Unix time, in this instance or the next one; a later call
   * replaces it. `null`: the object does not sleep, and timers do.
   */
  readonly healthAlarm: ((atMs: number) => void) | null;
  /** Whether other publishers are at work in the same thread. [LOG22] */
  isShared(): boolean;
  /**
   * Calls `onTimer(name)` after the delay; one that is pending is brought forward, never put off.
   * While one is pending the object is not evicted.
   */
  setTimer(name: TimerName, delayMs: number): void;
  /**
   * An event has thrown. Its transaction is rolled back and memory is ahead of the disk (a full
   * disk, a bug): the instance is given up, with all its sockets. [LOG13]
   */
  giveUp(event: string, error: unknown): void;
  log(
    level: "info" | "warn" | "error",
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ): void;
}
