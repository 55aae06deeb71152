/**
 * The Durable Object around an Origin: sockets, storage, timers and calls, nothing else. Sockets are hibernatable; what the Origin must
 * remember of one is its note, kept in the attachment with the peer that the Worker has authenticated.
 */
import { DurableObject } from "cloudflare:workers";

import { CLOSE_CODES, closeText } from "../../shared/protocol/errors.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import { PING_TEXT, PONG_TEXT } from "../../shared/protocol/messages.ts";
import type {
  OriginFacts,
  OriginStatus,
  PinnedRanges,
  QuarantineEntry,
} from "../../shared/visibility/facts.ts";
import type { Dial, DialPermit, MeshCalls, OriginCalls } from "../ports.ts";
import { INTERNAL_HEADERS } from "../ports.ts";
import { durableSql } from "../storage/durable-sql.ts";
import { DIGEST_LEAVES } from "./readers/digest-announcer.ts";
import { diskBudget } from "./budgets/disk-budget.ts";
import { readerMemory } from "./budgets/reader-memory.ts";
import { HalfClosedSockets } from "./budgets/half-closed-sockets.ts";
import { openSockets } from "./budgets/open-sockets.ts";
import { memberWork } from "./budgets/member-work.ts";
import { Origin } from "./origin.ts";
import type { OriginPorts, Peer, SocketId, TimerName } from "./ports.ts";
import { SqliteLogStore } from "./log/sqlite-log-store.ts";

/** Whose a socket is. */
interface Owner {
  readonly id: SocketId;
  readonly peer: Peer;
}

/** Serialised with each socket: at most 16 KiB. */
interface Attachment extends Owner {
  readonly note: string;
}

/** Which Origin this is: an object cannot learn its name from its id, so the first request tells, and it is kept. */
interface Identity {
  readonly meshName: string;
  readonly originUid: string;
}

export interface OriginEnv {
  readonly MESH: DurableObjectNamespace;
  /** See `OriginPorts.paceMs`. */
  readonly PACE_MS?: string;
  /** How long the disk of a hub of one's own takes for a commit, in ms. */
  readonly FSYNC_MS?: string;
}

/** Of a disk that takes a commit in well below a millisecond: less gives smaller frames, each of which costs a millisecond of the process, and gains little. */
const DEFAULT_PACE_MS = 3;

/** Of a log that are read between two turns of others: a few milliseconds. */
const LOAD_ENTRIES = 2_000;

/** `readyState` of a socket that is not closed. */
const OPEN = 1;

export class OriginObject extends DurableObject<OriginEnv> implements OriginCalls {
  readonly #sockets = new Map<SocketId, WebSocket>();
  /** Of each socket, as its attachment has it: to read that for every message costs as much as to decode the message. */
  readonly #owners = new WeakMap<WebSocket, Owner>();
  readonly #timers = new Map<
    TimerName,
    { readonly dueMs: number; readonly timer: ReturnType<typeof setTimeout> }
  >();
  readonly #origin: Origin;
  readonly #lingering = new HalfClosedSockets();
  #lingerTimer: ReturnType<typeof setTimeout> | null = null;
  #silenceTimer: ReturnType<typeof setTimeout> | null = null;
  #identity: Identity | null;
  #isPulling = false;

