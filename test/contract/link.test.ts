import { once } from "node:events";
import type { AddressInfo } from "node:net";

import { vi } from "vitest";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";

import { HubLink } from "../../relay/hub/link.ts";
import type { LinkHandlers } from "../../relay/hub/link.ts";
import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import { CLOSE_CODES } from "../../shared/protocol/errors.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import type { Peer } from "../../worker/origin/peer.ts";
import { SimLink } from "../sim/network.ts";
import type { Wire } from "../sim/network.ts";
import { World } from "../sim/world.ts";
import { linkContract } from "./link.ts";
import type { LinkLab } from "./link.ts";

function decoded(bytes: Uint8Array): Message {
  const read = decodeMessage(bytes);
  if (!read.ok) throw new Error(read.rule);
  return read.message;
}

linkContract("over a WebSocket", async (handlers: LinkHandlers): Promise<LinkLab> => {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const sockets: WebSocket[] = [];
  const heard: Message[] = [];
  let ended = 0;
  server.on("connection", (socket) => {
    sockets.push(socket);
    socket.on("message", (data: Buffer) => heard.push(decoded(data)));
    socket.on("close", () => ended++);
  });
  const { port } = server.address() as AddressInfo;
  const url = `ws://127.0.0.1:${port}`;
  const headers = () => Promise.resolve({});
  return {
    link: new HubLink({ url, headers, heartbeatMs: 60_000, handlers }),
    connections: () => sockets.length,
    heard: () => heard,
    send: (n, message) => sockets[n]?.send(encodeMessage(message)),
    close: (n, reason) => sockets[n]?.close(CLOSE_CODES[reason]),
    cut: (n) => sockets[n]?.terminate(),
    ended: () => ended,
    until: (condition) => vi.waitUntil(condition, { timeout: 60_000, interval: 5 }).then(() => {}),
    // A turn of the loop for each direction: what is under way on loopback has come.
    settle: async () => {
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    },
    end: () => new Promise((resolve) => server.close(() => resolve())),
  };
});

linkContract("of the simulation", (handlers: LinkHandlers): Promise<LinkLab> => {
  const world = new World(1);
  const wires: Wire[] = [];
  const heard: Message[] = [];
  let ended = 0;
  const hub = {
    accept: (_target: string, _peer: Peer, wire: Wire) => {
      wires.push(wire);
      return `s${wires.length}`;
    },
    receive: (_target: string, _socket: string, bytes: Uint8Array) =>
      void heard.push(decoded(bytes)),
    closed: () => void ended++,
  };
  return Promise.resolve({
    link: new SimLink(world, hub, "origin", () => ({}) as Peer, handlers),
    connections: () => wires.length,
    heard: () => heard,
    send: (n, message) => wires[n]?.toRelay(encodeMessage(message)),
    close: (n, reason) => wires[n]?.closeByHub(reason, reason),
    cut: (n) => wires[n]?.cut(),
    ended: () => ended,
    until: async (condition) => {
      for (let n = 0; n < 10_000 && !condition(); n++) await world.advance(1);
      if (!condition()) throw new Error("it never came");
    },
    settle: () => world.advance(10_000),
    end: () => Promise.resolve(),
  });
});
