/**
 * A TCP connection to an API server that can be cut: TLS passes through, so only the address in the
 * kubeconfig changes.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

export interface CuttableProxy {
  /** A kubeconfig like the given one, through the proxy. */
  readonly kubeconfig: string;
  /** Breaks every connection, and every new one, until `mend`. */
  cut(): void;
  mend(): void;
  close(): void;
}

export async function openProxy(kubeconfig: string): Promise<CuttableProxy> {
  const text = readFileSync(kubeconfig, "utf8");
  const port = Number(/https:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
  const sockets = new Set<Socket>();
  let isCut = false;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // A broken connection is what this is for.
    socket.on("error", () => socket.destroy());
  };
  const server = createServer((near) => {
    keep(near);
    if (isCut) {
      near.destroy();
      return;
    }
    const far = connect(port, "127.0.0.1");
    keep(far);
    near.pipe(far).pipe(near);
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const own = (server.address() as AddressInfo).port;
  const path = `${kubeconfig}.proxied`;
  writeFileSync(path, text.replace(`127.0.0.1:${port}`, `127.0.0.1:${own}`), { mode: 0o600 });
  const breakAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    kubeconfig: path,
    cut: () => {
      isCut = true;
      breakAll();
    },
    mend: () => {
      isCut = false;
    },
    close: () => {
      server.close();
      breakAll();
    },
  };
}