  constructor(context: DurableObjectState, env: OriginEnv) {
    super(context, env);
    context.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING_TEXT, PONG_TEXT));
    const sql = durableSql(context.storage);
    const store = new SqliteLogStore(sql);
    this.#identity = readIdentity(store.facts());
    this.#origin = new Origin(this.#ports(store));
    void context.blockConcurrencyWhile(() => this.#load());
  }

  /** No event comes before its end. A large log takes a second: other objects of the process have their turns meanwhile. [LOG18] */
  async #load(): Promise<void> {
    let entries = 0;
    for (const part of this.#origin.load()) {
      entries += part;
      if (entries < LOAD_ENTRIES) continue;
      entries = 0;
      await othersTurn();
    }
    for (const socket of this.ctx.getWebSockets()) {
      const attachment = socket.deserializeAttachment() as Attachment | null;
      if (attachment === null) continue;
      if (socket.readyState > OPEN) {
        this.#lingering.closed(attachment.id, performance.now());
        continue;
      }
      this.#sockets.set(attachment.id, socket);
      openSockets.add(attachment.id, attachment.peer.clusterUid);
      this.#origin.onRestore(attachment.id, attachment.peer, attachment.note);
    }
  }

  override fetch(request: Request): Response {
    const header = (name: string): string => request.headers.get(name) ?? "";
    const role = header(INTERNAL_HEADERS.role);
    if (request.headers.get("upgrade") !== "websocket" || !isRole(role))
      return new Response("expected a WebSocket upgrade from the Worker", { status: 426 });
    this.#identity ??= {
      meshName: header(INTERNAL_HEADERS.meshName),
      originUid: header(INTERNAL_HEADERS.originUid),
    };
    const peer: Peer = {
      role,
      clusterUid: header(INTERNAL_HEADERS.clusterUid),
      keyGeneration: Number(header(INTERNAL_HEADERS.keyGeneration)) || 0,
    };
    const pair = new WebSocketPair();
    const id = crypto.randomUUID();
    this.ctx.acceptWebSocket(pair[1]);
    const attachment: Attachment = { id, peer, note: "" };
    pair[1].serializeAttachment(attachment);
    this.#sockets.set(id, pair[1]);
    openSockets.add(id, peer.clusterUid);
    this.#lookForSilent();
    this.#guarded(() => this.#origin.onOpen(id, peer));
    return new Response(null, { status: 101, webSocket: pair[0] });
  }

  override webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): void {
    const { id, peer } = this.#ownerOf(socket);
    if (typeof data === "string") {
      this.#guarded(() => this.#origin.onText(id, data));
      return;
    }
    if (peer.role === "home") diskBudget.note(peer.clusterUid, performance.now());
    this.#guarded(() => this.#origin.onMessage(id, new Uint8Array(data)));
  }

  #ownerOf(socket: WebSocket): Owner {
    let owner = this.#owners.get(socket);
    if (owner === undefined) {
      owner = socket.deserializeAttachment() as Attachment;
      this.#owners.set(socket, owner);
    }
    return owner;
  }

  override webSocketClose(socket: WebSocket): void {
    this.#forget(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#forget(socket);
  }

  setFacts(facts: OriginFacts): Promise<{ readonly accessVersion: number }> {
    this.#identity ??= readIdentity(facts);
    return Promise.resolve({ accessVersion: this.#guarded(() => this.#origin.onFacts(facts)) });
  }

  async mayDial(dial: Dial): Promise<DialPermit> {
    this.#identity ??= { meshName: dial.meshName, originUid: dial.clusterUid };
    const permit = this.#origin.mayDial(dial);
    if (permit !== "not-ready") return permit;
    await this.#pull();
    return this.#origin.mayDial(dial);
  }

  async status(): Promise<OriginStatus> {
    await this.#pull();
    while (!this.#origin.refreshDigests()) await othersTurn();
    return this.#origin.status();
  }

  async quarantine(limit: number): Promise<readonly QuarantineEntry[]> {
    await this.#pull();
    return this.#origin.quarantine(limit);
  }

  async refusedBy(ranges: PinnedRanges, most: number): ReturnType<OriginCalls["refusedBy"]> {
    await this.#pull();
    const search = this.#origin.refusedBy(ranges, most);
    for (let step = search.next(); ; step = search.next()) {
      if (step.done === true) return step.value;
      await othersTurn();
    }
  }

  /**
   * Runs an event. What throws has rolled its transaction back and left memory ahead of the disk (a full disk, a bug): the instance is given up, its
   * sockets with it, and the next one is made from what is stored. Peers reconnect and reconcile. [LOG13]
   */
  #guarded<T>(event: () => T): T {
    try {
      return event();
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      console.log(
        JSON.stringify({
          level: "error",
          message: "an event failed; the object starts anew",
          error: text,
        }),
      );
      this.#giveUp(`event failed: ${String(error)}`);
      throw error;
    }
  }

  /** The next instance is made from what is stored; every socket is gone. */
  #giveUp(reason: string): void {
    for (const id of [...this.#sockets.keys(), ...this.#lingering.sockets()]) {
      openSockets.delete(id);
      readerMemory.gone(id);
    }
    this.ctx.abort(reason);
  }

  /** It is open, for the process, until the other end has gone. */
  #close(id: SocketId, code: number, text: string): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined) return;
    this.#sockets.delete(id);
    this.#lingering.closed(id, performance.now());
    try {
      socket.close(code, text);
    } catch {
      // Closed already: nothing to tell.
    }
    this.#lookForLingering();
  }

  /** By a timer of its own, for who says nothing may be the only one here. [PRO5] */
  #lookForSilent(): void {
    if (this.#silenceTimer !== null) return;
    this.#silenceTimer = setTimeout(() => {
      this.#silenceTimer = null;
      this.#guarded(() => {
        if (this.#origin.closeSilent() > 0) this.#lookForSilent();
      });
    }, LIMITS.helloMs);
  }

  #lookForLingering(): void {
    const now = performance.now();
    if (this.#lingering.isTooMuch(now)) {
      const message =
        "sockets that were closed do not go, for their peers read nothing; the object starts anew";
      console.log(JSON.stringify({ level: "warn", message, origin: this.#identity?.originUid }));
      this.#giveUp(message);
      return;
    }
    const afterMs = this.#lingering.askAfterMs(now);
    if (afterMs === null || this.#lingerTimer !== null) return;
    this.#lingerTimer = setTimeout(() => {
      this.#lingerTimer = null;
      this.#lookForLingering();
    }, afterMs);
  }

  #forget(socket: WebSocket): void {
    const attachment = socket.deserializeAttachment() as Attachment | null;
    if (attachment === null) return;
    this.#sockets.delete(attachment.id);
    this.#lingering.gone(attachment.id);
    openSockets.delete(attachment.id);
    this.#guarded(() => this.#origin.onClose(attachment.id));
  }

  #mesh(): MeshCalls | null {
    if (this.#identity === null) return null;
    const id = this.env.MESH.idFromName(`mesh:${this.#identity.meshName}`);
    return this.env.MESH.get(id) as unknown as MeshCalls;
  }

  async #pull(): Promise<void> {
    const mesh = this.#mesh();
    if (mesh === null || this.#identity === null || this.#isPulling) return;
    this.#isPulling = true;
    try {
      const facts = await mesh.pullFacts(this.#identity.originUid);
      if (facts === null) this.#guarded(() => this.#origin.onUnknown());
      else this.#guarded(() => this.#origin.onAnswer(facts));
    } catch (error) {
      this.#origin.onPullFailed(String(error));
    } finally {
      this.#isPulling = false;
    }
  }

  #ports(store: SqliteLogStore): OriginPorts {
    const leastPaceMs = Number(this.env.PACE_MS) || DEFAULT_PACE_MS;
    const fsyncMs = Number(this.env.FSYNC_MS) || 0;
    return {
      store,
      clock: { now: () => Date.now() },
      get paceMs() {
        return Math.max(leastPaceMs, diskBudget.paceMs(fsyncMs, performance.now()));
      },
      digestLeaves: DIGEST_LEAVES,
      // On Cloudflare, where no disk is measured, an object has a thread of its own.
      isShared: () => fsyncMs > 0 && diskBudget.hasCompany(performance.now()),
      room: readerMemory,
      work: memberWork,
      random: () => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32,
      sockets: {
        send: (id, bytes) => {
          try {
            this.#sockets.get(id)?.send(bytes);
          } catch {
            // Closing or closed: its close event follows and drops it.
          }
        },
        close: (id, reason, message) => this.#close(id, CLOSE_CODES[reason], closeText(message)),
        lastHeartbeatMs: (id) => {
          const socket = this.#sockets.get(id);
          const at =
            socket === undefined ? null : this.ctx.getWebSocketAutoResponseTimestamp(socket);
          return at?.getTime() ?? null;
        },
        saveNote: (id, note) => {
          const socket = this.#sockets.get(id);
          if (socket === undefined) return;
          const attachment = socket.deserializeAttachment() as Attachment;
          socket.serializeAttachment({ ...attachment, note } satisfies Attachment);
        },
      },
      mesh: {
        pullFacts: () => this.ctx.waitUntil(this.#pull()),
        claimRanges: (claims) =>
          this.ctx.waitUntil(
            this.#askMesh(
              (mesh, uid) => mesh.claimRanges(uid, claims),
              (error) => this.#origin.onClaimFailed(claims, error),
            ),
          ),
        note: (note) =>
          this.ctx.waitUntil(
            this.#askMesh(
              (mesh, uid) => mesh.noteCluster(uid, note),
              (error) => this.#origin.onNoteFailed(error),
            ),
          ),
      },
      setTimer: (name, delayMs) => {
        const dueMs = Date.now() + delayMs;
        const pending = this.#timers.get(name);
        if (pending !== undefined && pending.dueMs <= dueMs) return;
        if (pending !== undefined) clearTimeout(pending.timer);
        const timer = setTimeout(() => {
          this.#timers.delete(name);
          this.#guarded(() => this.#origin.onTimer(name));
        }, delayMs);
        this.#timers.set(name, { dueMs, timer });
      },
      log: (level, message, fields) =>
        console.log(
          JSON.stringify({ level, message, origin: this.#identity?.originUid, ...fields }),
        ),
    };
  }

  /** Asks for something whose answer are the cluster's facts. */
  async #askMesh(
    ask: (mesh: MeshCalls, uid: string) => Promise<OriginFacts | null>,
    failed: (error: string) => void,
  ): Promise<void> {
    const mesh = this.#mesh();
    if (mesh === null || this.#identity === null) return;
    try {
      const facts = await ask(mesh, this.#identity.originUid);
      if (facts !== null) this.#guarded(() => this.#origin.onAnswer(facts));
    } catch (error) {
      failed(String(error));
    }
  }
}

function othersTurn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}

function readIdentity(facts: OriginFacts | null): Identity | null {
  return facts === null ? null : { meshName: facts.meshName, originUid: facts.cluster.uid };
}

function isRole(role: string): role is Peer["role"] {
  return role === "home" || role === "watch" || role === "admin";
}
