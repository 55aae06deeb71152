/**
 * One Felix: its own upstream connection to Typha, spliced with the remote view. Local values pass as opaque bytes; remote ones are added; in-sync
 * waits, bounded, until the remote view is loaded, because at in-sync Felix deletes what it was not told. [TYP4..TYP12]
 */
import type { Socket } from "node:net";

import { GobDecoder } from "./gob/decoder.ts";
import type { ClientHello, TyphaMessage } from "./messages.ts";
import {
  CLIENT_DEFINITIONS,
  encodeClientHello,
  encodeKvs,
  encodePing,
  encodePong,
  encodeServerHello,
  encodeSyncStatus,
  encodeTime,
  encodeUpdate,
  SERVER_DEFINITIONS,
} from "./encode.ts";
import { SYNC_STATUS } from "./messages.ts";
import type { RemoteFeed, RemoteUpdate } from "./remote-feed.ts";
import { TyphaStream } from "./stream.ts";

export interface SessionOptions {
  readonly feed: RemoteFeed;
  /** Whether the remote view may be called complete now; asked again with every change of it. */
  isViewLoaded(): boolean;
  readonly inSyncWaitMs: number;
  onEnd(reason: string): void;
  log(message: string, fields: Readonly<Record<string, unknown>>): void;
}

/** Typha pings every 10 s; a Felix gives up after 30 s of silence. The first ping comes early, for a snapshot may be slow. */
const PING_MS = 10_000;
const FIRST_PING_MS = 1_000;
const PONG_TIMEOUT_MS = 60_000;
const MAX_UPSTREAM_BYTES = 64 * 1024 * 1024;
/** Remote key/values of one message. */
const KVS_PER_MESSAGE = 100;
/** A Felix that has not taken anything for this long is dropped, as Typha does. */
const STALLED_MS = 300_000;

export class FelixSession {
  readonly #options: SessionOptions;
  readonly #felix: TyphaStream;
  readonly #upstream: TyphaStream;
  readonly #hello: ClientHello;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #unsubscribe: () => void;
  /** What there was when it began, as far as it is not sent yet. */
  #snapshot: Iterator<readonly RemoteUpdate[]> | null = null;
  /** Remote updates that wait for a slow Felix, newest per key. */
  readonly #waiting = new Map<string, Uint8Array>();
  readonly #startedMs = performance.now();
  #isStreaming = false;
  #isBlocked = false;
  #blockedSinceMs = 0;
  #upstreamStatus: number = SYNC_STATUS.waitForDatastore;
  #sentStatus: number = SYNC_STATUS.waitForDatastore;
  #lastPongMs = performance.now();
  #isEnded = false;

