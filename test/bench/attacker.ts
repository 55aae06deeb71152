/**
 * Child process: one member that attacks, by `attacks.ts`, over sockets that come back when the hub
 * closes them. `attacker.ts HUB IDENTITY ATTACK`.
 */
import { setTimeout as sleep } from "node:timers/promises";

import WebSocket from "ws";

import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import { PING_TEXT } from "../../shared/protocol/messages.ts";
import { Credentials } from "../../relay/hub/credentials.ts";
import { ATTACKS, helloOf, isAttack } from "./attacks.ts";
import type { Attack } from "./attacks.ts";

/** What waits in this process for the network: more would only be memory. */
const MOST_BUFFERED = 2 * 1024 * 1024;
/** Bytes after which others have their turn. */
const AT_ONCE_BYTES = 64 * 1024;
/** Of a heartbeat on the wire. */
const SMALL_BYTES = 10;
const REDIAL_MS = 20;
/** A link of 1 Gbit/s: what goes over loopback would need the hub's other processor. */
const BYTES_PER_MS = 125_000;

const [hub = "", identity = "", name = ""] = process.argv.slice(2);
if (!isAttack(name)) throw new Error(`no attack ${name}`);
const attack: Attack = ATTACKS[name];
const credentials = await Credentials.open(identity);
const uid = credentials.membership?.cluster.uid ?? "";
const path = attack.role === "home" ? "home" : `watch/${uid}`;
const url = `${hub.replace(/^http/, "ws")}/v1/connect/${path}`;
let sent = 0;
let sentBytes = 0;
const began = performance.now();

function isTooFast(): boolean {
  return sentBytes > (performance.now() - began) * BYTES_PER_MS;
}

async function oneSocket(): Promise<void> {
  const headers = await credentials.headers();
  const socket = new WebSocket(url, { headers, perMessageDeflate: false });
  let isEnded = false;
  const opened = await new Promise<boolean>((resolve) => {
    socket.once("open", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("close", () => {
      isEnded = true;
      resolve(false);
    });
  });
  if (!opened) return;
  let accepted = 0;
  if (attack.isDeaf === true) socket.pause();
  if (attack.unacknowledged !== undefined)
    socket.on("message", (data) => (accepted += countAccepted(data)));
  socket.send(encodeMessage(helloOf(attack.role)));
  let turnBytes = sentBytes;
  for (let n = 0; !isEnded && (attack.isDialling !== true || n < 1); n++) {
    while (!isEnded && n - accepted >= (attack.unacknowledged ?? Number.POSITIVE_INFINITY))
      await sleep(1);
    strike(socket, n);
    if (sentBytes - turnBytes < AT_ONCE_BYTES) continue;
    turnBytes = sentBytes;
    await new Promise((resolve) => setImmediate(resolve));
    while (!isEnded && (socket.bufferedAmount > MOST_BUFFERED || isTooFast())) await sleep(1);
  }
  socket.terminate();
}

function countAccepted(data: WebSocket.RawData): number {
  const decoded = Buffer.isBuffer(data) ? decodeMessage(data) : null;
  return decoded?.ok === true && decoded.message.type === "accepted" ? 1 : 0;
}

function strike(socket: WebSocket, n: number): void {
  sent++;
  const blow = attack.blow(n);
  sentBytes += typeof blow === "string" ? SMALL_BYTES : blow.length;
  if (blow === "ping") socket.ping();
  else socket.send(blow === "heartbeat" ? PING_TEXT : blow);
}

async function strikeForEver(): Promise<never> {
  for (;;) {
    await oneSocket();
    if (attack.isDialling !== true) await sleep(REDIAL_MS);
  }
}

process.on("message", () => process.send?.(sent));
process.once("disconnect", () => process.exit());
process.send?.("ready");
await Promise.all(Array.from({ length: attack.sockets }, strikeForEver));
