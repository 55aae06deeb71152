/**
 * A reader that keeps what it is sent as it comes: the log's frames by revision, or the whole set
 * by a repair.
 */
import { equalBytes } from "../../shared/lib/bytes.ts";
import { nextChain, NO_CHAIN } from "../../shared/log/cursor.ts";
import { HashTrie } from "../../shared/log/hash-trie.ts";
import { decodePayload } from "../../shared/log/payload.ts";
import { encodeMessage } from "../../shared/protocol/codec.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import { decodeRecord } from "../../shared/record/encoding.ts";
import { keyOf } from "../../shared/record/key.ts";
import { entryOf, openSocket } from "./ack-driver.ts";
import type { Headers } from "./ack-driver.ts";

/** More than any test writes: nothing waits for an acknowledgement. */
const CREDIT_BYTES = 64 * 1024 * 1024;
const EMPTY = new HashTrie().leaves();

function entriesIn(payload: Uint8Array): string[] {
  const decoded = decodePayload(payload);
  if (!decoded.ok) throw new Error(decoded.rule);
  return decoded.changes.map((change) => {
    const read = change.op === "put" ? decodeRecord(change.bytes) : null;
    if (change.op !== "put" || read?.ok !== true) throw new Error("not what was published");
    return entryOf(keyOf(read.record), change.bytes);
  });
}

async function watch(
  url: string,
  headers: Headers,
  cursor: { readonly epoch: string; readonly revision: number; readonly chain: Uint8Array } | null,
  take: (message: Message, send: (answer: Message) => void) => boolean,
): Promise<void> {
  let settle: { resolve(): void; reject(error: unknown): void };
  const done = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
  const socket = await openSocket(url, headers, (message) => {
    try {
      if (take(message, (answer) => socket.send(encodeMessage(answer)))) settle.resolve();
    } catch (error) {
      settle.reject(error);
    }
  });
  socket.once("close", () => settle.reject(new Error("the hub closed the reader's socket")));
  socket.send(
    encodeMessage({
      type: "watch-hello",
      versions: [1],
      software: "test",
      accessVersion: 0,
      creditBytes: CREDIT_BYTES,
      channels: ["identity"],
      cursors: cursor === null ? [] : [{ channel: "identity", ...cursor }],
    }),
  );
  await done.finally(() => socket.terminate());
}

/**
 * Follows one log over the lives of its hub. Each part must continue the one before: same epoch,
 * next revision, same chain.
 */
export class LogReader {
  readonly frames = new Map<number, ReadonlySet<string>>();
  #revision = 0;
  #chain: Uint8Array = NO_CHAIN;

  /** Reads on to `head`. @throws when the hub has another past than the one that was read. */
  async readTo(url: string, headers: Headers, epoch: string, head: number): Promise<void> {
    if (head === this.#revision) return;
    if (head < this.#revision) throw new Error(`head ${head} lies before ${this.#revision}`);
    const cursor = { epoch, revision: this.#revision, chain: this.#chain };
    await watch(url, headers, cursor, (message) => {
      if (message.type === "repair-needed") throw new Error(`no tail: ${message.reason}`);
      if (message.type !== "frame") return false;
      if (message.revision !== this.#revision + 1 || !equalBytes(message.previous, this.#chain))
        throw new Error(`frame ${message.revision} does not continue ${this.#revision}`);
      this.#revision = message.revision;
      this.#chain = nextChain(this.#chain, message.revision, message.payload);
      this.frames.set(message.revision, new Set(entriesIn(message.payload)));
      return message.revision >= head;
    });
  }
}

/** All that the hub holds, as one who comes for the first time is told: blobs, then the tail. */
export async function readAll(url: string, headers: Headers, head: number): Promise<Set<string>> {
  const held = new Set<string>();
  let [blobs, planned, after] = [0, Number.POSITIVE_INFINITY, 0];
  await watch(url, headers, null, (message, send) => {
    if (message.type === "repair-needed")
      send({ type: "repair", origin: 0, channel: "identity", leaves: EMPTY });
    if (message.type === "repair-plan") [planned, after] = [message.blobs, message.after];
    if (message.type === "blob") blobs++;
    if (message.type === "frame") after = message.revision;
    if (message.type === "blob" || message.type === "frame")
      for (const entry of entriesIn(message.payload)) held.add(entry);
    return blobs === planned && after >= head;
  });
  return held;
}
