/** Connections to Typha. */
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";

import { splitHostPort } from "../../lib/host-port.ts";
import type { TlsFiles } from "../../tls/files.ts";
import { wrongPeer } from "../../tls/peer-name.ts";

const DIAL_MS = 10_000;

/**
 * Who gives the memory that a socket reads into; a socket that cannot do so gives its bytes as
 * `data`.
 */
export interface ReadTarget {
  space(): Uint8Array;
  came(count: number): void;
}

/** @returns A way to dial `HOST:PORT`, that answers a connected socket or why there is none. */
export function dialWith(tls: TlsFiles | null): typeof dialTcp {
  return tls === null ? dialTcp : (address) => dialTls(address, tls);
}

export function dialTcp(address: string, target?: ReadTarget): Promise<Duplex | string> {
  const [host, port] = splitHostPort(address);
  const onread = target && {
    buffer: () => target.space(),
    callback: (count: number) => {
      target.came(count);
      return true;
    },
  };
  const socket = connect({ host, port, noDelay: true, ...(onread && { onread }) });
  return connected(socket, "connect");
}

/**
 * Calico's client looks at the name in the certificate, not at the host's. OpenSSL sees to the
 * chain and that it is a server's certificate.
 */
function dialTls(address: string, tls: TlsFiles): Promise<Duplex | string> {
  const [host, port] = splitHostPort(address);
  const socket = connectTls({
    host,
    port,
    ...tls.pems,
    minVersion: "TLSv1.2",
    checkServerIdentity: (_host, certificate) => {
      const problem = wrongPeer(certificate, tls.settings);
      return problem === null ? undefined : new Error(problem);
    },
  });
  socket.setNoDelay(true);
  return connected(socket, "secureConnect");
}

function connected(socket: Socket, event: "connect" | "secureConnect"): Promise<Duplex | string> {
  return new Promise((resolve) => {
    socket.setTimeout(DIAL_MS, () => socket.destroy(new Error("timed out")));
    socket.once(event, () => {
      socket.setTimeout(0);
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (error) => resolve(error.message));
  });
}
