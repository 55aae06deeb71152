/**
 * One Felix: what Typha sends, spliced with the remote views. Obeys `session-rules.ts`. Local ones
 * go through as bytes (`local-stream.ts`); remote ones come from a snapshot that all share, then
 * change by change. [TYP4..TYP16]
 */
import { errorText } from "../../../shared/lib/error-text.ts";
import { FelixPulse } from "./felix-pulse.ts";
import type { FelixStream } from "./felix-stream.ts";
import { FelixWriter } from "./felix-writer.ts";
import type { RemoteBatch } from "./key-space.ts";
import { checked } from "../wire/kvs-scan.ts";
import { LocalStream } from "./local-stream.ts";
import type { Elements } from "../wire/encode.ts";
import { SYNC_STATUS } from "../wire/messages.ts";
import type { ClientHello, TyphaMessage } from "../wire/messages.ts";
import { PoolOrder } from "./pool-order.ts";
import { RemoteSide } from "./remote-side.ts";
import type { SessionOptions } from "./session-options.ts";
import { decide, INITIAL } from "./session-rules.ts";
import type { SessionAction, SessionEvent, SessionState } from "./session-rules.ts";
import { TyphaLink } from "../upstream/typha-link.ts";
import type { FromLink } from "../upstream/typha-link.ts";
import type { RawKvs } from "../wire/typha-reader.ts";

const LOOK_MS = 500;
const NOTHING: Elements = { count: 0, parts: [] };

export class FelixSession {
  readonly #options: SessionOptions;
  readonly #felix: FelixStream;
  readonly #send: FelixWriter;
  readonly #typha: TyphaLink;
  readonly #hello: ClientHello;
  readonly #local: LocalStream;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #subscriptions: readonly (() => void)[];
  readonly #pulse = new FelixPulse();
  readonly #remote: RemoteSide;
  readonly #pools: PoolOrder;
  #state: SessionState = INITIAL;
  /** Came in one piece with Typha's hello; Typha is not read on until the snapshot is sent. */
  #early: (RawKvs | Extract<FromLink, { type: "MsgSyncStatus" }>)[] = [];

