/**
 * Child process: a canned Typha. Its snapshot is made once and written to everybody who says hello;
 * on command it writes single updates that carry their time, or a steady churn.
 */
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

import {
  encodeKvs,
  encodePing,
  encodeServerHello,
  encodeSyncStatus,
  encodeTime,
  SERVER_DEFINITIONS,
} from "../../relay/typha/wire/encode.ts";
import { element } from "../support/live-typha.ts";
import { localKey, valueOf } from "./splice-kvs.ts";

export type TyphaCommand =
  | { readonly type: "probe"; readonly count: number; readonly everyMs: number }
  | { readonly type: "churn"; readonly perSecond: number; readonly seconds: number };

const keys = Number(process.argv[2]);
const PER_MESSAGE = 100;
const elements = Array.from({ length: keys }, (_, n) => localKey(n))
  .map((key, n) => ({ key, n }))
  .toSorted((a, b) => (a.key < b.key ? -1 : 1))
  .map(({ key, n }) => element(key, valueOf(n), 1));
const snapshot = Buffer.concat([
  SERVER_DEFINITIONS,
  encodeServerHello({
    version: "v3.32.1",
    syncerType: "felix",
    supportsNodeResourceUpdates: true,
    serverConnId: 7n,
  }),
  ...Array.from({ length: Math.ceil(keys / PER_MESSAGE) }, (_, m) =>
    encodeKvs(elements.slice(m * PER_MESSAGE, (m + 1) * PER_MESSAGE)),
  ),
  encodeSyncStatus(2),
]);
const sockets = new Set<Socket>();
const server = createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => socket.destroy());
  socket.on("close", () => sockets.delete(socket));
  socket.once("data", () => {
    socket.write(snapshot);
    sockets.add(socket);
    socket.resume();
  });
});
setInterval(() => {
  const ping = encodePing(encodeTime(Date.now()));
  for (const socket of sockets) socket.write(ping);
}, 10_000);

process.on("message", (command: TyphaCommand) => {
  if (command.type === "probe") probe(command.count, command.everyMs);
  else churn(command.perSecond, command.seconds);
});

function probe(left: number, everyMs: number): void {
  if (left === 0) {
    process.send?.({ type: "done" });
    return;
  }
  const message = probeNow();
  for (const socket of sockets) socket.write(message);
  setTimeout(() => probe(left - 1, everyMs), everyMs);
}

function probeNow(): Buffer {
  return encodeKvs([
    element("/calico/v1/netset/probe", `{"sent":"${process.hrtime.bigint()}"}`, 2),
  ]);
}

/** Pods that come, change and go: keys are new all the time. */
function churn(perSecond: number, seconds: number): void {
  const TICK_MS = 50;
  const perTick = (perSecond * TICK_MS) / 1000;
  const ticks = (seconds * 1000) / TICK_MS;
  let tick = 0;
  let n = 1_000_000;
  const held: string[] = [];
  const timer = setInterval(() => {
    const updates: Uint8Array[] = [];
    for (let i = 0; i < perTick; i++) {
      if (held.length > 5_000) updates.push(element(held.shift() ?? "", null, 3));
      else {
        const key = localKey(n++);
        held.push(key);
        updates.push(element(key, valueOf(n), 1));
      }
    }
    const message = Buffer.concat([encodeKvs(updates), probeNow()]);
    for (const socket of sockets) socket.write(message);
    if (++tick < ticks) return;
    clearInterval(timer);
    process.send?.({ type: "done" });
  }, TICK_MS);
}

server.listen(0, "127.0.0.1", () =>
  process.send?.({
    type: "ready",
    port: (server.address() as AddressInfo).port,
    bytes: snapshot.length,
  }),
);
