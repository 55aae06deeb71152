/** When what is said or done on connections: real sockets, and a clock that is moved by hand. */
import { connect } from "node:net";

import { beforeEach, afterEach, expect, test, vi } from "vitest";

import {
  CLIENT_DEFINITIONS,
  encodeClientHello,
  encodePing,
  encodeTime,
} from "../../../relay/typha/wire/encode.ts";
import { LiveTypha } from "../../support/live-typha.ts";
import { cleanUp, spliceRig } from "../../support/splice-rig.ts";
import { PLAIN_HELLO, SyncClient } from "../../support/typha.ts";

const LOCAL = { "/calico/v1/Ready": "true" };
const SAID = Buffer.concat([CLIENT_DEFINITIONS, encodeClientHello(PLAIN_HELLO)]);

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance", "Date"],
  });
});

afterEach(() => vi.useRealTimers());

/** Time goes on, and what is sent meanwhile arrives. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) {
    await vi.advanceTimersByTimeAsync(250);
    for (let turns = 0; turns < 10; turns++) await new Promise((resolve) => setImmediate(resolve));
  }
}

/**
 * A connection that says these bytes and nothing more, and when it was closed, in seconds from now.
 */
function mute(port: number, said: Uint8Array): { closedAfter: number | null } {
  const socket = connect({ host: "127.0.0.1", port });
  const began = performance.now();
  const state = { closedAfter: null as number | null };
  if (said.length > 0) socket.write(said);
  socket.on("data", () => undefined);
  socket.on("error", () => socket.destroy());
  socket.on("close", () => (state.closedAfter = (performance.now() - began) / 1_000));
  cleanUp(() => {
    socket.destroy();
  });
  return state;
}

/** Typha's own pings, which keep the connection to it. */
function keepPinging(typha: LiveTypha): void {
  const timer = setInterval(() => typha.ping(), 10_000);
  cleanUp(() => clearInterval(timer));
}

test("[TYP8] a Felix to whom nothing happens is pinged within 2 s, then every 10 s, and is kept for as long as it pongs", async () => {
  const { typha, port } = await spliceRig(LOCAL);
  keepPinging(typha);
  const pings: number[] = [];
  const felix = new SyncClient(port, {}, ({ type }) => {
    if (type === "MsgPing") pings.push(performance.now());
  });
  cleanUp(() => felix.close());
  const began = performance.now();
  await pass(200_000);
  expect(felix.isClosed).toBe(false);
  expect((pings[0] ?? Infinity) - began).toBeLessThan(2_500);
  const gaps = pings.slice(1).map((at, i) => at - (pings[i] ?? 0));
  expect(gaps.length).toBeGreaterThan(15);
  expect(Math.min(...gaps)).toBeGreaterThan(8_900);
  expect(Math.max(...gaps)).toBeLessThan(11_100);
});

test("[TYP10] a Felix that does not pong is left after 60 s", async () => {
  const { typha, port } = await spliceRig(LOCAL);
  keepPinging(typha);
  const felix = mute(port, SAID);
  await pass(60_000);
  expect(felix.closedAfter).toBe(null);
  await pass(3_000);
  expect(felix.closedAfter).toBeGreaterThan(60);
});

test("[TYP3] who says no hello, or half of one, is told after 10 s and closed before 40 s, and its place is free meanwhile", async () => {
  const { port, logs, client } = await spliceRig(LOCAL, { maxConnections: 2 });
  const silent = [mute(port, new Uint8Array()), mute(port, SAID.subarray(0, 40))];
  await pass(9_500);
  expect(logs).toEqual([]);
  await pass(1_000);
  expect(logs.filter((line) => line.includes("said no hello for 10 s"))).toHaveLength(2);
  expect(silent.map(({ closedAfter }) => closedAfter)).toEqual([null, null]);
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
  await pass(25_500);
  for (const { closedAfter } of silent) expect(closedAfter).toBeGreaterThan(34);
});

test("[TYP5] who cannot be served is held, and closed before it would give up by itself", async () => {
  const { port } = await spliceRig(LOCAL);
  const unknown = Buffer.concat([
    CLIENT_DEFINITIONS,
    encodeClientHello({ ...PLAIN_HELLO, syncerType: "unknown" }),
  ]);
  const held = mute(port, unknown);
  await pass(20_000);
  expect(held.closedAfter).toBe(null);
  await pass(9_500);
  expect(held.closedAfter).toBeLessThan(29.5);
});

test("[TYP11] a Typha that is silent for 30 s is left and dialled again; one that pings is kept, and each ping is answered as it came", async () => {
  const { typha, client } = await spliceRig(LOCAL);
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
  const times = [1, 2, 3].map((n) => encodeTime(1_800_000_000_000 + n));
  for (const time of times) {
    await pass(25_000);
    typha.write(encodePing(time));
  }
  await pass(28_000);
  expect(typha.hellos).toHaveLength(1);
  expect(typha.pongs).toEqual(times.map((time) => Buffer.from(time).toString("hex")));
  await pass(10_000);
  expect(typha.hellos.length).toBeGreaterThan(1);
  expect(felix.isClosed).toBe(false);
  expect(felix.deleted).toEqual([]);
});

test("[TYP8] in-sync does not overtake what a slow Felix has still to take, however long it takes", async () => {
  const loaded = { is: false };
  const { typha, feed, client } = await spliceRig(LOCAL, { isViewLoaded: () => loaded.is });
  keepPinging(typha);
  const felix = client();
  await felix.until("the local keys", () => felix.kvs.size === 1);
  felix.setPaused(true);
  // More than the kernel takes: what comes then waits here.
  const filler = JSON.stringify("x".repeat(1_000_000));
  for (let n = 0; n < 32; n++) feed.put(`/calico/v1/netset/db_filler-${n}`, filler);
  await pass(1_000);
  feed.put("/calico/v1/netset/db_last", "{}");
  loaded.is = true;
  await pass(5_000);
  felix.setPaused(false);
  await felix.until("in-sync", () => felix.hasSync);
  expect(felix.kvs.has("/calico/v1/netset/db_last")).toBe(true);
  const sync = felix.messages.findIndex((m) => m.type === "MsgSyncStatus" && m.status === 2);
  const told = felix.messages.slice(0, sync).flatMap((m) => (m.type === "MsgKVs" ? m.kvs : []));
  expect(told.map(({ key }) => key)).toContain("/calico/v1/netset/db_last");
});

test("[TYP19] of refused connections so many are held; with more the one that was held longest goes first", async () => {
  const { port, client } = await spliceRig(LOCAL, { maxHeld: 3 });
  const garbage = Buffer.from("03ffffff", "hex");
  const held: { closedAfter: number | null }[] = [];
  for (let n = 0; n < 5; n++) {
    held.push(mute(port, garbage));
    await pass(1_000);
  }
  expect(held.map(({ closedAfter }) => closedAfter !== null)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
});
