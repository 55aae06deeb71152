/**
 * One Origin with its publisher and readers, all real, in one process: messages go through the codec, storage is SQLite in memory, time stands
 * still until moved, and the Origin may be evicted (made anew from its storage, sockets kept) between any two messages.
 */
import type { RecordChange } from "../../shared/record/record.ts";
import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import type { HomeMessage, Message, WatchMessage } from "../../shared/protocol/messages.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import type { OriginFacts, RangeClaim } from "../../shared/visibility/facts.ts";
import { LocalState } from "../../relay/publish/local-state.ts";
import { Publisher } from "../../relay/publish/publisher.ts";
import { MemoryView } from "../../relay/view/memory-view.ts";
import type { ViewChange } from "../../relay/view/channel-view.ts";
import { Origin } from "../../worker/origin/origin.ts";
import type { Peer, TimerName } from "../../worker/origin/ports.ts";
import { SqliteLogStore } from "../../worker/origin/sqlite-log-store.ts";
import type { SqlDatabase } from "../../worker/storage/sql.ts";
import { nodeSql } from "./node-sql.ts";
import { address, pod, pool } from "./records.ts";

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
  /** What the other end has not taken yet. */
  readonly inbox: Message[];
  closed: { readonly reason: CloseReason; readonly message: string } | null;
  deliver(message: Message): void;
}

