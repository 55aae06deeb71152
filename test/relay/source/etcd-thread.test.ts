/** Prefixes that a thread of their own reads, beside the same prefixes read without one. */
import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { convertPage } from "../../../relay/source/etcd/converted-value.ts";
import { ETCD_COLLECTIONS } from "../../../relay/source/etcd/etcd-keys.ts";
import { EtcdSource } from "../../../relay/source/etcd/etcd-source.ts";
import { packPage, unpackPage } from "../../../relay/source/etcd/packed-page.ts";
import { MessageWriter } from "../../../relay/source/etcd/protobuf.ts";
import { FakeEtcd } from "../../support/fake-etcd.ts";
import { readKeyValues } from "./golden.ts";
import { Recorder } from "./recorder.ts";

const HOSTILE = new URL("../../fixtures/golden/etcd/hostile-keys.jsonl", import.meta.url);
const R = "/calico/resources/v3/projectcalico.org";
const USER = { username: "reader", password: "p", ca: "", cert: "", key: "" };

test("[DIR24] every value, broken or not, is unpacked as it was packed", () => {
  const all = [...readKeyValues(readFileSync(HOSTILE, "utf8"))];
  let [records, problems] = [0, 0];
  for (const collection of ETCD_COLLECTIONS) {
    const answer = new MessageWriter();
    for (const [key, value] of all)
      if (key.startsWith(collection.prefix))
        answer.message(2, new MessageWriter().text(1, key).text(5, String(value)));
    const expected = [...convertPage(collection, answer.done())];
    expect([...unpackPage(packPage(expected))]).toEqual(expected);
    records += expected.filter(({ encoded }) => encoded !== null).length;
    problems += expected.filter((value) => value.problems.length > 0).length;
  }
  expect(records).toBeGreaterThan(80);
  expect(problems).toBeGreaterThan(40);
});

test("[DIR24] texts of any length and script are packed as they are", () => {
  const problems = ["ä€😀".repeat(400_000), "", "\u0000"];
  const value = { id: "Profile größer", encoded: null, problems };
  expect([...unpackPage(packPage([value, value]))]).toEqual([value, value]);
  expect([...unpackPage(packPage([]))]).toEqual([]);
});

const key = (i: number): string => `${R}/workloadendpoints/shop/node--a-k8s-p${i}-eth0`;

/** What a list of 200 endpoints, two of them broken, tells, and the watch behind it. */
async function list(threadFromKeys: number, etcd: FakeEtcd): Promise<Recorder> {
  await etcd.start();
  etcd.pageSize = 20;
  etcd.user = { name: USER.username, password: USER.password };
  for (let i = 0; i < 200; i++)
    etcd.put(key(i), {
      metadata: { name: "x", namespace: "shop", labels: { n: `${i}`, v: "ß" } },
      spec: { node: "node-a", orchestrator: "k8s", ipNetworks: [`10.20.0.${i}/32`] },
    });
  etcd.put(key(7), "{");
  etcd.put(key(150), { spec: { ipNetworks: ["bogus"] } });
  const access = { ...USER, endpoints: [etcd.endpoint] };
  const source = new EtcdSource({ access: () => Promise.resolve(access), threadFromKeys });
  const seen = new Recorder();
  source.start(seen);
  await seen.until(() => seen.listedCount === 1);
  etcd.delete(key(8));
  await seen.until(() => seen.changes.some(({ op }) => op === "delete"));
  await source.stop();
  await etcd.stop();
  return seen;
}

test("[DIR24] a list with a thread tells what it tells without one, and the watch goes on", async () => {
  const [one, two] = [new FakeEtcd(), new FakeEtcd()];
  const [here, there] = [await list(Infinity, one), await list(21, two)];
  expect([one.connections, one.authentications]).toEqual([1, 1]);
  expect([two.connections, two.authentications]).toEqual([2, 2]);
  expect(there.dump()).toEqual(here.dump());
  expect(there.problems).toEqual(here.problems);
  expect([here.problems.size, here.records.size]).toEqual([2, 197]);
  expect(two.ranges.map(({ from }) => from)).toEqual(one.ranges.map(({ from }) => from));
  const revisions = (etcd: FakeEtcd) => new Set(etcd.ranges.slice(1).map((one) => one.revision));
  expect(revisions(two)).toEqual(revisions(one));
});

test("[DIR24] where a thread is not let in, the list goes on without it", async () => {
  const [one, two] = [new FakeEtcd(), new FakeEtcd()];
  two.mostConnections = 1;
  const [here, there] = [await list(Infinity, one), await list(21, two)];
  expect(two.connections).toBe(2);
  expect(there.dump()).toEqual(here.dump());
  expect(there.problems).toEqual(here.problems);
});
