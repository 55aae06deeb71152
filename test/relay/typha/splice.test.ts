import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

import { afterEach, expect, test } from "vitest";

import { encodeAck } from "../../../relay/typha/wire/encode.ts";
import { dialTcp } from "../../../relay/typha/upstream/dial.ts";
import { Splice } from "../../../relay/typha/splice/splice.ts";
import { fixedUpstream } from "../../../relay/typha/upstream/upstream.ts";
import { FakeFeed } from "../../support/fake-feed.ts";
import { startFakeTypha, SyncClient } from "../../support/typha.ts";

const FOLDER = join(import.meta.dirname, "../../fixtures/golden/typha");
const recorded = readFileSync(join(FOLDER, "b1-felix-plain.s2c.bin"));

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function setUp(
  options: { loaded?: boolean; inSyncWaitMs?: number; stream?: Uint8Array; holdMs?: number } = {},
) {
  const typha = await startFakeTypha(options.stream ?? recorded);
  cleanups.push(() => typha.close());
  const feed = new FakeFeed();
  const state = { loaded: options.loaded ?? true };
  const logs: string[] = [];
  const splice = new Splice({
    listen: "127.0.0.1:0",
    upstream: fixedUpstream(typha.address, dialTcp),
    feed,
    isViewLoaded: () => state.loaded,
    inSyncWaitMs: options.inSyncWaitMs ?? 30_000,
    ...(options.holdMs !== undefined && { holdMs: options.holdMs }),
    log: (_level, message, fields) => logs.push(`${message} ${JSON.stringify(fields)}`),
  });
  const port = await splice.start();
  cleanups.push(() => splice.stop());
  return { typha, feed, state, splice, port, logs };
}

function client(port: number, hello = {}): SyncClient {
  const made = new SyncClient(port, hello);
  cleanups.push(() => made.close());
  return made;
}

function recordedKvs(): Map<string, string> {
  const recording = JSON.parse(readFileSync(join(FOLDER, "b1-felix-plain.json"), "utf8")) as {
    connections: {
      messages: {
        dir: string;
        type: string;
        fields: { KVs?: { key: string; value: string | null }[] };
      }[];
    }[];
  };
  const kvs = new Map<string, string>();
  for (const message of recording.connections[0]?.messages ?? [])
    for (const kv of message.fields.KVs ?? []) {
      if (kv.value === null) kvs.delete(kv.key);
      else kvs.set(kv.key, kv.value);
    }
  return kvs;
}

const REMOTE = "/calico/v1/host/db_node-1/workload/k8s/shop%2fpostgres-0/endpoint/eth0";

test("[TYP4] a Felix gets every local key byte for byte, and the remote ones, before in-sync", async () => {
  const { feed, port, typha } = await setUp();
  feed.put(REMOTE, '{"state":"active"}');
  const felix = client(port);
  await felix.until("in-sync", () => felix.hasSync);
  expect(felix.messages[0]?.type).toBe("MsgServerHello");
  expect(Object.fromEntries(felix.kvs)).toEqual({
    ...Object.fromEntries(recordedKvs()),
    [REMOTE]: '{"state":"active"}',
  });
  expect(typha.hellos[0]).toMatchObject({
    hostname: "node-a1",
    syncerType: "felix",
    supportsDecoderRestart: false,
    compressionAlgorithms: [],
  });
});

test("[TYP8] in-sync is held while the remote view is not loaded, and comes when it is", async () => {
  const { feed, port, state } = await setUp({ loaded: false });
  const felix = client(port);
  await felix.until("all local keys", () => felix.kvs.size >= recordedKvs().size);
  await felix.until("the early ping", () => felix.messages.some((m) => m.type === "MsgPing"));
  expect(felix.statuses).toEqual([1]);
  state.loaded = true;
  feed.put(REMOTE, "{}");
  await felix.until("in-sync", () => felix.hasSync);
  expect(felix.kvs.has(REMOTE)).toBe(true);
});

test("[TYP8] the wait for the remote view is bounded", async () => {
  const { port } = await setUp({ loaded: false, inSyncWaitMs: 300 });
  const felix = client(port);
  await felix.until("in-sync", () => felix.hasSync);
});

test("[TYP9] a remote key that comes, changes and goes reaches a connected Felix in order", async () => {
  const { feed, port } = await setUp();
  const felix = client(port);
  await felix.until("in-sync", () => felix.hasSync);
  feed.put(REMOTE, '{"a":1}');
  feed.put(REMOTE, '{"a":2}');
  await felix.until("the change", () => felix.kvs.get(REMOTE) === '{"a":2}');
  feed.delete(REMOTE);
  await felix.until("the deletion", () => felix.deleted.includes(REMOTE));
  expect(felix.isClosed).toBe(false);
});

test("[TYP5] the other syncer types are copied byte for byte", async () => {
  const { feed, port, typha } = await setUp();
  feed.put(REMOTE, "{}");
  const confd = client(port, { syncerType: "bgp" });
  await confd.until("the whole stream", () => confd.kvs.size >= recordedKvs().size);
  expect(confd.kvs.has(REMOTE)).toBe(false);
  expect(typha.hellos[0]).toMatchObject({
    syncerType: "bgp",
    supportsDecoderRestart: true,
    compressionAlgorithms: ["snappy"],
  });
});

test("[TYP3] garbage, a wrong first message and an unknown syncer type are held and told, others go on", async () => {
  const { port, logs } = await setUp();
  const garbage = connect({ host: "127.0.0.1", port });
  cleanups.push(() => {
    garbage.destroy();
  });
  garbage.write(Buffer.from("f8ffffffffffffffffff", "hex"));
  const odd = client(port, { syncerType: "no-such" });
  const felix = client(port);
  await felix.until("in-sync", () => felix.hasSync);
  await felix.until(
    "both refusals",
    () => logs.filter((line) => line.startsWith("refused")).length === 2,
  );
  expect(logs.join("\n")).toMatch(/unknown syncer type \\"no-such\\"/);
  expect(odd.isClosed).toBe(false);
});

test("[TYP10] after its hello a client may send pongs only, and is closed late", async () => {
  const { port, logs } = await setUp({ holdMs: 300 });
  const felix = client(port);
  await felix.until("in-sync", () => felix.hasSync);
  felix.write(encodeAck());
  await felix.until("the close", () => felix.isClosed);
  expect(logs.join("\n")).toMatch(/sent MsgACK where only MsgPong is allowed/);
});