  /**
   * @param client The Felix's socket, its hello already read by `decoder`.
   * @param upstream A connected socket to Typha.
   */
  constructor(
    client: Socket,
    decoder: GobDecoder,
    hello: ClientHello,
    upstream: Socket,
    options: SessionOptions,
  ) {
    this.#options = options;
    this.#hello = hello;
    this.#felix = new TyphaStream(client, decoder, SERVER_DEFINITIONS, {
      onMessage: (message) => this.#fromFelix(message),
      onClose: (reason) => this.end(`felix: ${reason}`),
    });
    this.#upstream = new TyphaStream(
      upstream,
      new GobDecoder(MAX_UPSTREAM_BYTES),
      CLIENT_DEFINITIONS,
      {
        onMessage: (message) => this.#fromTypha(message),
        onClose: (reason) => this.end(`typha: ${reason}`),
      },
    );
    this.#felix.onDrain(() => this.#drained());
    this.#unsubscribe = options.feed.subscribe((updates) => this.#onRemote(updates));
    // No decoder restart, no compression: Typha then streams plain gob, in one piece.
    this.#upstream.write(
      encodeClientHello({ ...hello, supportsDecoderRestart: false, compressionAlgorithms: [] }),
    );
  }

  /** The remote view, or the time to wait for it, may have changed. */
  reconsiderStatus(): void {
    if (!this.#isStreaming || this.#sentStatus === this.#upstreamStatus) return;
    if (this.#upstreamStatus === SYNC_STATUS.inSync && !this.#mayBeInSync()) {
      if (this.#sentStatus === SYNC_STATUS.waitForDatastore)
        this.#sendStatus(SYNC_STATUS.resyncInProgress);
      return;
    }
    this.#sendStatus(this.#upstreamStatus);
  }

  end(reason: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#unsubscribe();
    this.#felix.close(reason);
    this.#upstream.close(reason);
    this.#options.onEnd(reason);
  }

  /** Not before what a slow Felix has not taken yet: in-sync would overtake it. */
  #mayBeInSync(): boolean {
    if (this.#waiting.size > 0 || this.#snapshot !== null) return false;
    return (
      this.#options.isViewLoaded() ||
      performance.now() - this.#startedMs >= this.#options.inSyncWaitMs
    );
  }

  #fromFelix(message: TyphaMessage): void {
    if (message.type !== "MsgPong") {
      this.end(`felix: sent ${message.type} where only MsgPong is allowed`);
      return;
    }
    this.#lastPongMs = performance.now();
  }

  #fromTypha(message: TyphaMessage): void {
    switch (message.type) {
      case "MsgServerHello":
        this.#begin(message);
        return;
      case "MsgPing":
        this.#upstream.write(encodePong(message.timestamp));
        return;
      case "MsgSyncStatus":
        this.#upstreamStatus = message.status;
        this.reconsiderStatus();
        return;
      case "MsgKVs":
        if (this.#isStreaming) this.#send(encodeKvs(message.kvs.map(encodeUpdate)));
        else this.end("typha: sent key/values before its hello");
        return;
      case "MsgClientHello":
      case "MsgDecoderRestart":
      case "MsgACK":
      case "MsgPong":
        this.end(`typha: sent ${message.type}, which it was not asked for`);
    }
  }

  #begin(typha: Extract<TyphaMessage, { type: "MsgServerHello" }>): void {
    if (this.#isStreaming) {
      this.end("typha: sent a second hello");
      return;
    }
    this.#isStreaming = true;
    this.#send(
      encodeServerHello({
        version: typha.version,
        syncerType: this.#hello.syncerType,
        supportsNodeResourceUpdates: true,
        serverConnId: typha.serverConnId,
      }),
    );
    this.#startPings();
    this.#snapshot = this.#options.feed.snapshot();
    this.#sendSnapshot();
  }

  /** As far as Felix takes it; the rest when it has. */
  #sendSnapshot(): void {
    while (this.#snapshot !== null && !this.#isBlocked && !this.#isEnded) {
      const part = this.#snapshot.next();
      if (part.done === true) this.#snapshot = null;
      else this.#sendUpdates(part.value.map((update) => update.encoded));
    }
  }

  #startPings(): void {
    const ping = (): void => {
      const now = performance.now();
      if (now - this.#lastPongMs > PONG_TIMEOUT_MS) this.end("felix: no pong for 60 s");
      else if (this.#isBlocked && now - this.#blockedSinceMs > STALLED_MS)
        this.end("felix: takes nothing for 300 s");
      else this.#felix.write(encodePing(encodeTime(Date.now())));
    };
    this.#lastPongMs = performance.now();
    this.#timers.push(setTimeout(ping, FIRST_PING_MS), setInterval(ping, PING_MS));
    this.#timers.push(setInterval(() => this.reconsiderStatus(), 500));
  }

  #onRemote(updates: readonly RemoteUpdate[]): void {
    // Before the snapshot there is nothing to change: it is read from the same feed.
    if (!this.#isStreaming) return;
    if (this.#isBlocked)
      for (const update of updates) this.#waiting.set(update.key, update.encoded);
    else this.#sendUpdates(updates.map((update) => update.encoded));
    this.reconsiderStatus();
  }

  #sendUpdates(encoded: readonly Uint8Array[]): void {
    for (let from = 0; from < encoded.length; from += KVS_PER_MESSAGE)
      this.#send(encodeKvs(encoded.slice(from, from + KVS_PER_MESSAGE)));
  }

  #sendStatus(status: number): void {
    this.#sentStatus = status;
    this.#send(encodeSyncStatus(status));
    if (status === SYNC_STATUS.inSync)
      this.#options.log("in-sync", {
        felix: this.#hello.hostname,
        waitedMs: Math.round(performance.now() - this.#startedMs),
      });
  }

  #send(bytes: Uint8Array): void {
    if (this.#felix.write(bytes) || this.#isBlocked) return;
    this.#isBlocked = true;
    this.#blockedSinceMs = performance.now();
    this.#upstream.setPaused(true);
  }

  #drained(): void {
    this.#isBlocked = false;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#sendUpdates(waiting);
    this.#sendSnapshot();
    if (!this.#isBlocked) this.#upstream.setPaused(false);
    this.reconsiderStatus();
  }
}
