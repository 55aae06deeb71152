/**
 * TLS 1.3 between relays of one cluster. All have the cluster's private key. Each makes a
 * certificate of it in memory, presents it, and accepts no other public key. TLS proves that the
 * other side has the private one. [PEE3] [PEE11]
 */
import { createPrivateKey } from "node:crypto";
import { connect, TLSSocket } from "node:tls";
import type { ConnectionOptions } from "node:tls";
import type { Socket } from "node:net";
import { addAbortSignal } from "node:stream";

import { errorText } from "../../shared/lib/error-text.ts";
import type { RelayKey } from "../hub/identity.ts";
import { splitHostPort } from "../lib/host-port.ts";
import { hasPublicKey, ownCertificate } from "../tls/own-certificate.ts";
import type { OwnCertificate } from "../tls/own-certificate.ts";
import { PeerError } from "./frames.ts";

/** Shows, and recognises, the relays of a cluster. */
export type PeerCertificate = OwnCertificate;

export function peerCertificate(key: RelayKey): PeerCertificate {
  return ownCertificate(createPrivateKey({ key: { ...key }, format: "jwk" }));
}

/** No authority has signed it: the key is judged, by `proveKey`. */
const optionsOf = ({ cert, key }: PeerCertificate) =>
  ({
    cert,
    key,
    minVersion: "TLSv1.3",
    rejectUnauthorized: false,
  }) satisfies ConnectionOptions;

export function dialTls(
  address: string,
  certificate: PeerCertificate,
  signal: AbortSignal,
): TLSSocket {
  const [host, port] = splitHostPort(address);
  const socket = connect({ host, port, ...optionsOf(certificate) });
  socket.setNoDelay(true);
  return addAbortSignal(signal, socket);
}

export function acceptTls(raw: Socket, certificate: PeerCertificate): TLSSocket {
  // Told by the TLS socket too; without a listener here the process would end.
  raw.on("error", () => undefined);
  return new TLSSocket(raw, { isServer: true, requestCert: true, ...optionsOf(certificate) });
}

/**
 * Waits for the handshake, and for its proof.
 * @param handshaken The event that says so, of the side.
 * @throws PeerError also where the other side speaks no TLS 1.3, as relays before it do not.
 */
export async function proveKey(
  socket: TLSSocket,
  handshaken: "secure" | "secureConnect",
  { publicKey }: PeerCertificate,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once(handshaken, resolve);
    socket.once("error", (error) => reject(failed(error)));
    socket.once("close", () => reject(new PeerError("it closed the connection in the middle")));
  });
  if (!hasPublicKey(socket.getPeerX509Certificate(), publicKey))
    throw new PeerError("it has not the key of this cluster");
}

function failed(error: Error): Error {
  const isOfTls = "code" in error && String(error.code).startsWith("ERR_SSL_");
  return isOfTls
    ? new PeerError(`it is no relay, or one of another version: ${errorText(error)}`, {
        cause: error,
      })
    : error;
}
