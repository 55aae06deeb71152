/**
 * One connection between two relays of a cluster: frames over TLS, with a bound on every wait.
 * Thin; what may be said is in `messages.ts`.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

import { bodyBytes, frameOf, LENGTH_BYTES, PeerError } from "./frames.ts";
import { acceptTls, dialTls, proveKey } from "./handshake.ts";
import type { PeerCertificate } from "./handshake.ts";

export class PeerConnection {
  readonly #socket: TLSSocket;
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /**
   * Dials. Nothing is said before the other side has proven the cluster's key.
   * @param idleMs Longest time without a byte, from the dialling on.
   * @throws PeerError or the system's error.
   */
  static dial(
    address: string,
    certificate: PeerCertificate,
    idleMs: number,
    signal: AbortSignal,
  ): Promise<PeerConnection> {
    const socket = dialTls(address, certificate, signal);
    return PeerConnection.#proven(socket, "secureConnect", certificate, idleMs);
  }

  /** Nothing is read before the other side has proven the cluster's key. */
  static accept(
    socket: Socket,
    certificate: PeerCertificate,
    idleMs: number,
  ): Promise<PeerConnection> {
    return PeerConnection.#proven(acceptTls(socket, certificate), "secure", certificate, idleMs);
  }

  static async #proven(
    socket: TLSSocket,
    handshaken: "secure" | "secureConnect",
    certificate: PeerCertificate,
    idleMs: number,
  ): Promise<PeerConnection> {
    // Whoever reads or writes next is told; without a listener the process would end.
    socket.on("error", () => undefined);
    socket.setTimeout(idleMs, () =>
      socket.destroy(new PeerError(`nothing for ${idleMs / 1000} s`)),
    );
    try {
      await proveKey(socket, handshaken, certificate);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return new PeerConnection(socket);
  }

  /** Resolves when the system has taken enough of it to go on. */
  send(bytes: Uint8Array, max?: number): Promise<void> {
    return this.#write(frameOf(bytes, max));
  }

  /** Sends a frame, its length included, and waits for nothing; the reader hears of an end. */
  post(wire: Buffer): void {
    this.#socket.write(wire);
  }

  /** Sent, and not taken by the system yet. */
  get backlogBytes(): number {
    return this.#socket.writableLength;
  }

  /**
   * @param max Bytes.
   * @throws PeerError when the connection ends before a whole frame.
   */
  async receive(max?: number): Promise<Buffer> {
    return this.#readBytes(bodyBytes(await this.#readBytes(LENGTH_BYTES), max));
  }

  /** After all that was sent has gone out. */
  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
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
