/**
 * A reader that takes frames in, counts and acknowledges them, and decodes nothing it need not:
 * many of them fit into one process.
 */
import WebSocket from "ws";

import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import { decodePayload } from "../../shared/log/payload.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import { HashTrie } from "../../shared/log/hash-trie.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";

function changesOf(data: Uint8Array): readonly LogChange[] {
  const decoded = decodeMessage(data);
  if (!decoded.ok || decoded.message.type !== "frame") throw new Error("not a frame");
  const payload = decodePayload(decoded.message.payload);
  if (!payload.ok) throw new Error(payload.rule);
  return payload.changes;
}

const EMPTY = new HashTrie().leaves();
/** Second byte of a `frame` message: its number (the first is the list's header). */
const FRAME = 7;

export class LightReader {
  readonly #socket: WebSocket;
  frames = 0;
  #received = 0;
  #mark: number | null = null;
  readonly ready: Promise<void>;

  /** @param onChanges Has what each frame holds; without it none is opened. */
  constructor(
    url: string,
    headers: Readonly<Record<string, string>>,
    onChanges?: (changes: readonly LogChange[]) => void,
  ) {
    this.#socket = new WebSocket(url, { headers, perMessageDeflate: false });
    this.ready = new Promise((resolve, reject) => {
      this.#socket.on("error", reject);
      this.#socket.on("open", () =>
        this.#socket.send(
          encodeMessage({
            type: "watch-hello",
            versions: PROTOCOL_VERSIONS,
            software: "bench",
            accessVersion: 0,
            creditBytes: LIMITS.defaultCreditBytes,
            channels: ["identity"],
            cursors: [],
          }),
        ),
      );
      this.#socket.on("message", (data: Buffer) => {
        this.#received += data.length;
        if (data[1] === FRAME) this.frames++;
        if (data[1] !== FRAME) this.#control(data, resolve);
        else if (onChanges !== undefined) onChanges(changesOf(data));
      });
    });
  }

  get receivedBytes(): number {
    return this.#received;
  }

  close(): void {
    this.#socket.terminate();
  }

  #control(data: Buffer, resolve: () => void): void {
    const decoded = decodeMessage(data);
    if (!decoded.ok) return;
    if (decoded.message.type === "repair-needed")
      this.#socket.send(
        encodeMessage({ type: "repair", origin: 0, channel: "identity", leaves: EMPTY }),
      );
    if (decoded.message.type === "mark") this.#mark = decoded.message.token;
    if (decoded.message.type !== "checkpoint" && decoded.message.type !== "mark") return;
    this.#acknowledge();
    if (decoded.message.type === "checkpoint") resolve();
  }

  #acknowledge(): void {
    this.#socket.send(
      encodeMessage({
        type: "reader-ack",
        origin: 0,
        channel: "identity",
        revision: 0,
        chain: new Uint8Array(16),
        receivedBytes: this.#received,
        mark: this.#mark,
      }),
    );
  }
}