export class OriginWorld {
  readonly sql: SqlDatabase;
  origin: Origin;
  /** What the Mesh would answer; `null`: it does not. */
  facts: OriginFacts | null;
  readonly claims: RangeClaim[] = [];
  readonly timers = new Map<TimerName, number>();
  nowMs = 1_000_000;
  readonly paceMs: number;
  pulls = 0;
  /** Other publishers are at work. */
  isShared = false;
  /** When the hub last heard of a socket without being woken. */
  readonly heartbeats = new Map<string, number>();
  /** Events that threw. */
  readonly failures: string[] = [];
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
    this.raw(id, encodeMessage(message));
  }

  /** What throws gives the instance up, as the object does: every socket is gone, the next one is made from what is stored. */
  raw(id: string, bytes: Uint8Array): void {
    if (this.#ends.get(id)?.closed !== null) return;
    this.#guarded(() => this.origin.onMessage(id, bytes));
  }

  #guarded(event: () => void): void {
    try {
      event();
    } catch (error) {
      this.failures.push(String(error));
      this.crash();
    }
  }

  /** Takes facts as the Mesh would push them. */
  push(next: OriginFacts): void {
    this.facts = next;
    this.origin.onFacts(next);
    this.settle();
  }

  /** Delivers everything until nothing is under way; timers of no delay run. */
  settle(): void {
    for (let rounds = 0; rounds < 100_000; rounds++) {
      if (this.#answerPull()) continue;
      const busy = [...this.#ends.values()].find((end) => end.inbox.length > 0);
      if (busy !== undefined) {
        busy.deliver(busy.inbox.shift() as Message);
        continue;
      }
      const due = [...this.timers].find(([, at]) => at <= this.nowMs);
      if (due === undefined) return;
      this.timers.delete(due[0]);
      this.#guarded(() => this.origin.onTimer(due[0]));
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

  #answerPull(): boolean {
    if (!this.#pullDue) return false;
    this.#pullDue = false;
    if (this.facts === null) this.origin.onPullFailed("the mesh is away");
    else this.origin.onAnswer(this.facts);
    return true;
  }

  #make(): Origin {
    let seed = 7;
    return new Origin({
      store: new SqliteLogStore(this.sql),
      clock: { now: () => this.nowMs },
      paceMs: this.paceMs,
      isShared: () => this.isShared,
      random: () => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed / 2_147_483_647;
      },
      sockets: {
        send: (id, bytes) => {
          const decoded = decodeMessage(bytes);
          if (!decoded.ok)
            throw new Error(`the Origin sent a message that breaks the protocol: ${decoded.rule}`);
          this.#ends.get(id)?.inbox.push(decoded.message);
        },
        close: (id, reason, message) => {
          const end = this.#ends.get(id);
          if (end !== undefined) end.closed = { reason, message };
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
      },
      setTimer: (name, delayMs) => {
        const dueMs = this.nowMs + delayMs;
        if ((this.timers.get(name) ?? Infinity) > dueMs) this.timers.set(name, dueMs);
      },
      log: () => undefined,
    });
  }
}

let starts = 0;

/** The publisher of the origin's cluster. */
export class TestPublisher {
  readonly local = new LocalState();
  readonly publisher: Publisher;
  readonly sent: Message[] = [];
  readonly world: OriginWorld;
  socket = "";
  access: string[] = [];
  term = 0;
  isStandby = false;
  readonly candidate = `start-${++starts}`;
  #nowMs = 0;

  constructor(world: OriginWorld) {
    this.world = world;
    this.publisher = new Publisher(this.local, {
      send: (message) => {
        this.sent.push(message);
        world.toOrigin(this.socket, message);
      },
      setTimer: () => undefined,
      now: () => (this.#nowMs += 1_000),
    });
  }

  /** @param isCandidate Stands by where another publishes. */
  connect(term = 0, keyGeneration = 1, isCandidate = false): void {
    this.publisher.onDisconnect();
    const peer: Peer = { role: "home", clusterUid: ORIGIN_UID, keyGeneration };
    this.socket = this.world.connect(peer, (message) => {
      if (message.type === "access") this.access.push(message.facts);
      if (message.type === "home-welcome") {
        this.isStandby = message.isStandby === true;
        if (this.isStandby) return;
        this.term = message.term;
      }
      this.publisher.onMessage(message as HomeMessage);
    });
    this.world.toOrigin(this.socket, {
      type: "home-hello",
      versions: PROTOCOL_VERSIONS,
      software: "test",
      accessVersion: 0,
      leaseUid: "",
      term,
      candidate: isCandidate ? this.candidate : null,
    });
    this.world.settle();
  }

  change(...changes: RecordChange[]): void {
    this.publisher.onSource(changes);
    this.world.settle();
  }

  listed(): void {
    this.publisher.onListed();
    this.world.settle();
  }
}

/** A reading relay's view, in memory. */
export class TestReader {
  readonly views = new Map(CHANNELS.map((channel) => [channel, new MemoryView(channel)]));
  readonly received: Message[] = [];
  readonly changes: ViewChange[] = [];
  readonly world: OriginWorld;
  socket = "";
  isPaused = false;
  #bytes = 0;

  constructor(world: OriginWorld) {
    this.world = world;
  }

  connect(
    options: {
      readonly peer?: Partial<Peer>;
      readonly creditBytes?: number;
      readonly accessVersion?: number;
      readonly versions?: readonly number[];
      /** Says nothing of where its views stand. */
      readonly hasForgotten?: boolean;
    } = {},
  ): void {
    this.#bytes = 0;
    for (const view of this.views.values()) view.onConnect();
    const peer: Peer = { role: "watch", clusterUid: READER_UID, keyGeneration: 1, ...options.peer };
    this.socket = this.world.connect(peer, (message) => this.#take(message));
    this.world.toOrigin(this.socket, {
      type: "watch-hello",
      versions: options.versions ?? PROTOCOL_VERSIONS,
      software: "test",
      accessVersion: options.accessVersion ?? 0,
      creditBytes: options.creditBytes ?? LIMITS.defaultCreditBytes,
      channels: CHANNELS,
      cursors: [...this.views.values()].flatMap((view) =>
        view.cursor === null || options.hasForgotten === true
          ? []
          : [{ channel: view.channel, ...view.cursor }],
      ),
    });
    this.world.settle();
  }

  /** Takes up acknowledging after a pause. */
  resume(): void {
    this.isPaused = false;
    const view = this.views.get("identity") as MemoryView;
    this.world.toOrigin(this.socket, {
      type: "reader-ack",
      origin: 0,
      channel: "identity",
      ...view.acknowledged,
      receivedBytes: this.#bytes,
    });
    this.world.settle();
  }

  keys(): string[] {
    return [...(this.views.get("identity") as MemoryView).records()]
      .map((held) => held.key)
      .toSorted();
  }

  ips(): string[] {
    const view = this.views.get("identity") as MemoryView;
    return [...view.records()]
      .flatMap(({ record }) => ("ips" in record ? record.ips : []))
      .toSorted();
  }

  get isInSync(): boolean {
    return [...this.views.values()].every((view) => view.health().isInSync);
  }

  count(type: Message["type"]): number {
    return this.received.filter((message) => message.type === type).length;
  }

  #take(message: Message): void {
    this.received.push(message);
    if (!("channel" in message)) return;
    this.#bytes += encodeMessage(message).length;
    const view = this.views.get(message.channel) as MemoryView;
    const { changes, repair } = view.onMessage(message as WatchMessage);
    this.changes.push(...changes);
    if (repair)
      this.world.toOrigin(this.socket, {
        type: "repair",
        origin: 0,
        channel: view.channel,
        leaves: view.trie.leaves(),
      });
    if (!this.isPaused)
      this.world.toOrigin(this.socket, {
        type: "reader-ack",
        origin: 0,
        channel: view.channel,
        ...view.acknowledged,
        receivedBytes: this.#bytes,
      });
  }
}

/** A hub with a publisher of a pool and some pods, all reconciled, and a reader in sync. */
export function populatedWorld(count = 3, paceMs = 5) {
  const world = new OriginWorld(facts(), nodeSql(), paceMs);
  const publisher = new TestPublisher(world);
  publisher.change({ op: "put", record: pool("10.20.0.0/16") });
  for (let n = 0; n < count; n++) publisher.change({ op: "put", record: pod(`p${n}`, address(n)) });
  publisher.listed();
  publisher.connect();
  const reader = new TestReader(world);
  reader.connect();
  world.advance(1_000);
  return { world, publisher, reader };
}
