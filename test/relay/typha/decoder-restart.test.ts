import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { expect, onTestFinished, test, vi } from "vitest";

import { FelixPulse } from "../../../relay/typha/splice/felix-pulse.ts";
import { dialTcp } from "../../../relay/typha/upstream/dial.ts";
import { fixedUpstream } from "../../../relay/typha/upstream/upstream.ts";
import { GobDecoder } from "../../../relay/typha/wire/gob/decoder.ts";
import { readMessage } from "../../../relay/typha/wire/messages.ts";
import { maskedCrc32c } from "../../../relay/typha/wire/snappy/crc32c.ts";
import { frame, STREAM_IDENTIFIER, Unframer } from "../../../relay/typha/wire/snappy/frame.ts";
import { takeSnappy } from "../../support/snappy.ts";
import { cleanUp, spliceRig } from "../../support/splice-rig.ts";
import type { FakeFeed } from "../../support/fake-feed.ts";
import { waitFor } from "../../support/wait-for.ts";

const FOLDER = join(import.meta.dirname, "../../fixtures/golden/typha");
const LOCAL = { "/calico/v1/Ready": "true", "/calico/v1/netset/one": '{"nets":[]}' };
const COUNT = 2_000;

function keyOf(n: number): string {
  return `/calico/v1/host/db_n${n % 7}/workload/k8s/shop%2fweb-${n}/endpoint/eth0`;
}

function valueOf(n: number): string {
  return JSON.stringify({
    state: "active",
    name: "remote",
    ipv4_nets: [`10.1.${n >> 8}.${n & 255}/32`],
    labels: { app: `app-${n % 9}`, "catwalk.dev/cluster": "db", pad: "x".repeat(150) },
  });
}

function fill(feed: FakeFeed): void {
  for (let n = 0; n < COUNT; n++) feed.put(keyOf(n), valueOf(n));
}

test("[TYP15] checksums and chunks are those of the framing format", () => {
  expect(maskedCrc32c(Buffer.from("abc"))).toBe(0x21f1576e);
  expect(maskedCrc32c(Buffer.alloc(0))).toBe(0xa282ead8);
  for (const length of [0, 1, 7, 8, 9, 65_535, 65_536, 65_537, 200_000]) {
    const bytes = Buffer.from(Array.from({ length }, (_, n) => (n * n) >> 5));
    const framed = Buffer.concat([STREAM_IDENTIFIER, frame(bytes)]);
    expect(takeSnappy(framed).plain.equals(bytes)).toBe(true);
    const unframer = new Unframer();
    const parts: Uint8Array[] = [];
    for (let at = 0; at < framed.length; at += 1_001)
      parts.push(...unframer.feed(framed.subarray(at, at + 1_001)));
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  }
});

test("[TYP15] broken frames are refused", () => {
  const good = frame(Buffer.from("some bytes"));
  const wrongSum = Buffer.from(good);
  wrongSum[good.length - 1] = 0;
  expect(() => new Unframer().feed(wrongSum)).toThrow(/checksum/);
  expect(() => new Unframer().feed(Buffer.from("02000000", "hex"))).toThrow(/unknown type 2/);
  expect(() => new Unframer().feed(Buffer.from("00ffffff", "hex"))).toThrow(/chunk of 16777215/);
  expect(() => new Unframer().feed(Buffer.from("000a00000000000000000000000000", "hex"))).toThrow(
    /snappy/,
  );
});

test("[TYP15] a large remote view crosses the wire compressed, shared by all connections, and local values in plain", async () => {
  const { feed, client, splice } = await spliceRig(LOCAL);
  fill(feed);
  const first = client();
  const plain = client({ supportsDecoderRestart: false, compressionAlgorithms: [] });
  await first.until("in-sync", () => first.hasSync);
  await plain.until("in-sync", () => plain.hasSync);
  expect(first.restarts).toEqual(["snappy", ""]);
  expect(plain.restarts).toEqual([]);
  expect(first.kvs).toEqual(plain.kvs);
  expect(first.kvs.size).toBe(COUNT + 2);
  expect(first.received).toBeLessThan(plain.received / 4);
  expect(splice.sharedBytes).toBeGreaterThan(10_000);
  // A change does not make the shared snapshot again: it follows it.
  feed.put(keyOf(1), '{"changed":1}');
  feed.delete(keyOf(2));
  const second = client();
  await second.until("in-sync", () => second.hasSync);
  expect(second.restarts).toEqual(["snappy", ""]);
  expect(second.kvs.get(keyOf(1))).toBe('{"changed":1}');
  expect(second.kvs.has(keyOf(2))).toBe(false);
  await first.until("both changes", () => first.deleted.includes(keyOf(2)));
  expect(first.kvs).toEqual(second.kvs);
});

