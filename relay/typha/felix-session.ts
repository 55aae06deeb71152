/**
 * One Felix: what Typha sends to it, spliced with the remote views. Obeys `session-rules.ts`; local values go through as bytes (`local-stream.ts`), remote ones
 * come from a snapshot that all connections share, then change by change. [TYP4..TYP16]
 */
import type { Duplex } from "node:stream";

import type { ReadTarget } from "./dial.ts";
import {
  encodeDecoderRestart,
  encodeKvsAround,
  encodePing,
  encodeServerHello,
  encodeSyncStatus,
  encodeTime,
  SERVER_DEFINITIONS,
} from "./encode.ts";
import type { FelixStream } from "./felix-stream.ts";
import { messagesOf } from "./key-space.ts";
import type { KeySpace, RemoteBatch } from "./key-space.ts";
import type { RemoteUpdate } from "./remote-feed.ts";
import { checked } from "./kvs-scan.ts";
import { LocalStream } from "./local-stream.ts";
import type { Elements } from "./local-stream.ts";
import { SYNC_STATUS } from "./messages.ts";
import type { ClientHello, ServerHello, TyphaMessage } from "./messages.ts";
import { decide, INITIAL, judgeLiveness } from "./session-rules.ts";
import type { SessionAction, SessionEvent, SessionState } from "./session-rules.ts";
import { COMPRESSED_END, COMPRESSED_START } from "./shared-snapshot.ts";
import type { SharedSnapshot, SnapshotMaker } from "./shared-snapshot.ts";
import { frame, STREAM_IDENTIFIER } from "./snappy/frame.ts";
import { TyphaLink } from "./typha-link.ts";
import type { FromLink } from "./typha-link.ts";
import type { RawKvs } from "./typha-reader.ts";

export interface SessionOptions {
  readonly space: KeySpace;
  readonly snapshots: SnapshotMaker;
  /** Whether the remote view may be called complete now; asked again with every change of it. */
  isViewLoaded(): boolean;
  readonly inSyncWaitMs: number;
  /** Where there are remotes, in-sync is never earlier: another relay may have told Felix a moment ago what is only now on its way here. */
  readonly settleMs: number;
  dial(target: ReadTarget | undefined): Promise<Duplex | string>;
  readonly compressUpstream: boolean;
  /** @param by Who broke the protocol, or `null` where nobody did: a Felix that breaks it is held, not let in again at once. */
  onEnd(reason: string, by: "felix" | null): void;
  log(level: "info" | "warn", message: string, fields: Readonly<Record<string, unknown>>): void;
}

/** Typha pings every 10 s; a Felix gives up after 30 s of silence. The first ping comes early, for a snapshot may be slow. */
const PING_MS = 10_000;
const FIRST_PING_MS = 1_000;
const LOOK_MS = 500;
/** Bytes that wait for a Felix before nothing more is read for it: what one message or one read of Typha adds comes on top. */
const MAX_BACKLOG_BYTES = 256 * 1024;

type StatusMessage = Extract<FromLink, { type: "MsgSyncStatus" }>;

export class FelixSession {
  readonly #options: SessionOptions;
  readonly #felix: FelixStream;
  readonly #typha: TyphaLink;
  readonly #hello: ClientHello;
  readonly #local: LocalStream;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #unsubscribe: () => void;
  readonly #startedMs = performance.now();
  #state: SessionState = INITIAL;
  /** Remote updates that Felix is not ready for, newest per key. */
  readonly #waiting = new Map<string, Uint8Array>();
  /** Parts of the remote snapshot that are not sent yet. */
  #parts: Iterator<Uint8Array> | null = null;
  #snapshot: SharedSnapshot | null = null;
  /** What came from Typha before the remote snapshot was sent: with its hello in one piece; then it is not read on. */
  #early: (RawKvs | StatusMessage)[] = [];
  #isFlowing = false;
  #isCollecting = false;
  #hasRemotes = false;
  #phaseSinceMs = performance.now();
  #lastPongMs = performance.now();
  #blockedSinceMs: number | null = null;
  #nextPingMs = 0;

