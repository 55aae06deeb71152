import { expect, test } from "vitest";

import { LiveTypha } from "../../support/live-typha.ts";
import { spliceRig } from "../../support/splice-rig.ts";
import type { SyncClient } from "../../support/typha.ts";

const LOCAL = {
  "/calico/v1/Ready": "true",
  "/calico/v1/host/n1/workload/k8s/shop%2fweb/endpoint/eth0": '{"state":"active"}',
  "/calico/v1/netset/one": '{"nets":[]}',
};
const NETSET = "/calico/v1/netset/one";
const FENCE = "/calico/v1/netset/fence";
const REMOTE = "/calico/v1/host/db_n1/workload/k8s/shop%2fpg/endpoint/eth0";

function told(
  felix: SyncClient,
  from: number,
): { key: string; value: string | null; type: number }[] {
  return felix.messages.slice(from).flatMap((message) =>
    message.type === "MsgKVs"
      ? message.kvs.map((kv) => ({
          key: kv.key,
          value: kv.value && Buffer.from(kv.value).toString(),
          type: kv.updateType,
        }))
      : [],
  );
}

test("[TYP11] while Typha is away Felix keeps its connection and everything; then it gets the difference", async () => {
  const { typha, feed, client, logs } = await spliceRig(LOCAL);
  feed.put(REMOTE, "{}");
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
  const before = felix.messages.length;
  await typha.down();
  feed.put(REMOTE, '{"still":"live"}');
  await felix.until(
    "a remote change meanwhile",
    () => felix.kvs.get(REMOTE)?.includes("live") === true,
  );
  typha.kvs.delete(NETSET);
  typha.kvs.set("/calico/v1/Ready", "false");
  typha.kvs.set("/calico/v1/netset/two", "{}");
  await typha.up();
  await felix.until("the deletion", () => felix.deleted.length > 0);
  expect(told(felix, before)).toEqual([
    { key: REMOTE, value: '{"still":"live"}', type: 2 },
    { key: "/calico/v1/Ready", value: "false", type: 2 },
    { key: "/calico/v1/netset/two", value: "{}", type: 1 },
    { key: NETSET, value: null, type: 3 },
  ]);
  expect(felix.statuses).toEqual([2]);
  expect(felix.isClosed).toBe(false);
  expect(logs.join("\n")).toMatch(/Typha is gone: what this Felix has stays/);
});

test("[TYP11] a Typha that goes again before it has told everything deletes nothing", async () => {
  const { typha, client } = await spliceRig(LOCAL);
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
  typha.kvs.clear();
  typha.status = 1;
  for (let n = 0; n < 3; n++) {
    const seen = typha.hellos.length;
    typha.drop();
    typha.put("/calico/v1/netset/two", `{"round":${n}}`);
    await felix.until(
      "the next Typha",
      () => typha.hellos.length > seen && typha.connections > 0,
      10_000,
    );
    await felix.until(
      "its news",
      () => felix.kvs.get("/calico/v1/netset/two")?.includes(`${n}`) === true,
      10_000,
    );
  }
  expect(felix.deleted).toEqual([]);
  expect(felix.statuses).toEqual([2]);
  typha.tell(2);
  await felix.until(
    "what is really gone",
    () => felix.deleted.length === Object.keys(LOCAL).length,
  );
  expect(felix.isClosed).toBe(false);
});

test("[TYP11] a status that goes back on a living Typha is passed on", async () => {
  const { typha, client } = await spliceRig(LOCAL);
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
  typha.tell(1);
  typha.tell(2);
  await felix.until("both", () => felix.statuses.length === 3);
  expect(felix.statuses).toEqual([2, 1, 2]);
});

test.each([
  [
    "modern",
    "/calico/v1/policy/NetworkPolicy/shop/p",
    "/calico/v1/policy/tier/default/policy/shop%2fp",
  ],
  [
    "legacy",
    "/calico/v1/policy/tier/default/policy/shop%2fp",
    "/calico/v1/policy/NetworkPolicy/shop/p",
  ],
])(
  "[TYP16] a Typha that says the same version and writes %s policy keys no more ends the connection, with nothing deleted",
  async (_form, before, after) => {
    const tier = "/calico/v1/policy/tier/default/metadata";
    const { typha, client, logs } = await spliceRig({ ...LOCAL, [before]: "{}", [tier]: "{}" });
    const felix = client();
    await felix.until("in-sync", () => felix.hasSync);
    await typha.down();
    typha.kvs.delete(before);
    typha.kvs.set(after, "{}");
    await typha.up();
    await felix.until("the end", () => felix.isClosed);
    expect(felix.kvs.has(before)).toBe(true);
    expect(felix.kvs.has(after)).toBe(false);
    expect(felix.deleted).toEqual([]);
    expect(logs.join("\n")).toMatch(/policy keys of another form/);
    const next = client();
    await next.until("in-sync", () => next.hasSync);
    expect(next.kvs.has(after)).toBe(true);
  },
);

