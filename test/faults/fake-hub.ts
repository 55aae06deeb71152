/** Something that listens where a hub should be, and behaves badly. */
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";

export interface FakeHub {
  readonly host: string;
  /** Connections that came until now. */
  dials(): number;
  close(): Promise<void>;
}

/** Gives each TCP connection to `answer` once its request has come. */
export async function startRawHub(answer: (socket: Socket) => void): Promise<FakeHub> {
  const open = new Set<Socket>();
  let dials = 0;
  const server = createServer((socket) => {
    dials++;
    open.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => open.delete(socket));
    socket.once("data", () => answer(socket));
  });
  await listening(server);
  return {
    host: hostOf(server),
    dials: () => dials,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

/** Accepts every WebSocket and gives it, with its path, to `answer`. */
export async function startSocketHub(
  answer: (socket: WebSocket, path: string) => void,
): Promise<FakeHub> {
  let dials = 0;
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  server.on("connection", (socket, request) => {
    dials++;
    answer(socket, request.url ?? "");
  });
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    dials: () => dials,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of server.clients) socket.terminate();
      }),
  };
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
}

function hostOf(server: Server): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
