/**
 * TLS 1.2 and 1.3 before the port that Felix connects to: a certificate is required, and has to be
 * the right one. A refused client is held like any other: with TLS 1.3 it learns of the refusal
 * only after it thinks that it is connected, and would come back hundreds of times a second. [TYP5]
 * [TYP24]
 */
import { constants } from "node:crypto";
import type { Socket } from "node:net";
import { createServer } from "node:tls";
import type { Server, TLSSocket } from "node:tls";

import type { TlsFiles } from "./files.ts";
import { wrongPeer } from "./peer-name.ts";

/** First byte of a TLS handshake record. */
const HANDSHAKE = 0x16;
/** Calico's hello time has the handshake in it. */
const HANDSHAKE_MS = 10_000;

export interface TlsFrontHandlers {
  onSocket(socket: TLSSocket): void;
  /** The socket is still open. */
  onRefused(socket: Socket, problem: string): void;
  /** The handshake failed, and with it the socket. */
  onFailed(problem: string): void;
}

export class TlsFront {
  readonly #server: Server;
  readonly #handlers: TlsFrontHandlers;

  constructor(files: TlsFiles, handlers: TlsFrontHandlers) {
    this.#handlers = handlers;
    this.#server = createServer({
      ...files.pems,
      minVersion: "TLSv1.2",
      requestCert: true,
      // Judged below, where a refused client can be held.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_MS,
      // No session outlives the certificates that it was made with.
      secureOptions: constants.SSL_OP_NO_TICKET,
    });
    files.onChange((pems) => this.#server.setSecureContext({ ...pems, minVersion: "TLSv1.2" }));
    this.#server.on("secureConnection", (socket) => {
      const problem = problemOf(socket, files);
      if (problem === null) handlers.onSocket(socket);
      else handlers.onRefused(socket, problem);
    });
    this.#server.on("tlsClientError", (error) => handlers.onFailed(error.message));
  }

  accept(raw: Socket): void {
    const timer = setTimeout(
      () => this.#handlers.onRefused(raw, "said nothing for 10 s"),
      HANDSHAKE_MS,
    );
    raw.once("close", () => clearTimeout(timer));
    raw.once("data", (first) => {
      clearTimeout(timer);
      raw.pause();
      if (first[0] !== HANDSHAKE) {
        this.#handlers.onRefused(raw, "does not speak TLS, which is configured here");
        return;
      }
      raw.unshift(first);
      this.#server.emit("connection", raw);
    });
  }
}

function problemOf(socket: TLSSocket, files: TlsFiles): string | null {
  if (!socket.authorized)
    return `its certificate is not trusted: ${String(socket.authorizationError)}`;
  return wrongPeer(socket.getPeerCertificate(), files.settings);
}
