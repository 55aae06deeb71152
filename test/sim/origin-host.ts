/**
 * What a Durable Object is to an Origin: sockets with notes, storage, timers, calls that may be
 * lost, eviction and death.
 */
import { decodeMessage } from "../../shared/protocol/codec.ts";
import { DIGEST_LEAVES } from "../../worker/origin/readers/digest-announcer.ts";
import { ReaderMemory } from "../../worker/origin/budgets/reader-memory.ts";
import { MemberWork } from "../../worker/origin/budgets/member-work.ts";
import { Origin } from "../../worker/origin/origin.ts";
import type { Peer, SocketId } from "../../worker/origin/peer.ts";
import type { OriginPorts } from "../../worker/origin/ports.ts";
import type { History } from "./history.ts";
import type { Wire } from "./network.ts";
import { OriginMeshCalls } from "./origin-mesh-calls.ts";
import type { MeshEnd } from "./origin-mesh-calls.ts";
import { OriginTimers } from "./origin-timers.ts";
import { copyModel, emptyModel, RecordedStore } from "./recorded-store.ts";
import type { StoredModel } from "./recorded-store.ts";
import { DiskFull, SimSql } from "./sql.ts";
import type { SqlCopy } from "./sql.ts";
import type { World } from "./world.ts";

/** Shorter ones are restarts. */
const SILENCE_MS = 15_000;
/** For as long an end of a loss may be told late. [EVT2] */
const RECENT_MS = 70_000;

interface Socket {
  readonly peer: Peer;
  readonly wire: Wire;
  note: string;
}

/** An Origin's storage at some time, and what the model of it was then. */
export interface OriginCopy {
  readonly sql: SqlCopy;
  readonly model: StoredModel;
}

interface Instance {
  readonly origin: Origin;
  readonly timers: OriginTimers;
  readonly mesh: OriginMeshCalls;
}

export class OriginHost {
  readonly uid: string;
  readonly sql = new SimSql();
  readonly #world: World;
  readonly #mesh: MeshEnd;
  readonly #history: History;
  readonly #sockets = new Map<SocketId, Socket>();
  #model: StoredModel = emptyModel();
  #copy: OriginCopy | null = null;
  #instance: Instance | null = null;
  #room = new ReaderMemory();
  /** When a relay of the cluster was last heard that had been greeted. */
  #heardMs = Number.NEGATIVE_INFINITY;
  /** Its last silence of some length, and when that was over. */
  #silence = { endMs: Number.NEGATIVE_INFINITY, lengthMs: 0 };
  readonly #work = new MemberWork();

  constructor(uid: string, world: World, mesh: MeshEnd, history: History) {
    this.uid = uid;
    this.#world = world;
    this.#mesh = mesh;
    this.#history = history;
    history.add({ what: "storage", origin: uid, ...emptyModel(), why: "new" });
  }

  get wires(): readonly Wire[] {
    return [...this.#sockets.values()].map(({ wire }) => wire);
  }

  /** World's time at which a relay of the cluster was heard last, whatever the product thinks. */
  get heardMs(): number {
    this.#hearHomes();
    return this.#heardMs;
  }

  /** The longest silence that lasted until now, or was over a moment ago. */
  get silentMs(): number {
    const { now } = this.#world;
    const present = now - this.heardMs;
    const { endMs, lengthMs } = this.#silence;
    return now - endMs < RECENT_MS ? Math.max(present, lengthMs) : present;
  }

  #hearHomes(): void {
    for (const { peer, wire } of this.#sockets.values()) {
      if (peer.role !== "home" || wire.greetedMs === null) continue;
      const lengthMs = wire.greetedMs - this.#heardMs;
      if (lengthMs > SILENCE_MS) this.#silence = { endMs: wire.greetedMs, lengthMs };
      this.#heardMs = Math.max(this.#heardMs, wire.heardMs);
    }
  }

  open(socket: SocketId, peer: Peer, wire: Wire): void {
    this.#sockets.set(socket, { peer, wire, note: "" });
    this.event((origin) => origin.onOpen(socket, peer));
  }

  receive(socket: SocketId, bytes: Uint8Array): void {
    const decoded = decodeMessage(bytes);
    if (decoded.ok)
      this.#history.add({ what: "received", origin: this.uid, socket, message: decoded.message });
    this.event((origin) => origin.onMessage(socket, bytes));
  }

  closed(socket: SocketId): void {
    this.#hearHomes();
    this.#sockets.delete(socket);
    // Also where nobody is woken.
    this.#room.release(socket);
    this.event((origin) => origin.onClose(socket));
  }