  /** @param hello What `felix` has said already. */
  constructor(felix: FelixStream, hello: ClientHello, options: SessionOptions) {
    this.#options = options;
    this.#hello = hello;
    this.#felix = felix;
    this.#local = new LocalStream(options.space, !hello.supportsModernPolicyKeys);
    this.#typha = new TyphaLink({
      dial: (target) => options.dial(target),
      // Always: what Felix cannot read is told apart by what Typha sends, not by what a Typha refuses. [TYP17]
      hello: { ...hello, supportsModernPolicyKeys: true },
      compress: options.compressUpstream,
      onMessage: (message) => this.#fromTypha(message),
      onPieceEnd: () => this.#checkBacklog(),
      keepsBytes: () => this.#felix.backlogBytes > 0,
      onLost: (reason) => this.#onTyphaLost(reason),
    });
    felix.start({
      onMessage: (message) => this.#fromFelix(message),
      onClose: (reason) => this.end(`felix: ${reason}`),
      onBroken: (reason) => this.#end(`felix: ${reason}`, "felix"),
      onDrain: () => this.#drained(),
    });
    this.#unsubscribe = options.space.subscribe((batch) => this.#onRemote(batch));
    this.#timers.push(setInterval(() => this.#tick(), LOOK_MS));
    this.#typha.start();
  }

  get hostname(): string {
    return this.#hello.hostname;
  }

  /** Whether Typha's stream reaches it. */
  get isServed(): boolean {
    return this.#state.isTyphaUp;
  }

  end(reason: string): void {
    this.#end(reason, null);
  }

  #end(reason: string, by: "felix" | null): void {
    if (this.#timers.length === 0) return;
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    this.#state = { ...this.#state, phase: "ended" };
    this.#unsubscribe();
    this.#typha.stop();
    this.#felix.stop();
    this.#local.clear();
    this.#waiting.clear();
    this.#parts = null;
    this.#options.onEnd(reason, by);
  }

  #happened(event: SessionEvent): void {
    const before = this.#state.phase;
    const { state, actions } = decide(this.#state, event);
    this.#state = state;
    if (state.phase !== before) this.#phaseSinceMs = performance.now();
    for (const action of actions) this.#do(action);
  }

  #do(action: SessionAction): void {
    if (typeof action === "object") {
      if ("status" in action) this.#sendStatus(action.status);
      else this.#end(action.end, action.by);
      return;
    }
    switch (action) {
      case "make-snapshot":
        this.#typha.setPaused(true);
        void this.#makeSnapshot();
        return;
      case "restart":
        this.#felix.write(encodeDecoderRestart("remote snapshot", "snappy"));
        return;
      case "send-compressed":
        this.#parts = this.#compressedParts();
        this.#sendParts();
        return;
      case "send-plain":
        this.#parts = this.#plainParts();
        this.#sendParts();
        return;
      case "definitions":
        this.#felix.write(SERVER_DEFINITIONS);
        return;
      case "flow":
        this.#flow();
        return;
      case "begin-resync":
        this.#local.beginResync();
        return;
      case "end-resync":
        this.#sendElements(this.#local.endResync());
    }
  }

  // ---- Felix

  #fromFelix(message: TyphaMessage): void {
    if (message.type === "MsgPong") this.#lastPongMs = performance.now();
    else if (message.type === "MsgACK") this.#happened({ type: "felix-ack" });
    else this.#happened({ type: "felix-message", name: message.type });
  }

  #sendHello(typha: ServerHello): void {
    this.#felix.write(SERVER_DEFINITIONS);
    this.#felix.write(
      encodeServerHello({
        version: typha.version,
        syncerType: this.#hello.syncerType,
        supportsNodeResourceUpdates: true,
        serverConnId: typha.serverConnId,
      }),
    );
    this.#lastPongMs = performance.now();
    this.#nextPingMs = performance.now() + FIRST_PING_MS;
  }

  async #makeSnapshot(): Promise<void> {
    try {
      const snapshot = await this.#options.snapshots.get();
      this.#snapshot = snapshot;
      this.#hasRemotes = snapshot.kvs > 0;
      this.#isCollecting = true;
      for (const [key, encoded] of snapshot.changes) this.#waiting.set(key, encoded);
      const { supportsDecoderRestart, compressionAlgorithms } = this.#hello;
      const canCompress = supportsDecoderRestart && compressionAlgorithms.includes("snappy");
      this.#happened({
        type: "snapshot-made",
        compress: canCompress && snapshot.isWorthCompressing,
      });
    } catch (error) {
      this.#end(`relay: the remote snapshot cannot be made: ${(error as Error).message}`, "felix");
    }
  }

  *#compressedParts(): Generator<Uint8Array> {
    yield STREAM_IDENTIFIER;
    yield COMPRESSED_START;
    yield* this.#snapshot?.parts ?? [];
    yield COMPRESSED_END;
  }

  *#plainParts(): Generator<Uint8Array> {
    for (const part of this.#snapshot?.parts ?? [])
      yield (this.#snapshot as SharedSnapshot).plain(part);
  }

  /** As far as Felix takes it; the rest when it has. */
  #sendParts(): void {
    while (this.#parts !== null && this.#blockedSinceMs === null) {
      const part = this.#parts.next();
      if (part.done !== true) {
        this.#felix.write(part.value);
        this.#checkBacklog();
      } else {
        this.#parts = null;
        this.#snapshot = null;
        this.#happened({ type: "snapshot-sent" });
      }
    }
  }

  /** The remote snapshot is behind it: what has changed meanwhile, then what Typha has sent, and from now on whatever comes. */
  #flow(): void {
    this.#isFlowing = true;
    this.#flushWaiting();
    for (const message of this.#early.splice(0)) this.#fromTypha(message);
    this.#checkBacklog();
    if (this.#blockedSinceMs === null) this.#typha.setPaused(false);
    this.#look();
  }

  #checkBacklog(): void {
    if (this.#felix.backlogBytes <= MAX_BACKLOG_BYTES) {
      this.#felix.flush();
      if (this.#felix.backlogBytes <= MAX_BACKLOG_BYTES) return;
    }
    if (this.#blockedSinceMs !== null) return;
    this.#blockedSinceMs = performance.now();
    this.#felix.flush();
    this.#typha.setPaused(true);
  }

  #drained(): void {
    this.#blockedSinceMs = null;
    if (this.#parts !== null) this.#sendParts();
    else if (this.#isFlowing) this.#flow();
  }

  // ---- the remotes

  #onRemote(batch: RemoteBatch): void {
    if (!this.#isCollecting) return;
    if (!this.#isFlowing || this.#blockedSinceMs !== null) {
      for (const update of batch.updates) this.#waiting.set(update.key, update.encoded);
      return;
    }
    const isHidden = (update: RemoteUpdate): boolean =>
      this.#local.hides(batch.shadowed.get(update) ?? -1);
    const messages =
      batch.shadowed.size === 0
        ? batch.messages
        : messagesOf(batch.updates.filter((u) => !isHidden(u)).map((u) => u.encoded));
    for (const message of messages) this.#felix.write(message);
    this.#checkBacklog();
    this.#look();
  }

  #flushWaiting(): void {
    const { space } = this.#options;
    const waiting = [...this.#waiting]
      .filter(([key]) => !this.#local.hides(space.idOf(key)))
      .map(([, encoded]) => encoded);
    this.#waiting.clear();
    for (const message of messagesOf(waiting)) this.#felix.write(message);
  }

  // ---- time

  #tick(): void {
    const now = performance.now();
    this.#typha.checkSilence(now);
    const liveness = judgeLiveness(
      this.#state.phase,
      {
        lastPongMs: this.#lastPongMs,
        blockedSinceMs: this.#blockedSinceMs,
        phaseSinceMs: this.#phaseSinceMs,
      },
      now,
    );
    if (typeof liveness === "object") this.end(liveness.end);
    else if (liveness === "ping" && now >= this.#nextPingMs) this.#ping(now);
    this.#look();
  }

  #ping(now: number): void {
    this.#nextPingMs = now + PING_MS;
    const ping = encodePing(encodeTime(Date.now()));
    this.#felix.write(this.#state.phase === "compressed" ? frame(ping) : ping);
  }

  #look(): void {
    this.#happened({ type: "look", mayBeInSync: this.#mayBeInSync() });
  }

  /** Not before what a slow Felix has not taken yet: in-sync would overtake it. */
  #mayBeInSync(): boolean {
    if (this.#waiting.size > 0 || this.#parts !== null) return false;
    const ageMs = performance.now() - this.#startedMs;
    if (this.#hasRemotes && ageMs < this.#options.settleMs) return false;
    return this.#options.isViewLoaded() || ageMs >= this.#options.inSyncWaitMs;
  }

  #sendStatus(status: number): void {
    this.#felix.write(encodeSyncStatus(status));
    if (status === SYNC_STATUS.inSync)
      this.#options.log("info", "in-sync", {
        felix: this.#hello.hostname,
        local: this.#local.size,
        waitedMs: Math.round(performance.now() - this.#startedMs),
      });
  }

  // ---- Typha

  #fromTypha(message: FromLink): void {
    if (this.#state.phase === "ended") return;
    if (message.type === "MsgServerHello") {
      if (this.#state.version === null) this.#sendHello(message);
      this.#happened({ type: "typha-hello", version: message.version });
    } else if (!this.#isFlowing)
      this.#early.push(message.type === "raw" ? checked(message.kept()) : message);
    else if (message.type === "raw") this.#onKvs(message);
    else {
      this.#happened({ type: "typha-status", status: message.status });
      this.#look();
    }
  }

  #onKvs(kvs: RawKvs): void {
    const taken = this.#local.take(kvs.bytes, kvs.from);
    if (kvs.isOurs && taken.isWhole && !this.#local.hasModernPolicyKeys) {
      this.#felix.write(kvs.bytes);
      return;
    }
    this.#passLocal(taken);
    if (taken.broken !== null) throw taken.broken;
    if (taken.unusualAt === null) return;
    const decoded = kvs.decoded();
    this.#passLocal(this.#local.take(decoded.bytes, decoded.from, taken.unusualAt));
  }

  #passLocal(elements: Elements): void {
    if (this.#local.hasModernPolicyKeys)
      // Not a key more: it would take the policies that it cannot read for deleted. [TYP17]
      this.#end("felix: reads no policy keys of Calico ≥ 3.32, and this Typha sends them", "felix");
    else this.#sendElements(elements);
  }

  #sendElements({ count, parts }: Elements): void {
    if (count > 0) for (const bytes of encodeKvsAround(count, parts)) this.#felix.write(bytes);
  }

  #onTyphaLost(reason: string): void {
    if (this.#state.isTyphaUp)
      this.#options.log("warn", "Typha is gone: what this Felix has stays as it is", {
        felix: this.#hello.hostname,
        reason,
      });
    else
      this.#options.log("info", "Typha cannot be reached", { felix: this.#hello.hostname, reason });
    this.#happened({ type: "typha-lost" });
  }
}
