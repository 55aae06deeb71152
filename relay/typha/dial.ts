/** Connections to Typha, and addresses as they are written in options. */
import { connect } from "node:net";
import type { Duplex } from "node:stream";

const DIAL_MS = 10_000;

/** Who gives the memory that a socket reads into; a socket that cannot do so gives its bytes as `data`. */
export interface ReadTarget {
  space(): Uint8Array;
  came(count: number): void;
}

/** @returns A connected socket, or why there is none. */
export function dialTcp(address: string, target?: ReadTarget): Promise<Duplex | string> {
  const [host, port] = splitHostPort(address);
  const onread = target && {
    buffer: () => target.space(),
    callback: (count: number) => {
      target.came(count);
      return true;
    },
  };
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true, ...(onread && { onread }) });
    socket.setTimeout(DIAL_MS, () => socket.destroy(new Error("timed out")));
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (error) => resolve(error.message));
  });
}

export function splitHostPort(text: string): [host: string, port: number] {
  const at = text.lastIndexOf(":");
  return [text.slice(0, at).replace(/^\[|\]$/g, ""), Number(text.slice(at + 1))];
}