test("[TYP16] policies that come, change and go under the form that Felix knows are no reason", async () => {
  const [one, two] = ["one", "two"].map((name) => `/calico/v1/policy/NetworkPolicy/shop/${name}`);
  const { typha, client } = await spliceRig({ ...LOCAL, [one as string]: "{}" });
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
  await typha.down();
  typha.kvs.delete(one as string);
  typha.kvs.set(two as string, "{}");
  await typha.up();
  await felix.until("the deletion", () => felix.deleted.length > 0);
  expect(felix.deleted).toEqual([one]);
  expect(felix.kvs.has(two as string)).toBe(true);
  expect(felix.isClosed).toBe(false);
});

test("[TYP16] a Typha that comes back in another version ends the connection before anything of it is sent", async () => {
  const { typha, client, logs } = await spliceRig(LOCAL);
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
  const before = felix.messages.length;
  typha.version = "v3.33.0";
  typha.kvs.clear();
  typha.drop();
  await felix.until("the end", () => felix.isClosed);
  expect(told(felix, before)).toEqual([]);
  expect(logs.join("\n")).toMatch(/came back as v3.33.0, was v3.32.1/);
});

test("[TYP14] a local key wins over a remote one, whichever comes first, and gives way when it goes", async () => {
  const { typha, feed, client } = await spliceRig(LOCAL);
  feed.put(NETSET, '{"remote":1}');
  feed.put("/calico/v1/netset/late", '{"remote":1}');
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
  expect(felix.kvs.get(NETSET)).toBe('{"nets":[]}');
  typha.put("/calico/v1/netset/late", '{"local":1}');
  await felix.until(
    "the local one",
    () => felix.kvs.get("/calico/v1/netset/late") === '{"local":1}',
  );
  const before = felix.messages.length;
  feed.put(NETSET, '{"remote":2}');
  feed.delete("/calico/v1/netset/late");
  typha.put(FENCE, "1");
  await felix.until("what comes behind them", () => felix.kvs.has(FENCE));
  expect(told(felix, before)).toEqual([{ key: FENCE, value: "1", type: 1 }]);
  typha.delete(NETSET);
  await felix.until("the remote one instead", () => felix.kvs.get(NETSET) === '{"remote":2}');
  typha.delete("/calico/v1/netset/late");
  await felix.until("gone everywhere", () => !felix.kvs.has("/calico/v1/netset/late"));
  expect(told(felix, before).slice(1)).toEqual([
    { key: NETSET, value: '{"remote":2}', type: 2 },
    { key: "/calico/v1/netset/late", value: null, type: 3 },
  ]);
});

test("[TYP9] [TYP14] of what remotes say while Felix is slow it gets the newest of each key, and nothing of its own keys", async () => {
  const { typha, feed, client } = await spliceRig(LOCAL);
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
  felix.setPaused(true);
  // More than the kernel takes: what comes then waits.
  const filler = JSON.stringify("x".repeat(1_000_000));
  for (let n = 0; n < 32; n++) feed.put(`/calico/v1/netset/db_filler-${n}`, filler);
  feed.put(NETSET, '{"remote":1}');
  for (let n = 0; n < 50; n++) feed.put("/calico/v1/netset/db_last", String(n));
  felix.setPaused(false);
  await felix.until("the last", () => felix.kvs.has("/calico/v1/netset/db_last"));
  expect(told(felix, 0).filter(({ key }) => key.endsWith("db_last"))).toMatchObject([
    { value: "49" },
  ]);
  expect(felix.kvs.get(NETSET)).toBe(LOCAL[NETSET]);
  typha.delete(NETSET);
  await felix.until("the remote one", () => felix.kvs.get(NETSET) === '{"remote":1}');
});

test("[TYP14] a local key that went while Typha was away gives way to the remote one", async () => {
  const { typha, feed, client } = await spliceRig(LOCAL);
  feed.put(NETSET, '{"remote":1}');
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
  await typha.down();
  typha.kvs.delete(NETSET);
  await typha.up();
  await felix.until("the remote one", () => felix.kvs.get(NETSET) === '{"remote":1}');
  expect(felix.deleted).toEqual([]);
});

test("[TYP17] a Felix that reads no policy keys of 3.32 is held, not given half of the policies", async () => {
  const typha = await LiveTypha.start(LOCAL);
  const { client, logs } = await spliceRig({}, { typha, holdMs: 300 });
  const old = { supportsModernPolicyKeys: false, version: "v3.31.0" };
  const fine = client(old);
  await fine.until("in-sync without any policy", () => fine.hasSync);
  expect(typha.hellos[0]?.supportsModernPolicyKeys).toBe(true);
  typha.kvs.set("/calico/v1/policy/NetworkPolicy/shop/allow", "{}");
  const refused = client(old);
  await refused.until("the end", () => refused.isClosed);
  expect([...refused.kvs.keys()].filter((key) => key.includes("/policy/"))).toEqual([]);
  expect(refused.hasSync).toBe(false);
  expect(logs.join("\n")).toMatch(/reads no policy keys of Calico ≥ 3.32/);
  const modern = client();
  await modern.until("in-sync", () => modern.hasSync);
});
