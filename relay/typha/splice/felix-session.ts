/**
 * One Felix: what Typha sends to it, spliced with the remote views. Obeys `session-rules.ts`; local values go through as bytes (`local-stream.ts`), remote ones
 * come from a snapshot that all connections share, then change by change. [TYP4..TYP16]
 */
import {
  encodeDecoderRestart,
  encodeKvsAround,
  encodePing,
  encodeServerHello,
  encodeSyncStatus,
  encodeTime,
  SERVER_DEFINITIONS,
} from "../wire/encode.ts";
import { FelixPulse } from "./felix-pulse.ts";
import type { FelixStream } from "./felix-stream.ts";
import type { RemoteBatch } from "./key-space.ts";
import { checked } from "../wire/kvs-scan.ts";
import { LocalStream } from "./local-stream.ts";
import type { Elements } from "../wire/encode.ts";
import { SYNC_STATUS } from "../wire/messages.ts";
import type { ClientHello, ServerHello, TyphaMessage } from "../wire/messages.ts";
import { PoolOrder } from "./pool-order.ts";
import { RemoteSide } from "./remote-side.ts";
import type { SessionOptions } from "./session-options.ts";
import { decide, INITIAL } from "./session-rules.ts";
import type { SessionAction, SessionEvent, SessionState } from "./session-rules.ts";
import { frame } from "../wire/snappy/frame.ts";
import { TyphaLink } from "../upstream/typha-link.ts";
import type { FromLink } from "../upstream/typha-link.ts";
import type { RawKvs } from "../wire/typha-reader.ts";

const LOOK_MS = 500;
/** Bytes that wait for a Felix before nothing more is read for it: what one message or one read of Typha adds comes on top. */
const MAX_BACKLOG_BYTES = 256 * 1024;

const NOTHING: Elements = { count: 0, parts: [] };

type StatusMessage = Extract<FromLink, { type: "MsgSyncStatus" }>;

