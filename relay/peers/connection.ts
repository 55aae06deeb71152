/**
 * One connection between two relays of a cluster: sealed frames over TCP, with a bound on every
 * wait. Thin; what may be said is in `messages.ts`.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";

import { splitHostPort } from "../lib/host-port.ts";
import { Handshake, HELLO_BYTES, LENGTH_BYTES, PeerError, SealedFrames } from "./sealed-frames.ts";
import type { Side } from "./sealed-frames.ts";

export class PeerConnection {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  #frames: SealedFrames | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    // Whoever reads or writes next is told; without a listener the process would end.
    socket.on("error", () => undefined);
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /**
   * Dials, and agrees on the session's keys. That the other side has the cluster's key shows with
   * its first frame.
   * @param idleMs Longest time without a byte, from the dialling on.
   * @throws PeerError or the system's error.
   */
  static async dial(
    address: string,
    secret: Buffer,
    idleMs: number,
    signal: AbortSignal,
  ): Promise<PeerConnection> {
    const [host, port] = splitHostPort(address);
    const connection = new PeerConnection(connect({ host, port, noDelay: true, signal }));
    return connection.#agreeOnKeys(secret, "asking", idleMs);
  }

  static accept(socket: Socket, secret: Buffer, idleMs: number): Promise<PeerConnection> {
    return new PeerConnection(socket).#agreeOnKeys(secret, "asked", idleMs);
  }

  async #agreeOnKeys(secret: Buffer, side: Side, idleMs: number): Promise<this> {
    this.#socket.setTimeout(idleMs, () =>
      this.#socket.destroy(new PeerError(`nothing for ${idleMs / 1000} s`)),
    );
    try {
      const handshake = new Handshake(secret, side);
      if (side === "asking") await this.#write(handshake.hello);
      const hello = await this.#readBytes(HELLO_BYTES);
      this.#frames = handshake.finish(hello);
      if (side === "asked") await this.#write(handshake.hello);
      return this;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Resolves when the system has taken enough of it to go on. */
  send(plain: Uint8Array): Promise<void> {
    return this.#write(this.#session.seal(plain));
  }

  /**
   * @param max Bytes in plain.
   * @throws PeerError when the connection ends before a whole frame, or with one that does not
   *   open.
   */
  async receive(max?: number): Promise<Buffer> {
    const length = SealedFrames.bodyBytes(await this.#readBytes(LENGTH_BYTES), max);
    return this.#session.open(await this.#readBytes(length));
  }

  /** After all that was sent has gone out. */
  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  get #session(): SealedFrames {
    if (this.#frames === null) throw new Error("BUG: no session yet");
    return this.#frames;
  }

  #write(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const isRoom = this.#socket.write(bytes, (error) => {
        if (error) reject(error);
        else resolve();
      });
      if (isRoom) resolve();
    });
  }

  async #readBytes(bytes: number): Promise<Buffer> {
    const parts = [this.#rest];
    let has = this.#rest.length;
    while (has < bytes) {
      const next = await this.#chunks.next();
      if (next.done === true) throw new PeerError("it closed the connection in the middle");
      parts.push(next.value);
      has += next.value.length;
    }
    const all = parts.length === 1 ? this.#rest : Buffer.concat(parts, has);
    this.#rest = all.subarray(bytes);
    return all.subarray(0, bytes);
  }
}
