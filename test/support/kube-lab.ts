/**
 * Stand-in API servers and proxies on loopback, for how an API server is reached and by whom, not
 * for what it holds: each has one pod, named after it, and remembers what it was asked with. Names
 * that end in `.internal` are known to the proxies only.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp, request as httpRequest } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import { connect, createServer as createTcp } from "node:net";
import type { AddressInfo, Server as TcpServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TLSSocket } from "node:tls";

import type { Certificate } from "./certificates.ts";

export interface Asked {
  readonly path: string;
  readonly authorization: string;
  /** Common name of the client's certificate; empty: none. */
  readonly commonName: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface ApiOptions {
  readonly tls?: Certificate;
  /** PEM: asks clients for a certificate of it. */
  readonly clientCa?: string;
  /** Answers 401 otherwise, or 403 for who says nothing at all. */
  readonly isKnown?: (asked: Asked) => boolean;
  /** Where its paths begin. */
  readonly prefix?: string;
}

export interface LabApi {
  readonly port: number;
  readonly asked: Asked[];
}

export class KubeLab {
  readonly folder = mkdtempSync(join(tmpdir(), "catwalk-kube-lab-"));
  readonly #servers: (Server | TcpServer)[] = [];
  readonly #sockets = new Set<Socket>();

  /** @returns The path. Relative names are in the lab's folder. */
  write(name: string, content: string, mode = 0o600): string {
    const path = join(this.folder, name);
    writeFileSync(path, content, { mode });
    return path;
  }

  async api(name: string, options: ApiOptions = {}): Promise<LabApi> {
    const asked: Asked[] = [];
    const handler = (request: IncomingMessage, response: ServerResponse): void =>
      answer(name, options, asked, request, response);
    const { tls, clientCa } = options;
    const server =
      tls === undefined
        ? createHttp(handler)
        : createHttps(
            {
              ...tls,
              requestCert: clientCa !== undefined,
              rejectUnauthorized: false,
              ...(clientCa !== undefined && { ca: clientCa }),
            },
            handler,
          );
    return { port: await this.#listen(server), asked };
  }

  /** CONNECT, and whole URLs for plain http. `asked` has a line for each. */
  async httpProxy(
    credentials?: string,
    tls?: Certificate,
  ): Promise<{ readonly port: number; readonly asked: string[] }> {
    const asked: string[] = [];
    const isAllowed = (request: IncomingMessage): boolean =>
      credentials === undefined ||
      request.headers["proxy-authorization"] ===
        `Basic ${Buffer.from(credentials).toString("base64")}`;
    const plain = (request: IncomingMessage, response: ServerResponse): void => {
      asked.push(`${request.method} ${request.url}`);
      const url = new URL(request.url ?? "");
      const on = { port: url.port, path: url.pathname + url.search, headers: request.headers };
      httpRequest({ host: "127.0.0.1", ...on }, (from) => {
        response.writeHead(from.statusCode ?? 502, from.headers);
        from.pipe(response);
      })
        .on("error", () => response.destroy())
        .end();
    };
    const made = tls === undefined ? createHttp(plain) : createHttps(tls, plain);
    const server = made.on("connect", (request: IncomingMessage, socket: Socket) => {
      asked.push(`CONNECT ${request.url}`);
      if (!isAllowed(request)) {
        socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        return;
      }
      this.#pipe(socket, Number(request.url?.split(":").at(-1)), () =>
        socket.write("HTTP/1.1 200 OK\r\n\r\n"),
      );
    });
    return { port: await this.#listen(server), asked };
  }

  /**
   * SOCKS5 without authentication. `asked` has the names as they came: they are the proxy's to look
   * up.
   */
  async socksProxy(): Promise<{ readonly port: number; readonly asked: string[] }> {
    const asked: string[] = [];
    const server = createTcp((socket) => {
      socket.once("data", () => {
        socket.write(Buffer.from([5, 0]));
        socket.once("data", (request: Buffer) => {
          const length = request[4] ?? 0;
          const isName = request[3] === 3;
          const host = isName ? request.subarray(5, 5 + length).toString() : "an address";
          const port = request.readUInt16BE(request.length - 2);
          asked.push(`${host}:${port}`);
          this.#pipe(socket, port, () =>
            socket.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0])),
          );
        });
      });
    });
    return { port: await this.#listen(server), asked };
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(
      this.#servers.map((server) => new Promise((resolve) => server.close(resolve))),
    );
    rmSync(this.folder, { recursive: true });
  }

  #pipe(socket: Socket, port: number, connected: () => void): void {
    const up = connect(port, "127.0.0.1", () => {
      connected();
      up.pipe(socket).pipe(up);
    });
    up.on("error", () => socket.destroy());
    socket.on("error", () => up.destroy());
    this.#sockets.add(up);
  }

  async #listen(server: Server | TcpServer): Promise<number> {
    server.on("connection", (socket: Socket) => this.#sockets.add(socket));
    server.on("secureConnection", (socket: Socket) => this.#sockets.add(socket));
    this.#servers.push(server);
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    return (server.address() as AddressInfo).port;
  }
}

function answer(
  name: string,
  { isKnown, prefix = "" }: ApiOptions,
  asked: Asked[],
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const url = new URL(request.url ?? "/", "http://x");
  const peer = (request.socket as Partial<TLSSocket>).getPeerCertificate?.();
  const { authorization = "" } = request.headers;
  const commonName = String(peer?.subject?.CN ?? "");
  const one: Asked = { path: url.pathname, authorization, commonName, headers: request.headers };
  asked.push(one);
  const json = (status: number, body: object): void =>
    void response
      .writeHead(status, { "content-type": "application/json" })
      .end(JSON.stringify(body));
  const refuse = (code: number, reason: string): void =>
    json(code, { kind: "Status", apiVersion: "v1", status: "Failure", reason, code });
  if (isKnown !== undefined && !isKnown(one)) {
    if (authorization === "" && commonName === "") refuse(403, "Forbidden");
    else refuse(401, "Unauthorized");
    return;
  }
  if (!url.pathname.startsWith(prefix)) {
    refuse(404, "NotFound");
    return;
  }
  const path = url.pathname.slice(prefix.length);
  if (url.searchParams.has("watch")) response.writeHead(200).flushHeaders();
  else if (path === "/apis") json(200, { groups: [{ name: "crd.projectcalico.org" }] });
  else
    json(200, {
      apiVersion: "v1",
      kind: "List",
      metadata: { resourceVersion: "7" },
      items: path === "/api/v1/pods" ? [podOf(name)] : [],
    });
}

function podOf(name: string): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `pod-of-${name}`, namespace: "shop", resourceVersion: "1" },
    spec: { nodeName: "n", containers: [{ name: "c" }] },
    status: { phase: "Running", podIP: "10.50.0.9", podIPs: [{ ip: "10.50.0.9" }] },
  };
}

/** What plugins and kubectl need of this process's environment. */
export function plainEnvironment(): Record<string, string> {
  return {
    PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
    HOME: "/nonexistent",
  };
}