export class FelixSession {
  readonly #options: SessionOptions;
  readonly #felix: FelixStream;
  readonly #typha: TyphaLink;
  readonly #hello: ClientHello;
  readonly #local: LocalStream;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #subscriptions: readonly (() => void)[];
  readonly #pulse = new FelixPulse();
  readonly #remote: RemoteSide;
  readonly #pools: PoolOrder;
  #state: SessionState = INITIAL;
  /** What came from Typha before the remote snapshot was sent: with its hello in one piece; then it is not read on. */
  #early: (RawKvs | StatusMessage)[] = [];
  #isFlowing = false;
  /** @param hello What `felix` has said already. */
  constructor(felix: FelixStream, hello: ClientHello, options: SessionOptions) {
    this.#options = options;
    this.#hello = hello;
    this.#felix = felix;
    this.#pools = new PoolOrder(options.pools);
    this.#local = new LocalStream(options.space, hello.supportsModernPolicyKeys, this.#pools);
    this.#remote = new RemoteSide({
      space: options.space,
      hides: (id) => this.#local.hides(id),
      write: (bytes) => felix.write(bytes),
    });
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
    this.#subscriptions = [
      options.space.subscribe((batch) => this.#onRemote(batch)),
      options.pools.subscribe(() => this.#onPools()),
    ];
    this.#timers.push(setInterval(() => this.#tick(), LOOK_MS));
    this.#typha.start();
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
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    this.#typha.stop();
    this.#felix.stop();
    this.#local.clear();
    this.#remote.clear();
    this.#options.onEnd(reason, by);
  }

  #happened(event: SessionEvent): void {
    const before = this.#state.phase;
    const { state, actions } = decide(this.#state, event);
    this.#state = state;
    if (state.phase !== before) this.#pulse.phaseChanged();
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
        this.#remote.startSnapshot(true);
        this.#sendParts();
        return;
      case "send-plain":
        this.#remote.startSnapshot(false);
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
        this.#sendElements(this.#pools.around(this.#local.endResync()));
    }
  }

  #fromFelix(message: TyphaMessage): void {
    if (message.type === "MsgPong") this.#pulse.ponged();
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
    this.#pulse.greeted();
  }

  async #makeSnapshot(): Promise<void> {
    try {
      const snapshot = await this.#options.snapshots.get();
      this.#remote.take(snapshot);
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

  /** As far as Felix takes it; the rest when it has. */
  #sendParts(): void {
    while (this.#remote.isSendingSnapshot && !this.#pulse.isBlocked)
      if (this.#remote.sendPart()) this.#checkBacklog();
      else this.#happened({ type: "snapshot-sent" });
  }

  /** The remote snapshot is behind it: what has changed meanwhile, then what Typha has sent, and from now on whatever comes. */
  #flow(): void {
    this.#isFlowing = true;
    this.#remote.flushWaiting();
    this.#sendElements(this.#pools.around(NOTHING));
    for (const message of this.#early.splice(0)) this.#fromTypha(message);
    this.#checkBacklog();
    if (!this.#pulse.isBlocked) this.#typha.setPaused(false);
    this.#look();
  }

  #checkBacklog(): void {
    if (this.#felix.backlogBytes <= MAX_BACKLOG_BYTES) {
      this.#felix.flush();
      if (this.#felix.backlogBytes <= MAX_BACKLOG_BYTES) return;
    }
    if (this.#pulse.isBlocked) return;
    this.#pulse.setBlocked(true);
    this.#felix.flush();
    this.#typha.setPaused(true);
  }

  #drained(): void {
    this.#pulse.setBlocked(false);
    if (this.#remote.isSendingSnapshot) this.#sendParts();
    else if (this.#isFlowing) this.#flow();
  }

  #onRemote(batch: RemoteBatch): void {
    const isOpen = this.#isFlowing && !this.#pulse.isBlocked;
    this.#remote.tell(batch, isOpen);
    if (!isOpen) return;
    this.#checkBacklog();
    this.#look();
  }

  /** A Felix that is not ready for them gets them with what flows next. */
  #onPools(): void {
    if (!this.#isFlowing || this.#pulse.isBlocked) return;
    this.#sendElements(this.#pools.around(NOTHING));
    this.#checkBacklog();
  }

  #tick(): void {
    this.#typha.checkSilence(performance.now());
    const due = this.#pulse.due(this.#state.phase);
    if (typeof due === "object") this.end(due.end);
    else if (due === "ping") this.#ping();
    this.#look();
  }

  #ping(): void {
    const ping = encodePing(encodeTime(Date.now()));
    this.#felix.write(this.#state.phase === "compressed" ? frame(ping) : ping);
  }

  #look(): void {
    this.#happened({ type: "look", mayBeInSync: this.#mayBeInSync() });
  }

  /** Not before what a slow Felix has not taken yet: in-sync would overtake it. */
  #mayBeInSync(): boolean {
    if (!this.#remote.isDone) return false;
    const { ageMs } = this.#pulse;
    if ((this.#remote.hasAny || this.#pools.hasAny) && ageMs < this.#options.settleMs) return false;
    return this.#options.isViewLoaded() || ageMs >= this.#options.inSyncWaitMs;
  }

  #sendStatus(status: number): void {
    this.#felix.write(encodeSyncStatus(status));
    if (status === SYNC_STATUS.inSync)
      this.#options.log("info", "in-sync", {
        felix: this.#hello.hostname,
        local: this.#local.size,
        waitedMs: Math.round(this.#pulse.ageMs),
      });
  }

  #fromTypha(message: FromLink): void {
    if (this.#state.phase === "ended") return;
    if (message.type === "MsgServerHello") {
      if (this.#state.version === null) this.#sendHello(message);
      this.#happened({ type: "typha-hello", version: message.version });
    } else if (!this.#isFlowing)
      this.#early.push(message.type === "raw" ? checked(message.kept()) : message);
    else if (message.type === "raw") this.#onKvs(message);
    else {
      if (message.status === SYNC_STATUS.inSync) this.#localIsComplete();
      this.#happened({ type: "typha-status", status: message.status });
      this.#look();
    }
  }

  /**
   * Other clusters' pools may come now, before in-sync: Felix deletes then what it had before and
   * is not told again.
   */
  #localIsComplete(): void {
    this.#pools.complete();
    this.#onPools();
  }

  #onKvs(kvs: RawKvs): void {
    const taken = this.#local.take(kvs.bytes, kvs.from);
    const isAsItCame = kvs.isOurs && taken.isWhole && !this.#pools.isTouched;
    if (isAsItCame && this.#local.refused === null) {
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
    // Not a key more: it would take policies for deleted.
    if (this.#local.refused === "unreadable")
      this.#end("felix: reads no policy keys of Calico ≥ 3.32, and this Typha sends them", "felix");
    else if (this.#local.refused === "rewritten")
      this.end("typha: came back with policy keys of another form: Felix has to begin anew");
    else this.#sendElements(this.#pools.around(elements));
  }

  #sendElements({ count, parts }: Elements): void {
    if (count > 0) for (const bytes of encodeKvsAround(count, parts)) this.#felix.write(bytes);
  }

  #onTyphaLost(reason: string): void {
    const { isTyphaUp } = this.#state;
    this.#options.log(
      isTyphaUp ? "warn" : "info",
      isTyphaUp ? "Typha is gone: what this Felix has stays as it is" : "Typha cannot be reached",
      { felix: this.#hello.hostname, reason },
    );
    this.#happened({ type: "typha-lost" });
  }
}
