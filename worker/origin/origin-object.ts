/**
 * The Durable Object around an Origin: sockets, storage, timers and calls, nothing else. Its
 * sockets are hibernatable.
 */
import { DurableObject } from "cloudflare:workers";

import { admissionFacts } from "../../shared/admission/judge.ts";
import { CLOSE_CODES } from "../../shared/protocol/errors.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import { PING_TEXT, PONG_TEXT } from "../../shared/protocol/messages.ts";
import type { OriginFacts, PinnedRanges } from "../../shared/visibility/facts.ts";
import type { OriginStatus, QuarantineEntry } from "../../shared/visibility/origin-status.ts";
import type { Dial, DialPermit, OriginCalls, ShownToken, Shown, TokenPermit } from "../ports.ts";
import { INTERNAL_HEADERS } from "../ports.ts";
import { durableSql } from "../storage/durable-sql.ts";
import { meshOfOrigin } from "../stubs.ts";
import { BUDGETS } from "./budgets/limits.ts";
import { hubProcess } from "./hub-process.ts";
import type { Logs } from "./log/channel-logs.ts";
import { SqliteLogStore } from "./log/sqlite-log-store.ts";
import { isRole, readIdentity } from "./object-identity.ts";
import type { Identity } from "./object-identity.ts";
import { ObjectMesh } from "./object-mesh.ts";
import type { MeshEnd } from "./object-mesh.ts";
import { ObjectSockets } from "./object-sockets.ts";
import { ObjectTimers } from "./object-timers.ts";
import { LogLines } from "./log-lines.ts";
import { Origin } from "./origin.ts";
import { inTurns, othersTurn } from "./in-turns.ts";
import type { OriginPorts } from "./ports.ts";
import { refusedBy } from "./publisher/review-admitted.ts";
import { DIGEST_LEAVES } from "./readers/digest-announcer.ts";
import { compareShown, whichHeld } from "./scopes/shown-difference.ts";

/** On a hub of one's own. */
const SILENCE_LOOK_MS = 5_000;

export interface OriginEnv {
  readonly MESH: DurableObjectNamespace;
  /** See `objectsIn`. */
  readonly JURISDICTION?: string;
  /** See `OriginPorts.paceMs`. */
  readonly PACE_MS?: string;
  /** Time of a commit on the disk of a hub of one's own, in ms. */
  readonly FSYNC_MS?: string;
}

