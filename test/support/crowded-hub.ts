/**
 * A hub of one's own with several Origins on its one thread: real Origins, their storage, and the
 * disk's budget that they share. Messages of a socket are taken one after another, each when the
 * one before has been dealt with, so that no sender has more than its turn.
 */
import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import type { OriginFacts } from "../../shared/visibility/facts.ts";
import { DIGEST_LEAVES } from "../../worker/origin/readers/digest-announcer.ts";
import { DiskBudget } from "../../worker/origin/budgets/disk-budget.ts";
import { ReaderMemory } from "../../worker/origin/budgets/reader-memory.ts";
import { MemberWork } from "../../worker/origin/budgets/member-work.ts";
import { Origin } from "../../worker/origin/origin.ts";
import type { Peer } from "../../worker/origin/peer.ts";
import type { OriginPorts } from "../../worker/origin/ports.ts";
import type { TimerName } from "../../worker/origin/timers.ts";
import type { SqlDatabase } from "../../worker/storage/sql.ts";
import { nodeSql } from "./node-sql.ts";
import { OneThread } from "./one-thread.ts";
import type { Us } from "./one-thread.ts";
import { PricedStore, PRICES } from "./priced-store.ts";

/**
 * What `catwalk hub` measures at its start and tells the Origins, here and on most disks with a
 * cache of their own.
 */
const FSYNC_MS = 0.2;
const LEAST_PACE_MS = 4;
/** One way, on one machine: what is added to both alone and beside is small. */
const NETWORK_US = 50;
const MESH_US = 200;

export interface Client {
  readonly peer: Peer;
  /** The hub has taken a message from the wire. */
  onTaken?(): void;
  /** At the other end of the wire. */
  onMessage(message: Message, bytes: number): void;
  onClosed?(reason: CloseReason, message: string): void;
}

export interface Sent {
  readonly origin: string;
  readonly bytes: Uint8Array;
  /** When the event that sent it had ended. */
  readonly endUs: Us;
}

interface Socket {
  readonly client: Client;
  readonly inbox: { readonly bytes: Uint8Array; readonly atUs: Us }[];
  isClosed: boolean;
  isReading: boolean;
}

export interface CrowdedHubOptions {
  /** A hub whose Origins do not know of each other. */
  readonly hasNoShares?: boolean;
  /** What readers are sent. */
  onSent(sent: Sent): void;
}

/** To inflate 8 MiB in vain: the dearest message that breaks a rule. */
const BROKEN_US = 10_000;
const LARGE_US = 1_200;
/** A step of a large report. */
const REPORT_STEP_US = 700;

/**
 * To unpack a large message costs what the hub says that it costs, which is what was measured. What
 * others cost is written and sent, which has prices already.
 */
class PricedWork extends MemberWork {
  readonly #price: (us: number) => void;

  constructor(price: (us: number) => void) {
    super();
    this.#price = price;
  }

  override spend(member: string, us: number, nowMs: number, laterUs = 0): void {
    super.spend(member, us, nowMs, laterUs);
    if (us >= LARGE_US) this.#price(us);
  }

  override fine(member: string, nowMs: number): void {
    super.fine(member, nowMs);
    this.#price(BROKEN_US);
  }
}

export class CrowdedHub {
  readonly thread = new OneThread();
  readonly options: CrowdedHubOptions;
  readonly budget = new DiskBudget();
  readonly room = new ReaderMemory();
  readonly work: MemberWork;
  #isWriting = false;

  constructor(options: CrowdedHubOptions) {
    this.options = options;
    this.work = new PricedWork((us) => this.thread.spend(us));
  }

  nowMs(): number {
    return Math.floor(this.thread.nowUs / 1000);
  }

  /** The first write of an event brings its commit; bytes count each time. */
  wrote(bytes: number): void {
    const { thread } = this;
    thread.spend((bytes / 1024) * PRICES.writtenKiB);
    if (this.#isWriting) return;
    this.#isWriting = true;
    thread.spend(PRICES.commit);
    thread.atEnd(() => {
      this.#isWriting = false;
    });
  }
}

export class HostedOrigin {
  readonly store: PricedStore;
  readonly #hub: CrowdedHub;
  readonly #facts: OriginFacts;
  readonly #origin: Origin;
  readonly #sockets = new Map<string, Socket>();
  readonly #timers = new Map<TimerName, { readonly dueUs: Us }>();
  #nextSocket = 0;

  constructor(hub: CrowdedHub, facts: OriginFacts) {
    this.#hub = hub;
    this.#facts = facts;
    this.store = new PricedStore(this.#sql(), (us) => hub.thread.spend(us));
    this.#origin = new Origin(this.#ports());
    for (const _ of this.#origin.load());
  }

  connect(client: Client): string {
    const id = `${this.#facts.cluster.name} ${this.#nextSocket++}`;
    this.#sockets.set(id, { client, inbox: [], isClosed: false, isReading: false });
    const { thread } = this.#hub;
    thread.event(thread.nowUs + NETWORK_US, () => {
      thread.spend(PRICES.received);
      this.#origin.onOpen(id, client.peer);
    });
    return id;
  }

  /** From the other end of the wire. */
  send(id: string, message: Message): void {
    this.sendBytes(id, encodeMessage(message));
  }

  sendBytes(id: string, bytes: Uint8Array): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined || socket.isClosed) return;
    const atUs = this.#hub.thread.nowUs + NETWORK_US;
    socket.inbox.push({ bytes, atUs });
    if (!socket.isReading) this.#read(id, socket, atUs);
  }

