/**
 * What corporate networks put before a hub: TLS with an authority of their own, and a proxy that
 * has to be asked.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { Server as HttpServer } from "node:http";
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import type { Server as TlsServer } from "node:tls";

const FIXTURES = join(import.meta.dirname, "../fixtures/tls");
export const CA_FILE = join(FIXTURES, "ca.pem");

interface Front {
  readonly port: number;
  close(): Promise<void>;
}

/** TLS for `localhost` and `hub.test` in front of a hub. */
export async function startTlsFront(target: () => string): Promise<Front> {
  const options = {
    key: readFileSync(join(FIXTURES, "hub.key")),
    cert: readFileSync(join(FIXTURES, "hub.pem")),
  };
  const sockets = new Set<Socket>();
  const server = createTlsServer(options, (socket) => {
    const { hostname, port } = new URL(target());
    pipeBoth(sockets, socket, connect(Number(port), hostname));
  });
  return listening(server, sockets);
}

export interface ConnectProxy extends Front {
  /** Hosts that tunnels were asked for, in order, and whether they were given. */
  readonly asked: { readonly host: string; readonly isAllowed: boolean }[];
}

/** An HTTP proxy that gives tunnels, to those with its user and password if it has any. */
export async function startConnectProxy(credentials?: string): Promise<ConnectProxy> {
  const asked: ConnectProxy["asked"] = [];
  const sockets = new Set<Socket>();
  const server = createServer((_request, response) => response.writeHead(405).end());
  server.on("connect", (request, socket: Socket) => {
    const wanted = credentials === undefined ? undefined : `Basic ${btoa(credentials)}`;
    const isAllowed = wanted === undefined || request.headers["proxy-authorization"] === wanted;
    const host = request.url ?? "";
    asked.push({ host, isAllowed });
    if (!isAllowed) {
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n");
      return;
    }
    // All names are this machine's.
    const hub = connect(Number(host.split(":")[1]), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    });
    pipeBoth(sockets, socket, hub);
  });
  return { ...(await listening(server, sockets)), asked };
}

function pipeBoth(sockets: Set<Socket>, one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    sockets.add(from);
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
  }
}

async function listening(server: HttpServer | TlsServer, sockets: Set<Socket>): Promise<Front> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
