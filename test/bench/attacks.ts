/** What a member can do to a hub with nothing but its sockets, as fast as they take it. */
import { randomBytes } from "node:crypto";
import { deflateRawSync } from "node:zlib";

import { DICTIONARY } from "../../shared/log/dictionary.ts";
import { encodePayload, MAX_INFLATED_BYTES } from "../../shared/log/payload.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import { encodeMessage } from "../../shared/protocol/codec.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { FELIX_CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { pod, pool, put } from "../support/records.ts";

/** `ping`: a WebSocket's own, which the runtime answers. */
export type Blow = Uint8Array | "heartbeat" | "ping";

export interface Attack {
  readonly role: "home" | "watch";
  readonly sockets: number;
  /** The socket is never read. */
  readonly isDeaf?: boolean;
  /** Dials anew after each message. */
  readonly isDialling?: boolean;
  /** So many frames at most are not acknowledged: the hub has no reason to close the socket. */
  readonly unacknowledged?: number;
  /** The n-th message of a socket. */
  blow(n: number): Blow;
}

/** Deflates to almost nothing, and may not be in what the hub admits. */
const FOREIGN = "172.16.0.1";
const LEAVES = Array.from({ length: 4_096 }, (_, n) => ({
  bits: 12,
  prefix: n * 2 ** 20,
  digest: new Uint8Array(randomBytes(16)),
}));
const zeros = Object.fromEntries(
  Array.from({ length: 60 }, (_, n) => [`l${n}`, "0".repeat(1_000)]),
);

/** Fewer than the hub keeps of refused records. */
const MANY_PODS = 40_000;

const home: Omit<Attack, "blow"> = { role: "home", sockets: 1 };
const watch: Omit<Attack, "blow"> = { role: "watch", sockets: 1 };

function publish(channel: Channel, changes: readonly LogChange[]): Uint8Array {
  return encodeMessage({
    type: "publish",
    channel,
    sequence: 1,
    payload: encodePayload(changes, 1),
  });
}

function claim(n: number): Uint8Array {
  return publish("pools", [put(pool(`10.${n & 127}.${(n >> 7) & 255}.0/24`))]);
}

/** A record of 60 KB that is kept, for it is refused. */
function refused(n: number): Uint8Array {
  return publish("identity", [put(pod(`x${n}`, FOREIGN, { ...zeros, n: String(n) }))]);
}

/** 8 MiB of empty lists. */
function inflating(): Uint8Array {
  const raw = Buffer.alloc(MAX_INFLATED_BYTES, 0x90);
  raw[0] = 0xdd;
  raw.writeUInt32BE(MAX_INFLATED_BYTES - 5, 1);
  const payload = new Uint8Array(deflateRawSync(raw, { dictionary: DICTIONARY }));
  return encodeMessage({ type: "publish", channel: "identity", sequence: 1, payload });
}

function bigReport(): Uint8Array {
  const edges = Array.from({ length: 1_000 }, (_, n) => ({
    rcc: `r${n}`.padEnd(63, "x"),
    origin: { uid: String(n).padStart(32, "a"), name: `n${n}`.padEnd(63, "x") },
    connectionStatus: 2,
    endpoints: 1,
    refused: 0,
    digest: "d".repeat(32),
    revision: n,
  }));
  return encodeMessage({ type: "report", edges: JSON.stringify(edges), cluster: null });
}

export function helloOf(role: Attack["role"]): Message {
  const common = { versions: PROTOCOL_VERSIONS, software: "bench", accessVersion: 0 };
  return role === "home"
    ? { type: "home-hello", ...common, leaseUid: "", term: 0, candidate: null }
    : {
        type: "watch-hello",
        ...common,
        creditBytes: 2 ** 30,
        channels: FELIX_CHANNELS,
        cursors: [],
      };
}

const REPORT = bigReport();
const INFLATING = inflating();
const REPAIR = encodeMessage({ type: "repair", origin: 0, channel: "identity", leaves: LEAVES });
const RECONCILE = encodeMessage({ type: "reconcile", channel: "identity", leaves: LEAVES });
const HELLO = encodeMessage(helloOf("home"));

export const ATTACKS = {
  "big reports": { ...home, blow: () => REPORT },
  repairs: { ...watch, blow: () => REPAIR },
  reconciles: { ...home, blow: () => RECONCILE },
  heartbeats: { ...home, sockets: 4, blow: () => "heartbeat" },
  pings: { ...home, sockets: 4, blow: () => "ping" },
  "inflating payloads": { ...home, blow: () => INFLATING },
  hellos: { ...home, blow: () => HELLO },
  claims: { ...home, blow: claim },
  "patient claims": { ...home, unacknowledged: 60, blow: claim },
  "liar acks": {
    ...watch,
    sockets: 8,
    isDeaf: true,
    blow: (n) =>
      encodeMessage({
        type: "reader-ack",
        origin: 0,
        channel: "identity",
        revision: n,
        chain: new Uint8Array(16),
        receivedBytes: n * 1_000_000,
        mark: n,
      }),
  },
  "refused records": { ...home, blow: refused },
  "patient refused records": {
    ...home,
    unacknowledged: 60,
    blow: (n) => refused(n % MANY_PODS),
  },
  "a dial storm": { ...home, sockets: 16, isDialling: true, blow: () => HELLO },
} as const satisfies Readonly<Record<string, Attack>>;

export type AttackName = keyof typeof ATTACKS;

export function isAttack(name: string): name is AttackName {
  return Object.hasOwn(ATTACKS, name);
}
