/**
 * One Origin with its publisher and readers, all real, in one process: messages go through the
 * codec, storage is SQLite in memory, time stands still until moved, and the Origin may be evicted
 * (made anew from its storage, sockets kept) between any two messages.
 */
import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import type { ClusterNote, OriginFacts, RangeClaim } from "../../shared/visibility/facts.ts";
import { DIGEST_LEAVES } from "../../worker/origin/readers/digest-announcer.ts";
import { ReaderMemory } from "../../worker/origin/budgets/reader-memory.ts";
import { MemberWork } from "../../worker/origin/budgets/member-work.ts";
import { Origin } from "../../worker/origin/origin.ts";
import type { Peer } from "../../worker/origin/peer.ts";
import type { OriginPorts } from "../../worker/origin/ports.ts";
import type { ClusterHealth } from "../../shared/visibility/health.ts";
import type { TimerName } from "../../worker/origin/timers.ts";
import { SqliteLogStore } from "../../worker/origin/log/sqlite-log-store.ts";
import type { SqlDatabase } from "../../worker/storage/sql.ts";
import { nodeSql } from "./node-sql.ts";

export const ORIGIN_UID = "b".repeat(32);
export const READER_UID = "a".repeat(32);

export function facts(overrides: Partial<OriginFacts> = {}): OriginFacts {
  return {
    meshId: "mesh-1",
    meshName: "demo",
    accessVersion: 1,
    cluster: { uid: ORIGIN_UID, name: "db" },
    keyGeneration: 1,
    removed: false,
    readers: [{ cluster: { uid: READER_UID, name: "app" }, keyGeneration: 1, rcc: "db" }],
    remotes: [],
    ranges: { pods: ["10.20.0.0/16"], nodes: [] },
    refusedClaims: [],
    ...overrides,
  };
}

interface End {
  readonly peer: Peer;
  note: string;
  /** What the other end has not taken yet: it reads it itself. */
  readonly inbox: Uint8Array[];
  closed: { readonly reason: CloseReason; readonly message: string } | null;
  deliver(message: Message): void;
}

export class OriginWorld {
  readonly sql: SqlDatabase;
  origin: Origin;
  /** What the Mesh would answer; `null`: it does not. */
  facts: OriginFacts | null;
  readonly claims: RangeClaim[] = [];
  readonly notes: ClusterNote[] = [];
  readonly healths: ClusterHealth[] = [];
  readonly timers = new Map<TimerName, number>();
  /** Entries of the largest part in which an Origin has read its logs. */
  largestPart = 0;
  nowMs = 1_000_000;
  readonly paceMs: number;
  pulls = 0;
  /** The Mesh answers that it knows no such cluster. */
  isUnknown = false;
  /** Other publishers are at work. */
  isShared = false;
  /** When the hub last heard of a socket without being woken. */
  readonly heartbeats = new Map<string, number>();
  /** Events that threw. */
  readonly failures: string[] = [];
  /** What the Origin has sent to anybody. */
  sentBytes = 0;
  /** Runs each event of the Origin: the name of its message or timer, and what is done. */
  around: (event: string, work: () => void) => void = (_, work) => work();
  /** What the process holds for readers. */
  room = new ReaderMemory();
  work = new MemberWork();
  /** Who is closed does not go: it reads not even that. */
  areDeaf = false;
  readonly #ends = new Map<string, End>();
  #nextSocket = 0;
  #pullDue = false;

  constructor(initial: OriginFacts | null = facts(), sql: SqlDatabase = nodeSql(), paceMs = 5) {
    this.sql = sql;
    this.paceMs = paceMs;
    this.facts = initial;
    this.origin = this.#make();
  }

