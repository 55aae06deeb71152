/** A publisher that trusts nobody: it keeps its own list of what the hub has acknowledged. */
import WebSocket from "ws";

import { toHex } from "../../shared/lib/bytes.ts";
import { encodePayload } from "../../shared/log/payload.ts";
import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import { encodeRecord, hashKey, hashRecord } from "../../shared/record/encoding.ts";
import { keyOf } from "../../shared/record/key.ts";
import { pod } from "../support/records.ts";

const CHANGES_PER_FRAME = 3;

/** A frame that the hub has said is committed: `<key hash> <record hash>` of each change. */
export interface Acknowledged {
  readonly epoch: string;
  readonly revision: number;
  readonly entries: readonly string[];
}

export interface Life {
  readonly epoch: string;
  /** Of the channel when this life began: everything that the last one has committed. */
  readonly head: number;
  /** Frames that were sent and not acknowledged when it ended. */
  readonly underWay: number;
}

export type Headers = Readonly<Record<string, string>>;

/** A socket to the hub whose end is an outcome, not an error: it is what is tested. */
export async function openSocket(
  url: string,
  headers: Headers,
  onMessage: (message: Message) => void,
): Promise<WebSocket> {
  const socket = new WebSocket(url, { headers, perMessageDeflate: false });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  socket.removeAllListeners("error").on("error", () => undefined);
  socket.on("message", (data: Buffer) => {
    const decoded = decodeMessage(data);
    if (!decoded.ok) throw new Error(decoded.rule);
    onMessage(decoded.message);
  });
  return socket;
}

export function entryOf(key: string, bytes: Uint8Array): string {
  return `${toHex(hashKey(key))} ${toHex(hashRecord(bytes))}`;
}

/**
 * Publishes endpoints that were never there before, so that no later change can hide the loss of an
 * earlier one.
 */
export class AckDriver {
  readonly acknowledged: Acknowledged[] = [];
  /** Everything that ever left here: nothing else can be in the log. */
  readonly sent = new Set<string>();
  #term = 0;
  #made = 0;

  /**
   * One life of a hub: publishes with `depth` frames under way until the hub is gone. `onWelcome`
   * is where its end is ordered, by somebody whose clock is not this event loop: a timer here would
   * only ever fire between two of our own messages.
   */
  async publish(
    url: string,
    headers: Headers,
    plan: { readonly depth: number; onWelcome(socket: WebSocket): void },
  ): Promise<Life> {
    const underWay = new Map<number, readonly string[]>();
    let welcome: { readonly epoch: string; readonly head: number } | undefined;
    let [sequence, isGone] = [0, false];
    const socket = await openSocket(url, headers, (message) => {
      if (message.type === "home-welcome") {
        this.#term = message.term;
        welcome = message.channels.find((state) => state.channel === "identity");
        plan.onWelcome(socket);
      } else if (message.type === "accepted") {
        const entries = underWay.get(message.sequence);
        if (entries === undefined) throw new Error(`${message.sequence} was never sent`);
        underWay.delete(message.sequence);
        // What comes out of the socket's buffer after the kill was acknowledged all the same.
        this.acknowledged.push({ epoch: message.epoch, revision: message.revision, entries });
      } else return;
      while (!isGone && underWay.size < plan.depth) {
        const frame = this.#frame();
        underWay.set(++sequence, frame.entries);
        socket.send(
          encodeMessage({ type: "publish", channel: "identity", sequence, payload: frame.payload }),
        );
      }
    });
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.send(
      encodeMessage({
        type: "home-hello",
        versions: [1],
        software: "test",
        accessVersion: 0,
        leaseUid: "",
        term: this.#term,
        candidate: null,
      }),
    );
    await closed;
    isGone = true;
    if (welcome === undefined) throw new Error("the hub went away before its welcome");
    return { epoch: welcome.epoch, head: welcome.head, underWay: underWay.size };
  }

  /** What the hub says of the channel to one who comes home and does nothing. */
  head(url: string, headers: Headers): Promise<Life> {
    return this.publish(url, headers, { depth: 0, onWelcome: (socket) => socket.terminate() });
  }

  #frame(): { readonly payload: Uint8Array; readonly entries: readonly string[] } {
    const records = Array.from({ length: CHANGES_PER_FRAME }, () => {
      const n = this.#made++;
      return pod(`p${n}`, `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`);
    });
    const puts = records.map((record) => ({ op: "put" as const, bytes: encodeRecord(record) }));
    const entries = puts.map(({ bytes }, i) => entryOf(keyOf(records[i] ?? pod("", "")), bytes));
    for (const entry of entries) this.sent.add(entry);
    return { payload: encodePayload(puts), entries };
  }
}
