/**
 * Connections before they are served, and after they are refused. What cannot be served is held and
 * closed late: a client whose connection is accepted and closed comes back at once, thousands of
 * times a second, for ever (calico v3.32.1 typha/pkg/syncclient/sync_client.go). [TYP3] [TYP5]
 */
import type { Duplex } from "node:stream";

import { errorText } from "../../../shared/lib/error-text.ts";
import { GobDecoder } from "../wire/gob/decoder.ts";
import { readMessage } from "../wire/messages.ts";
import type { ClientHello } from "../wire/messages.ts";

/** Time for the hello, as Typha gives. */
const HELLO_MS = 10_000;
/** Below the 30 s after which a client gives up by itself. */
export const HOLD_MS = 25_000;
/** Longest message of a client: a hello, then pongs. Typha ≥ 3.33 has the same limit. */
const MAX_CLIENT_BYTES = 1024 * 1024;

/** All that a client may say before its hello is complete: Calico's has less than 2 KiB. [TYP40] */
const MAX_HELLO_BYTES = 64 * 1024;

export interface Greeted {
  readonly hello: ClientHello;
  /** Has read the hello, and the types that came with it. */
  readonly decoder: GobDecoder;
  /** The bytes that were read. */
  readonly said: Uint8Array;
}

/**
 * Reads the hello and stops reading.
 * @returns Why there is none, or `null` when the client went away or stayed silent.
 */
export function readHello(socket: Duplex): Promise<Greeted | string | null> {
  const decoder = new GobDecoder(MAX_CLIENT_BYTES);
  const read: Uint8Array[] = [];
  let bytes = 0;
  return new Promise((resolve) => {
    const done = (result: Greeted | string | null): void => {
      clearTimeout(timer);
      socket.off("data", onData);
      socket.off("close", onClose);
      socket.pause();
      resolve(result);
    };
    const timer = setTimeout(() => done("said no hello for 10 s"), HELLO_MS);
    const onClose = (): void => done(null);
    const onData = (data: Uint8Array): void => {
      read.push(data);
      bytes += data.length;
      if (bytes > MAX_HELLO_BYTES) {
        done(`said ${bytes} bytes before a hello, the limit is ${MAX_HELLO_BYTES}`);
        return;
      }
      try {
        const message = decoder.feed(data).map(readMessage)[0];
        if (message === undefined) return;
        if (message.type !== "MsgClientHello") done(`first message is ${message.type}`);
        else done({ hello: message, decoder, said: Buffer.concat(read) });
      } catch (error) {
        done(errorText(error));
      }
    };
    socket.on("data", onData);
    socket.on("close", onClose);
  });
}

/** What it sends is thrown away; then it is closed. */
export function closeLate(socket: Duplex, holdMs: number): void {
  const timer = setTimeout(() => socket.destroy(), holdMs);
  socket.on("close", () => clearTimeout(timer));
  socket.resume();
}

/** Copies both ways until either side ends. */
export function pipeBoth(a: Duplex, b: Duplex): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
  a.resume();
}