  /**
   * Runs an event in the instance there is, or a new one. What throws ends the instance and all
   * sockets, as in production.
   */
  event<T>(work: (origin: Origin) => T): T | undefined {
    try {
      return work(this.#awake().origin);
    } catch (error) {
      if (!(error instanceof DiskFull)) {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.#history.add({ what: "thrown", where: `Origin ${this.uid}`, error: text });
      } else this.#history.add({ what: "trouble", name: "a commit fails on a full disk" });
      this.die();
      return undefined;
    }
  }

  /** Sleeps when it may: nothing is under way. Sockets stay. */
  evict(): void {
    if (!this.sleeping) return;
    if (this.#sockets.size > 0)
      this.#history.add({ what: "trouble", name: "an object with sockets is evicted" });
    this.#end();
  }

  /**
   * The same, and what was kept with the readers' sockets is of another hub: it says nothing of
   * where they stand.
   */
  evictForgetting(): void {
    if (!this.sleeping) return;
    this.#end();
    for (const socket of this.#sockets.values()) {
      if (socket.peer.role === "home" || socket.note === "") continue;
      const note = JSON.parse(socket.note) as { positions: [string, number | null][] };
      note.positions = note.positions.map(([channel]) => [channel, null]);
      socket.note = JSON.stringify(note);
    }
  }

  get sleeping(): boolean {
    return this.#instance?.timers.size === 0 && this.#instance.mesh.isIdle;
  }

  /** The process ends at once: the storage stays, every socket is gone. */
  die(): void {
    this.#end();
    this.#room = new ReaderMemory();
    this.#hearHomes();
    const open = [...this.#sockets.values()];
    this.#sockets.clear();
    for (const { wire } of open) wire.cut();
  }

  copy(): OriginCopy {
    return { sql: this.sql.copy(), model: copyModel(this.#model) };
  }

  keepCopy(): void {
    this.#copy = this.copy();
  }

  /** Dies, and comes back with the copy that was kept, or with nothing. */
  putBack(isLost: boolean): void {
    this.putBackCopy(isLost ? null : this.#copy);
    if (isLost) this.#copy = null;
  }

  /** Dies, and comes back with a copy; `null`: with nothing. */
  putBackCopy(copy: OriginCopy | null): void {
    this.die();
    this.sql.writesLeft = null;
    this.sql.putBack(copy?.sql ?? null);
    this.#model = copy === null ? emptyModel() : copyModel(copy.model);
    this.#history.add({
      what: "storage",
      origin: this.uid,
      ...copyModel(this.#model),
      why: copy === null ? "lost" : "rolled back",
    });
  }

  close(): void {
    this.#end();
    this.sql.close();
  }

  #end(): void {
    const instance = this.#instance;
    if (instance === null) return;
    instance.mesh.end();
    instance.timers.cancelAll();
    this.#instance = null;
  }

  #awake(): Instance {
    if (this.#instance !== null) return this.#instance;
    const meshVersion = this.#mesh.version(this.uid);
    this.#history.add({ what: "instance", origin: this.uid, meshVersion });
    const timers = new OriginTimers(this.#world, (name) =>
      this.event((awake) => awake.onTimer(name)),
    );
    const mesh = new OriginMeshCalls(this.uid, this.#mesh, (work) => this.event(work));
    const origin = new Origin(this.#ports(timers, mesh));
    for (const _ of origin.load());
    const instance = { origin, timers, mesh };
    this.#instance = instance;
    for (const [socket, { peer, note }] of this.#sockets) origin.onRestore(socket, peer, note);
    return instance;
  }

  #ports(timers: OriginTimers, mesh: OriginMeshCalls): OriginPorts {
    const world = this.#world;
    return {
      store: new RecordedStore(this.sql, this.uid, this.#history, this.#model),
      paceMs: () => 5,
      digestLeaves: world.isBusy ? { perSecond: 0, atOnce: 0 } : DIGEST_LEAVES,
      clock: { now: () => this.#mesh.wallMs() },
      random: () => world.rng.next(),
      readerMemory: this.#room,
      memberWork: this.#work,
      hashSeed: 0,
      giveUp: () => undefined,
      isShared: () => true,
      silenceLookMs: 5_000,
      healthAlarm: null,
      sockets: {
        send: (id, bytes) => this.#send(id, bytes),
        close: (id, reason, message) => {
          const socket = this.#sockets.get(id);
          this.#hearHomes();
          this.#sockets.delete(id);
          socket?.wire.closeByHub(reason, message);
        },
        lastHeartbeatMs: (id) => {
          const wire = this.#sockets.get(id)?.wire;
          return wire === undefined ? null : this.#mesh.wallMs() - (world.now - wire.heardMs);
        },
        saveNote: (id, note) => {
          const socket = this.#sockets.get(id);
          if (socket !== undefined) socket.note = note;
        },
      },
      mesh,
      setTimer: (name, delayMs) => timers.set(name, delayMs),
      log: () => undefined,
    };
  }

  #send(id: SocketId, bytes: Uint8Array): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined) return;
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) throw new Error(`the Origin broke the protocol: ${decoded.rule}`);
    const { role, clusterUid } = socket.peer;
    this.#history.add({
      what: "sent",
      origin: this.uid,
      socket: id,
      role,
      to: clusterUid,
      message: decoded.message,
    });
    if (socket.wire.stalledUntilMs > this.#world.now)
      this.#history.add({ what: "trouble", name: "a message waits for a reader that stalls" });
    socket.wire.toRelay(bytes);
  }
}