export class OriginObject extends DurableObject<OriginEnv> implements OriginCalls {
  readonly #sockets: ObjectSockets;
  readonly #timers: ObjectTimers;
  readonly #meshPort: ObjectMesh;
  readonly #origin: Origin;
  #silenceTimer: ReturnType<typeof setTimeout> | null = null;
  #identity: Identity | null;
  #hasToldOldTokens = false;
  readonly #lines = new LogLines({ now: () => Date.now() }, (line) =>
    console.log(JSON.stringify(line)),
  );

  constructor(context: DurableObjectState, env: OriginEnv) {
    super(context, env);
    context.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING_TEXT, PONG_TEXT));
    const store = new SqliteLogStore(durableSql(context.storage));
    this.#identity = readIdentity(store.facts());
    this.#sockets = new ObjectSockets(context, hubProcess, (reason) => {
      this.#log("warn", reason, {});
      this.#giveUp(reason);
    });
    this.#timers = new ObjectTimers((name) => this.#origin.onTimer(name));
    this.#meshPort = new ObjectMesh(
      (work) => context.waitUntil(work),
      () => this.#meshEnd(),
      () => this.#origin,
    );
    this.#origin = new Origin(this.#ports(store));
    void context.blockConcurrencyWhile(() => this.#load());
  }

  /**
   * Reads the stored rows; no event comes before its end. A large log takes a second: other objects
   * of the process have their turns meanwhile. [LOG18]
   */
  async #load(): Promise<void> {
    let entries = 0;
    for (const step of this.#origin.load()) {
      entries += step;
      if (entries < BUDGETS.loadEntries) continue;
      entries = 0;
      await othersTurn();
    }
    for (const { id, peer, note } of this.#sockets.restore())
      this.#origin.onRestore(id, peer, note);
    this.#waitForHellos();
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
    const clusterUid = header(INTERNAL_HEADERS.clusterUid);
    if (role === "home") {
      const id = header(INTERNAL_HEADERS.tokenId);
      const issuedMs = Number(header(INTERNAL_HEADERS.tokenIssuedMs));
      const used = this.#useToken(clusterUid, id === "" ? null : { id, issuedMs });
      if (used !== "yes") return new Response(used, { status: 401 });
    }
    const keyGeneration = Number(header(INTERNAL_HEADERS.keyGeneration)) || 0;
    const peer = { role, clusterUid, keyGeneration, openedMs: Date.now() };
    // A socket that is closed before its 101 has gone out stays open, and silent, for its peer.
    const permit = this.#origin.keyPermit(peer);
    if (permit !== "yes") return new Response(permit, { status: 401 });
    const { client, owner } = this.#sockets.accept(peer);
    this.#origin.onOpen(owner.id, owner.peer);
    this.#waitForHellos();
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): void {
    const owner = this.#sockets.ownerOf(socket);
    if (owner === null) {
      socket.close(CLOSE_CODES["not-ready"], "this hub cannot read the socket's attachment");
      return;
    }
    const { id, peer } = owner;
    const bytes = typeof data === "string" ? data.length : data.byteLength;
    hubProcess.dials.took(peer.clusterUid, bytes, Date.now());
    if (this.#sockets.isFlood(id)) {
      hubProcess.dials.pause(peer.clusterUid, Date.now());
      this.#log("warn", "a socket that was closed goes on sending", { cluster: peer.clusterUid });
      this.#giveUp("a socket that was closed goes on sending; the object starts anew");
      return;
    }
    if (typeof data === "string") {
      this.#origin.onText(id, data);
      return;
    }
    if (peer.role === "home") hubProcess.disk.note(peer.clusterUid, performance.now());
    const message = new Uint8Array(data);
    hubProcess.garbage.messageCame(message);
    this.#origin.onMessage(id, message);
    this.#waitForHellos();
  }

  /** On Cloudflare, where a timer would keep the object awake. */
  override alarm(): void {
    this.#origin.onHealth("alarm");
  }

  override webSocketClose(socket: WebSocket): void {
    this.#forget(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#forget(socket);
  }

  #forget(socket: WebSocket): void {
    const owner = this.#sockets.forget(socket);
    if (owner !== null) this.#origin.onClose(owner.id);
    this.#waitForHellos();
    hubProcess.garbage.socketClosed();
  }

  setFacts(facts: OriginFacts): Promise<{ readonly accessVersion: number }> {
    this.#identity ??= readIdentity(facts);
    return Promise.resolve({ accessVersion: this.#origin.onFacts(facts) });
  }

  async mayDial(dial: Dial): Promise<DialPermit> {
    this.#identity ??= { meshName: dial.meshName, originUid: dial.clusterUid };
    const used = this.#useToken(dial.clusterUid, dial.token);
    if (used !== "yes") return used;
    const permit = this.#origin.mayDial(dial);
    if (permit !== "not-ready") return permit;
    await this.#meshPort.pull();
    return this.#origin.mayDial(dial);
  }

  /** @param token `null`: of a relay of the version before; it can be used again. [CRE23] */
  #useToken(clusterUid: string, token: ShownToken | null): TokenPermit {
    if (token !== null) return hubProcess.tokens.use(clusterUid, token, Date.now());
    if (!this.#hasToldOldTokens)
      this.#log("warn", "a relay of the version before shows tokens that can be used again", {});
    this.#hasToldOldTokens = true;
    return "yes";
  }

  async status(): Promise<OriginStatus> {
    await this.#meshPort.pull();
    while (!this.#origin.refreshDigests()) await othersTurn();
    return this.#origin.status();
  }

  async quarantine(limit: number): Promise<readonly QuarantineEntry[]> {
    await this.#meshPort.pull();
    return this.#origin.quarantine(limit);
  }

  refusedBy(ranges: PinnedRanges, most: number): ReturnType<OriginCalls["refusedBy"]> {
    return this.#read((logs) => refusedBy(logs, admissionFacts(ranges, []), most));
  }

  compareShown(
    ...[before, after, shared]: Parameters<OriginCalls["compareShown"]>
  ): ReturnType<OriginCalls["compareShown"]> {
    return this.#read((logs) => compareShown(logs, before, after, shared));
  }

  whichHeld(addresses: readonly string[], shown: Shown): ReturnType<OriginCalls["whichHeld"]> {
    return this.#read((logs) => whichHeld(logs, addresses, shown));
  }

  async #read<T>(search: (logs: Logs) => Generator<void, T>): Promise<T> {
    await this.#meshPort.pull();
    // A walk begins with the digests of a log, which may have changed much.
    while (!this.#origin.refreshDigests()) await othersTurn();
    return inTurns(this.#origin.read(search));
  }

  /**
   * An event has thrown: memory is ahead of the disk. The next instance is made from the stored
   * rows; peers reconnect and reconcile. [LOG13]
   */
  #onFailure(event: string, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#log("error", "an event failed; the object starts anew", { event, error: text });
    this.#giveUp(`event failed: ${String(error)}`);
  }

  /** The next instance is made from the stored rows; every socket is gone. */
  #giveUp(reason: string): void {
    this.#sockets.releaseAll();
    this.ctx.abort(reason);
  }

  /**
   * Closes peers that say no hello, by a timer: such a peer may be the only one here. The timer
   * keeps the object in memory, so it ends with the last hello. [PRO5]
   */
  #waitForHellos(): void {
    const isNeeded = this.#origin.silentCount > 0;
    if (isNeeded === (this.#silenceTimer !== null)) return;
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = isNeeded ? setTimeout(() => this.#onSilence(), LIMITS.helloMs) : null;
  }

  #onSilence(): void {
    this.#silenceTimer = null;
    this.#origin.closeSilent();
    this.#waitForHellos();
  }

  #meshEnd(): MeshEnd | null {
    if (this.#identity === null) return null;
    const { meshName, originUid } = this.#identity;
    return { mesh: meshOfOrigin(this.env, meshName), originUid };
  }

  #ports(store: SqliteLogStore): OriginPorts {
    const leastPaceMs = Number(this.env.PACE_MS) || BUDGETS.shortestPaceMs;
    const fsyncMs = Number(this.env.FSYNC_MS) || 0;
    const { disk, readerMemory, memberWork } = hubProcess;
    return {
      store,
      clock: { now: () => Date.now() },
      paceMs: () => Math.max(leastPaceMs, disk.paceMs(fsyncMs, performance.now())),
      digestLeaves: DIGEST_LEAVES,
      // On Cloudflare, where no disk is measured, an object has a thread of its own.
      isShared: () => fsyncMs > 0 && disk.hasCompany(performance.now()),
      silenceLookMs: fsyncMs > 0 ? SILENCE_LOOK_MS : null,
      healthAlarm:
        fsyncMs > 0 ? null : (atMs) => this.ctx.waitUntil(this.ctx.storage.setAlarm(atMs)),
      readerMemory,
      memberWork,
      random: () => random32() / 2 ** 32,
      hashSeed: random32(),
      sockets: this.#sockets,
      mesh: this.#meshPort,
      setTimer: (name, delayMs) => this.#timers.set(name, delayMs),
      giveUp: (event, error) => this.#onFailure(event, error),
      log: (level, message, fields) => this.#log(level, message, fields),
    };
  }

  #log(level: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#lines.add(level, message, { origin: this.#identity?.originUid, ...fields });
  }
}

function random32(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}