  /** Makes the Origin anew from its storage; sockets and their notes stay. */
  evict(): void {
    // What was due at once has run: a pending timer keeps an object awake.
    this.settle();
    this.timers.clear();
    this.origin = this.#make();
    for (const [id, end] of this.#ends)
      if (end.closed === null) this.origin.onRestore(id, end.peer, end.note);
    this.settle();
  }

  /** The process was killed: the storage stays, every socket is gone. */
  crash(): void {
    this.timers.clear();
    this.room = new ReaderMemory();
    this.#ends.clear();
    this.origin = this.#make();
  }

  connect(peer: Peer, deliver: (message: Message) => void): string {
    const id = `s${this.#nextSocket++}`;
    this.#ends.set(id, { peer, note: "", inbox: [], closed: null, deliver });
    this.origin.onOpen(id, peer);
    return id;
  }

  disconnect(id: string): void {
    if (this.#ends.delete(id)) this.origin.onClose(id);
  }

  closedWith(id: string): CloseReason | null {
    return this.#ends.get(id)?.closed?.reason ?? null;
  }

  closeMessage(id: string): string {
    return this.#ends.get(id)?.closed?.message ?? "";
  }

  toOrigin(id: string, message: Message): void {
    this.raw(id, encodeMessage(message), message.type);
  }

  /**
   * What throws gives the instance up, as the object does: every socket is gone, the next one is
   * made from what is stored.
   */
  raw(id: string, bytes: Uint8Array, event = "raw"): void {
    if (this.#ends.get(id)?.closed !== null) return;
    this.#guarded(event, () => this.origin.onMessage(id, bytes));
  }

  #guarded(event: string, work: () => void): void {
    try {
      this.around(event, work);
    } catch (error) {
      this.failures.push(String(error));
      this.crash();
    }
  }

  /** Takes facts as the Mesh would push them. */
  push(next: OriginFacts): void {
    this.facts = next;
    this.around("facts", () => this.origin.onFacts(next));
    this.settle();
  }

  /** Delivers everything until nothing is under way; timers of no delay run. */
  settle(): void {
    for (let rounds = 0; rounds < 100_000; rounds++) {
      if (this.#answerPull()) continue;
      const busy = [...this.#ends.values()].find((end) => end.inbox.length > 0);
      if (busy !== undefined) {
        const decoded = decodeMessage(busy.inbox.shift() as Uint8Array);
        if (!decoded.ok)
          throw new Error(`the Origin sent a message that breaks the protocol: ${decoded.rule}`);
        busy.deliver(decoded.message);
        continue;
      }
      const due = [...this.timers].find(([, at]) => at <= this.nowMs);
      if (due === undefined) return;
      this.timers.delete(due[0]);
      this.#guarded(`timer ${due[0]}`, () => this.origin.onTimer(due[0]));
    }
    throw new Error("the world does not settle");
  }

  /** Moves time, running what falls due. */
  advance(ms: number): void {
    const until = this.nowMs + ms;
    for (;;) {
      this.settle();
      const next = Math.min(...this.timers.values());
      if (next > until) break;
      this.nowMs = Math.max(this.nowMs, next);
    }
    this.nowMs = until;
    this.settle();
  }

  /** Runs one timer alone, however long it would still wait. */
  fire(name: TimerName): void {
    if (this.timers.delete(name)) this.#guarded(`timer ${name}`, () => this.origin.onTimer(name));
  }

  #answerPull(): boolean {
    if (!this.#pullDue) return false;
    this.#pullDue = false;
    const { facts: known } = this;
    if (this.isUnknown) this.origin.onUnknown();
    else if (known === null) this.origin.onPullFailed("the mesh is away");
    else this.around("answer", () => this.origin.onAnswer(known));
    return true;
  }

  #make(): Origin {
    const origin = new Origin(this.ports());
    for (const entries of origin.load()) this.largestPart = Math.max(this.largestPart, entries);
    return origin;
  }

  ports(): OriginPorts {
    let seed = 7;
    return {
      store: new SqliteLogStore(this.sql),
      clock: { now: () => this.nowMs },
      paceMs: () => this.paceMs,
      digestLeaves: DIGEST_LEAVES,
      silenceLookMs: null,
      healthAlarm: null,
      isShared: () => this.isShared,
      readerMemory: this.room,
      memberWork: this.work,
      hashSeed: 7,
      // What throws is caught where the event is made.
      giveUp: () => undefined,
      random: () => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed / 2_147_483_647;
      },
      sockets: {
        send: (id, bytes) => {
          this.sentBytes += bytes.length;
          this.#ends.get(id)?.inbox.push(bytes);
        },
        close: (id, reason, message) => {
          const end = this.#ends.get(id);
          if (end === undefined) return;
          end.closed = { reason, message };
          if (!this.areDeaf) this.room.release(id);
        },
        lastHeartbeatMs: (id) => this.heartbeats.get(id) ?? null,
        saveNote: (id, note) => {
          const end = this.#ends.get(id);
          if (end !== undefined) end.note = note;
        },
      },
      mesh: {
        pullFacts: () => {
          this.pulls++;
          this.#pullDue = true;
        },
        claimRanges: (claims) => this.claims.push(...claims),
        note: (note) => this.notes.push(note),
        tellHealth: (health) => this.healths.push(health),
      },
      setTimer: (name, delayMs) => {
        const dueMs = this.nowMs + delayMs;
        if ((this.timers.get(name) ?? Infinity) > dueMs) this.timers.set(name, dueMs);
      },
      log: () => undefined,
    };
  }
}