  /** The other end is gone. */
  disconnect(id: string): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined) return;
    this.#forget(id, socket);
    const { thread } = this.#hub;
    thread.event(thread.nowUs + NETWORK_US, () => {
      thread.spend(PRICES.received);
      this.#origin.onClose(id);
    });
  }

  #forget(id: string, socket: Socket): void {
    socket.isClosed = true;
    socket.inbox.length = 0;
    this.#sockets.delete(id);
  }

  #read(id: string, socket: Socket, fromUs: Us): void {
    const [next] = socket.inbox;
    socket.isReading = next !== undefined;
    if (next === undefined) return;
    const { thread } = this.#hub;
    thread.event(Math.max(next.atUs, fromUs), () => {
      thread.atEnd((endUs) => this.#read(id, socket, endUs));
      const taken = socket.inbox.shift();
      if (taken === undefined || socket.isClosed) return;
      socket.client.onTaken?.();
      thread.spend(PRICES.received + (taken.bytes.length / 1024) * PRICES.receivedKiB);
      // As the object does it.
      if (socket.client.peer.role === "home")
        this.#hub.budget.note(this.#facts.cluster.uid, this.#hub.nowMs());
      this.#origin.onMessage(id, taken.bytes);
    });
  }

  #ports(): OriginPorts {
    const hub = this.#hub;
    const { thread, budget } = hub;
    let seed = 7;
    return {
      store: this.store,
      clock: { now: () => hub.nowMs() },
      paceMs: () => Math.max(LEAST_PACE_MS, budget.paceMs(FSYNC_MS, hub.nowMs())),
      digestLeaves: DIGEST_LEAVES,
      silenceLookMs: null,
      healthAlarm: null,
      isShared: () => hub.options.hasNoShares !== true && budget.hasCompany(hub.nowMs()),
      readerMemory: hub.room,
      memberWork: hub.work,
      hashSeed: 7,
      giveUp: () => undefined,
      random: () => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed / 2_147_483_647;
      },
      sockets: {
        send: (id, bytes) => this.#send(id, bytes),
        close: (id, reason, message) => {
          const socket = this.#sockets.get(id);
          if (socket === undefined) return;
          this.#forget(id, socket);
          thread.after(NETWORK_US, () => socket.client.onClosed?.(reason, message));
        },
        lastHeartbeatMs: () => hub.nowMs(),
        saveNote: () => undefined,
      },
      mesh: {
        pullFacts: () =>
          thread.event(thread.nowUs + MESH_US, () => this.#origin.onAnswer(this.#facts)),
        claimRanges: () => undefined,
        note: () => undefined,
        tellHealth: () => undefined,
      },
      setTimer: (name, delayMs) => this.#setTimer(name, delayMs),
      log: () => undefined,
    };
  }

  #send(id: string, bytes: Uint8Array): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined) return;
    const { thread, options } = this.#hub;
    thread.spend(PRICES.sent + (bytes.length / 1024) * PRICES.sentKiB);
    const origin = this.#facts.cluster.name;
    thread.atEnd((endUs) => {
      if (socket.client.peer.role === "watch") options.onSent({ origin, bytes, endUs });
      thread.after(endUs - thread.nowUs + NETWORK_US, () => {
        if (socket.isClosed) return;
        const decoded = decodeMessage(bytes);
        if (!decoded.ok) throw new Error(`the Origin broke the protocol: ${decoded.rule}`);
        socket.client.onMessage(decoded.message, bytes.length);
      });
    });
  }

  /**
   * One that is pending is brought forward, never put off. What is due while an event runs comes
   * after what came meanwhile.
   */
  #setTimer(name: TimerName, delayMs: number): void {
    const { thread } = this.#hub;
    const timer = { dueUs: thread.nowUs + delayMs * 1000 };
    const pending = this.#timers.get(name);
    if (pending !== undefined && pending.dueUs <= timer.dueUs) return;
    this.#timers.set(name, timer);
    thread.atEnd((endUs) =>
      thread.event(Math.max(timer.dueUs, endUs), () => {
        if (this.#timers.get(name) !== timer) return;
        this.#timers.delete(name);
        thread.spend(PRICES.timer + (name === "report" ? REPORT_STEP_US : 0));
        this.#origin.onTimer(name);
      }),
    );
  }

  #sql(): SqlDatabase {
    const sql = nodeSql();
    return {
      run: (statement, ...values) => {
        if (/^(INSERT|DELETE|UPDATE)/.test(statement))
          this.#hub.wrote(values.reduce<number>((sum, value) => sum + sizeOf(value), 0));
        return sql.run(statement, ...values);
      },
      transaction: (work) => sql.transaction(work),
    };
  }
}

function sizeOf(value: string | number | null | Uint8Array): number {
  if (value === null || typeof value === "number") return 8;
  return value.length;
}