test("[TYP15] [TYP33] nothing is sent between a restart and its ACK, and a change meanwhile is not lost", async () => {
  const { feed, client, typha } = await spliceRig(LOCAL);
  fill(feed);
  const felix = client();
  felix.isDeaf = true;
  await felix.until("the restart", () => felix.restarts.length === 1);
  const received = felix.received;
  feed.put(keyOf(3), '{"late":1}');
  typha.put("/calico/v1/netset/one", '{"nets":["10.0.0.0/8"]}');
  // Longer than the early ping would need.
  const other = client({ hostname: "n2" });
  await other.until("a ping", () => other.messages.some((m) => m.type === "MsgPing"));
  expect(felix.received).toBe(received);
  felix.acknowledge();
  felix.isDeaf = false;
  await felix.until("in-sync", () => felix.hasSync);
  expect(felix.kvs.get(keyOf(3))).toBe('{"late":1}');
  await felix.until(
    "the local change",
    () => felix.kvs.get("/calico/v1/netset/one") === '{"nets":["10.0.0.0/8"]}',
  );
});

test("[TYP15] a compressed Typha is read when asked for: its recorded stream, ACK by ACK", async () => {
  const bytes = readFileSync(join(FOLDER, "a-felix-restart-snappy.s2c.bin"));
  const recording = JSON.parse(
    readFileSync(join(FOLDER, "a-felix-restart-snappy.json"), "utf8"),
  ) as {
    connections: {
      segments: { s2c: { offset: number; length: number }[] };
      messages: { dir: string; fields: { KVs?: { key: string; value: string | null }[] } }[];
    }[];
  };
  const connection = recording.connections[0];
  const segments = connection?.segments.s2c ?? [];
  const server = createServer((socket) => {
    const decoder = new GobDecoder(1 << 20);
    let next = 0;
    socket.on("error", () => socket.destroy());
    socket.on("data", (data) => {
      for (const message of decoder.feed(data).map(readMessage))
        if (message.type === "MsgClientHello" || message.type === "MsgACK") {
          const segment = segments[next++];
          if (segment)
            socket.write(bytes.subarray(segment.offset, segment.offset + segment.length));
        }
    });
    cleanUp(() => {
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp(() => {
    server.close();
  });
  const { client } = await spliceRig(
    {},
    {
      upstream: fixedUpstream(`127.0.0.1:${(server.address() as AddressInfo).port}`, dialTcp),
      compressUpstream: true,
    },
  );
  const expected = new Map<string, string>();
  for (const message of connection?.messages ?? [])
    for (const { key, value } of message.fields.KVs ?? []) {
      if (value === null) expected.delete(key);
      else expected.set(key, value);
    }
  const felix = client();
  await felix.until(
    "the recorded end",
    () =>
      felix.kvs.size === expected.size && [...expected].every(([k, v]) => felix.kvs.get(k) === v),
  );
});

test("[TYP8] [TYP15] a ping finds its way into a compressed snapshot that takes long", async () => {
  // The clock is set forward by hand: how long the snapshot takes to make says nothing here.
  const now = performance.now.bind(performance);
  let aheadMs = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now() + aheadMs);
  const due = vi.spyOn(FelixPulse.prototype, "due");
  onTestFinished(() => {
    clock.mockRestore();
    due.mockRestore();
  });
  const { feed, client } = await spliceRig(LOCAL);
  for (let n = 0; n < 3_000; n++) feed.put(keyOf(n), randomBytes(3_000).toString("base64"));
  const felix = client();
  await felix.until("the first of it", () => felix.kvs.size > 0);
  felix.setPaused(true);
  // What the kernel takes is on its way; the ping comes behind it.
  const other = client({ supportsDecoderRestart: false, hostname: "n2" });
  other.setPaused(true);
  const third = client({ supportsDecoderRestart: false, hostname: "n3" });
  const before = due.mock.calls.length;
  aheadMs = 11_000;
  const wasPinged = (): boolean =>
    due.mock.results.some(
      ({ value }, n) =>
        n >= before && value?.kind === "ping" && due.mock.calls[n]?.[0] === "compressed",
    );
  await waitFor(() => expect(wasPinged()).toBe(true));
  felix.setPaused(false);
  other.setPaused(false);
  for (const one of [felix, other, third]) await one.until("in-sync", () => one.hasSync);
  expect(felix.kvs).toEqual(third.kvs);
  expect(other.kvs).toEqual(third.kvs);
  const types = felix.messages.map((message) => message.type);
  const compressed = types.slice(
    types.indexOf("MsgDecoderRestart") + 1,
    types.lastIndexOf("MsgDecoderRestart"),
  );
  expect(compressed).toContain("MsgPing");
});
