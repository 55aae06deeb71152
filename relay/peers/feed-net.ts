/**
 * The cluster's other relays, to follow and to be followed, over the connections that relays have
 * to each other. [FEE2]
 */
import { hostname } from "node:os";

import { errorText } from "../../shared/lib/error-text.ts";
import type { RelayConfig } from "../config/relay-config.ts";
import { decodeFeedFrame, encodeFeedFrame, MAX_FEED_FRAME_BYTES } from "../feed/frames.ts";
import type { FeedFrame, FeedNet, FeedPipe, FeedPipeHandlers } from "../feed/frames.ts";
import type { Credentials } from "../hub/credentials.ts";
import { splitHostPort } from "../lib/host-port.ts";
import type { Logger } from "../lib/log.ts";
import { PeerConnection } from "./connection.ts";
import { ownHosts, peerFinder, withoutSelf } from "./find-peers.ts";
import { frameOf, PeerError } from "./frames.ts";
import { peerCertificate } from "./handshake.ts";
import type { PeerCertificate } from "./handshake.ts";
import { PEER_LIMITS } from "./limits.ts";
import { messageFrame } from "./messages.ts";

/** Nodes come and go seldom, and each relay asks for itself. */
const LOOK_MS = 30_000;
const LOOK_AGAIN_MS = 3_000;

/** Reads frames until the connection ends, and tells how. */
export async function carryFrames(
  connection: PeerConnection,
  handlers: FeedPipeHandlers,
): Promise<void> {
  try {
    for (;;) {
      const frame = decodeFeedFrame(await connection.receive(MAX_FEED_FRAME_BYTES));
      if (frame === null) throw new PeerError("it sent a frame that is none");
      handlers.onFrame(frame);
    }
  } catch (error) {
    connection.close();
    handlers.onClosed(errorText(error));
  }
}

/**
 * Frames as they go out. A message that goes to all followers is made once for those that have a
 * stream of the same number for it. [FEE9] [FEE10]
 */
export class WireFrames {
  readonly #made = new WeakMap<Uint8Array, { readonly stream: number; readonly wire: Buffer }>();

  of(frame: FeedFrame): Buffer {
    if (frame.type !== "message") return frameOf(encodeFeedFrame(frame), MAX_FEED_FRAME_BYTES);
    const { stream, bytes } = frame;
    const made = this.#made.get(bytes);
    if (made?.stream === stream) return made.wire;
    const wire = frameOf(encodeFeedFrame(frame), MAX_FEED_FRAME_BYTES);
    this.#made.set(bytes, { stream, wire });
    return wire;
  }
}

/** @param frames Of all connections of one side. */
export function pipeOver(connection: PeerConnection, frames: WireFrames): FeedPipe {
  return {
    send: (frame: FeedFrame) => connection.post(frames.of(frame)),
    get backlogBytes() {
      return connection.backlogBytes;
    },
    close: () => connection.close(),
  };
}

export class PeerFeedNet implements FeedNet {
  readonly #certificate: PeerCertificate;
  readonly #port: number | null;
  readonly #find: (signal: AbortSignal) => Promise<readonly string[]>;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  readonly #frames = new WireFrames();
  #addresses: readonly string[] | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** @returns `null` where the options name no other relays. */
  static of(config: RelayConfig, credentials: Credentials, log: Logger): PeerFeedNet | null {
    const find = peerFinder(config, null);
    if (find === null || config.peersListen === undefined) return null;
    const port = splitHostPort(config.peersListen)[1];
    return new PeerFeedNet(peerCertificate(credentials.privateKey), port, find, log);
  }

  private constructor(
    certificate: PeerCertificate,
    port: number | null,
    find: (signal: AbortSignal) => Promise<readonly string[]>,
    log: Logger,
  ) {
    this.#certificate = certificate;
    this.#port = port;
    this.#find = find;
    this.#log = log;
    void this.#look();
  }

  get self(): string | null {
    const others = new Set(withoutSelf(this.#addresses ?? [], this.#port, ownHosts()));
    return this.#addresses?.find((address) => !others.has(address)) ?? null;
  }

  addresses(): readonly string[] | null {
    return this.#addresses;
  }

  connect(address: string, handlers: FeedPipeHandlers, onConnected: () => void): FeedPipe {
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, this.#abort.signal]);
    let pipe: FeedPipe | null = null;
    const carry = async (): Promise<void> => {
      try {
        const { idleMs } = PEER_LIMITS;
        const connection = await PeerConnection.dial(address, this.#certificate, idleMs, signal);
        pipe = pipeOver(connection, this.#frames);
        await connection.send(messageFrame({ type: "follow", name: hostname().slice(0, 253) }));
        onConnected();
        await carryFrames(connection, handlers);
      } catch (error) {
        handlers.onClosed(errorText(error));
      }
    };
    void carry();
    return {
      send: (frame) => pipe?.send(frame),
      get backlogBytes() {
        return pipe?.backlogBytes ?? 0;
      },
      close: () => {
        abort.abort();
        pipe?.close();
      },
    };
  }

  stop(): void {
    this.#abort.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    let nextMs = LOOK_MS;
    try {
      this.#addresses = await this.#find(this.#abort.signal);
    } catch (error) {
      nextMs = LOOK_AGAIN_MS;
      if (!this.#abort.signal.aborted)
        this.#log.warn(`the cluster's other relays are not known: ${errorText(error)}`);
    }
    if (!this.#abort.signal.aborted) this.#timer = setTimeout(() => void this.#look(), nextMs);
  }
}
