/** TLS with a certificate of choice before a plain server on this machine. */
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:tls";

import type { Certificate } from "./certificates.ts";

export interface TlsRelay {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** @param protocols For ALPN: `h2`, or none. */
export async function tlsBefore(
  port: number,
  { cert, key }: Certificate,
  protocols: readonly string[] = [],
): Promise<TlsRelay> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // Broken connections are what tests with it are about.
    socket.on("error", () => socket.destroy());
  };
  const options = { cert, key, ...(protocols.length > 0 && { ALPNProtocols: [...protocols] }) };
  const server = createServer(options, (near) => {
    keep(near);
    const far = connect(port, "127.0.0.1");
    keep(far);
    near.pipe(far).pipe(near);
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
