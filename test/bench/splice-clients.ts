/**
 * Child process: many sync clients. They count bytes and cut messages, and look into small ones
 * only (restarts, statuses, pings, probes), so that a hundred of them are not what is measured; or
 * they decode and keep everything, as a Felix does.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";

import {
  CLIENT_DEFINITIONS,
  encodeAck,
  encodeClientHello,
  encodePong,
  encodeTime,
} from "../../relay/typha/wire/encode.ts";
import { DecodingClient } from "./decoding-client.ts";
import { SyncClient } from "../support/typha.ts";
import { takeSnappy } from "../support/snappy.ts";

export interface ClientsCommand {
  readonly type: "connect";
  readonly port: number;
  readonly count: number;
  readonly kind: "counting" | "decoding";
  /**
   * Clients among them that keep everything, for a look at it; they take compressed snapshots too.
   */
  readonly checked: number;
  readonly tag: string;
}

const HELLO = {
  hostname: "node-a1",
  info: "bench",
  version: "v3.32.1",
  syncerType: "felix",
  supportsDecoderRestart: true,
  compressionAlgorithms: ["snappy"],
  supportsModernPolicyKeys: true,
  clientConnId: 1n,
};

const NOTHING = Buffer.alloc(0);
/** All read into it: nothing of it is kept beyond the moment. */
const READ_INTO = Buffer.alloc(512 * 1024);
/** Messages and frames that are longer hold key/values. */
const LONG = 600;

/**
 * Bytes of the next snappy frame, or of the next gob chunk with its length; `null` until that is
 * known.
 */
function frameSize(bytes: Buffer): number | null {
  return bytes.length < 4 ? null : 4 + bytes.readUIntLE(1, 3);
}

function chunkSize(bytes: Buffer): number | null {
  const first = bytes[0] ?? 0;
  if (first < 128) return 1 + first;
  const head = 257 - first;
  return bytes.length < head ? null : head + bytes.readUIntBE(1, head - 1);
}

class LightClient {
  readonly #socket: Socket;
  readonly #tag: string;
  readonly #onSync: () => void;
  #isFramed = false;
  #held: Buffer = NOTHING;
  #skip = 0;

  constructor(port: number, tag: string, onSync: () => void) {
    this.#tag = tag;
    this.#onSync = onSync;
    this.#socket = connect({
      host: "127.0.0.1",
      port,
      noDelay: true,
      onread: {
        buffer: READ_INTO,
        callback: (count) => {
          this.#take(READ_INTO.subarray(0, count));
          return true;
        },
      },
    });
    this.#socket.write(CLIENT_DEFINITIONS);
    this.#socket.write(encodeClientHello(HELLO));
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("close", () => process.send?.({ type: "closed", tag }));
  }

  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }

  /** Cuts without copying: what is too long to be looked into is passed over. */
  #take(data: Buffer): void {
    let bytes = data;
    while (bytes.length > 0) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length);
        this.#skip -= skipped;
        bytes = bytes.subarray(skipped);
        continue;
      }
      if (this.#held.length > 0) bytes = Buffer.concat([this.#held, bytes]);
      this.#held = NOTHING;
      const size = this.#isFramed ? frameSize(bytes) : chunkSize(bytes);
      if (size !== null && size > LONG) this.#skip = size;
      else if (size === null || bytes.length < size) {
        this.#held = Buffer.from(bytes);
        return;
      } else {
        const unit = bytes.subarray(0, size);
        bytes = bytes.subarray(size);
        this.#look(this.#isFramed ? takeSnappy(unit).plain : unit);
      }
    }
  }

  #look(chunk: Buffer): void {
    const text = chunk.toString("latin1");
    if (text.includes("netset/probe")) this.#probe(text);
    else if (text.includes("MsgDecoderRestart")) this.#restart(text);
    else if (text.includes("MsgSyncStatus\xff\x8e\x03\x01\x02")) this.#onSync();
    else if (text.includes("MsgPing")) this.#socket.write(encodePong(encodeTime(Date.now())));
  }

  #restart(text: string): void {
    // A definition of the type names it, too.
    if (!text.includes("syncproto.MsgDecoderRestart")) return;
    this.#isFramed = !this.#isFramed;
    this.#socket.write(encodeAck());
  }

  #probe(text: string): void {
    const sent = BigInt(text.match(/"sent":"(\d+)"/)?.[1] ?? 0);
    const us = Number((process.hrtime.bigint() - sent) / 1000n);
    process.send?.({ type: "probe", tag: this.#tag, us });
  }
}

let clients: { close(): void }[] = [];
process.on("message", (command: ClientsCommand | { readonly type: "close" }) => {
  if (command.type === "close") {
    for (const client of clients) client.close();
    clients = [];
    globalThis.gc?.();
    process.send?.({ type: "closed-all" });
    return;
  }
  void connectAll(command);
});

async function connectAll({ port, count, kind, checked, tag }: ClientsCommand): Promise<void> {
  const began = performance.now();
  const waits: Promise<unknown>[] = [];
  const whole: SyncClient[] = [];
  for (let n = 0; n < count - checked; n++)
    waits.push(
      new Promise<void>((resolve) => {
        const client =
          kind === "decoding"
            ? new DecodingClient(port, resolve)
            : new LightClient(port, tag, resolve);
        clients.push(client);
      }),
    );
  for (let n = 0; n < checked; n++) {
    const client = new SyncClient(port);
    whole.push(client);
    clients.push(client);
    waits.push(client.until("in-sync", () => client.hasSync, 120_000));
  }
  await Promise.all(waits);
  process.send?.({
    type: "in-sync",
    tag,
    ms: performance.now() - began,
    sizes: whole.map((client) => client.kvs.size),
  });
}
process.send?.({ type: "ready" });