  /** @param hello What `felix` has said already. */
  constructor(felix: FelixStream, hello: ClientHello, options: SessionOptions) {
    this.#options = options;
    this.#hello = hello;
    this.#felix = felix;
    this.#send = new FelixWriter(felix);
    this.#pools = new PoolOrder(options.pools, hello.version);
    this.#local = new LocalStream(options.space, hello.supportsModernPolicyKeys, this.#pools);
    this.#remote = new RemoteSide({
      space: options.space,
      hides: (id) => this.#local.hides(id),
      write: (bytes) => felix.write(bytes),
    });
    this.#typha = new TyphaLink({
      dial: (target) => options.dial(target),
      // Always: what Felix cannot read shows in what Typha sends, not in what a Typha refuses.
      // [TYP17]
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
      onBroken: (reason) => this.end(`felix: ${reason}`, "felix"),
      onDrain: () => this.#drained(),
    });
    this.#subscriptions = [
      options.space.subscribe((batch) => this.#onRemote(batch)),
      options.pools.subscribe(() => this.#onPools()),
    ];
    this.#timers.push(setInterval(() => this.#tick(), LOOK_MS));
    this.#typha.start();
  }

  /** Typha's stream reaches it. */
  get isServed(): boolean {
    return this.#state.isTyphaUp;
  }

  get isInSync(): boolean {
    return this.#state.sentStatus === SYNC_STATUS.inSync;
  }

  /** @param by Felix, where it broke the protocol. */
  end(reason: string, by: "felix" | null = null): void {
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
    switch (action.kind) {
      case "make-snapshot":
        this.#typha.setPaused(true);
        void this.#makeSnapshot();
        return;
      case "restart":
        this.#send.restart();
        return;
      case "send-compressed":
      case "send-plain":
        this.#remote.startSnapshot(action.kind === "send-compressed");
        this.#sendParts();
        return;
      case "definitions":
        this.#send.definitions();
        return;
      case "flow":
        this.#flow();
        return;
      case "begin-resync":
        this.#local.beginResync();
        return;
      case "end-resync":
        this.#send.elements(this.#pools.around(this.#local.endResync()));
        return;
      case "status":
        this.#sendStatus(action.status);
        return;
      case "end":
        this.end(action.reason, action.by);
    }
  }

  #fromFelix(message: TyphaMessage): void {
    if (message.type === "MsgPong") this.#pulse.ponged();
    else if (message.type === "MsgACK") this.#happened({ type: "felix-ack" });
    else this.#happened({ type: "felix-message", name: message.type });
  }

  async #makeSnapshot(): Promise<void> {
    try {
      const snapshot = await this.#options.snapshots.get();
      this.#remote.setSnapshot(snapshot);
      const { supportsDecoderRestart, compressionAlgorithms } = this.#hello;
      const canCompress = supportsDecoderRestart && compressionAlgorithms.includes("snappy");
      this.#happened({
        type: "snapshot-made",
        compress: canCompress && snapshot.isWorthCompressing,
      });
    } catch (error) {
      this.end(`relay: the remote snapshot cannot be made: ${errorText(error)}`, "felix");
    }
  }

  /** As far as Felix takes it; the rest when it has. */
  #sendParts(): void {
    while (this.#remote.isSendingSnapshot && !this.#pulse.isBlocked)
      if (this.#remote.sendPart()) this.#checkBacklog();
      else this.#happened({ type: "snapshot-sent" });
  }

  /**
   * The remote snapshot is sent: what has changed meanwhile, then what Typha has sent, and from now
   * on whatever comes.
   */
  #flow(): void {
    this.#remote.flushWaiting();
    this.#send.elements(this.#pools.around(NOTHING));
    for (const message of this.#early.splice(0)) this.#fromTypha(message);
    this.#checkBacklog();
    if (!this.#pulse.isBlocked) this.#typha.setPaused(false);
    this.look();
  }

  #checkBacklog(): void {
    if (!this.#send.flush() || this.#pulse.isBlocked) return;
    this.#pulse.setBlocked(true);
    this.#typha.setPaused(true);
  }

  #drained(): void {
    this.#pulse.setBlocked(false);
    if (this.#remote.isSendingSnapshot) this.#sendParts();
    else if (this.#state.phase === "flowing") this.#flow();
  }

  #onRemote(batch: RemoteBatch): void {
    const isOpen = this.#state.phase === "flowing" && !this.#pulse.isBlocked;
    this.#remote.deliver(batch, isOpen);
    if (!isOpen) return;
    this.#checkBacklog();
    this.look();
  }

  /** A Felix that is not ready for them gets them with what flows next. */
  #onPools(): void {
    if (this.#state.phase !== "flowing" || this.#pulse.isBlocked) return;
    this.#send.elements(this.#pools.around(NOTHING));
    this.#checkBacklog();
  }

  #tick(): void {
    this.#typha.checkSilence(performance.now());
    const due = this.#pulse.due(this.#state.phase);
    if (due.kind === "end") this.end(due.reason);
    else if (due.kind === "ping") this.#send.ping(this.#state.phase === "compressed");
    this.look();
  }

  look(): void {
    this.#happened({ type: "look", mayBeInSync: this.#mayBeInSync() });
  }

  #mayBeInSync(): boolean {
    // It would overtake what a slow Felix has not taken yet.
    if (!this.#remote.isDone) return false;
    const { ageMs } = this.#pulse;
    const hasAny = this.#remote.hasAny || this.#pools.hasAny;
    if (hasAny && ageMs < this.#options.settleMs && !this.#options.barrier.look()) return false;
    return this.#options.isViewLoaded() || ageMs >= this.#options.inSyncWaitMs;
  }

  #sendStatus(status: number): void {
    this.#send.status(status);
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
      if (this.#state.version === null) {
        this.#send.hello(message, this.#hello.syncerType);
        this.#pulse.greeted();
      }
      this.#happened({ type: "typha-hello", version: message.version });
    } else if (this.#state.phase !== "flowing")
      this.#early.push(message.type === "raw" ? checked(message.kept()) : message);
    else if (message.type === "raw") this.#onKvs(message);
    else {
      // Other clusters' pools may come now, before in-sync: Felix deletes then what it had before
      // and is not told again.
      if (message.status === SYNC_STATUS.inSync) {
        this.#pools.complete();
        this.#onPools();
      }
      this.#happened({ type: "typha-status", status: message.status });
      this.look();
    }
  }

  #onKvs(kvs: RawKvs): void {
    const taken = this.#local.read(kvs.bytes, kvs.from);
    const isAsItCame = kvs.isOurs && taken.isWhole && !this.#pools.isTouched;
    if (isAsItCame && this.#local.refused === null) {
      this.#send.bytes(kvs.bytes);
      return;
    }
    this.#passLocal(taken);
    if (taken.broken !== null) throw taken.broken;
    if (taken.unusualAt === null) return;
    const decoded = kvs.decoded();
    this.#passLocal(this.#local.read(decoded.bytes, decoded.from, taken.unusualAt));
  }

  #passLocal(elements: Elements): void {
    // Nothing more is sent: Felix would read the remaining keys as deletions.
    if (this.#local.refused === "unreadable")
      this.end("felix: reads no policy keys of Calico ≥ 3.32, and this Typha sends them", "felix");
    else if (this.#local.refused === "rewritten")
      this.end("typha: came back with policy keys of another form: Felix has to begin anew");
    else this.#send.elements(this.#pools.around(elements));
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
