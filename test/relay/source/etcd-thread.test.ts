/** Prefixes that a thread converts too, beside the same prefixes read without one. */
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";

import { expect, test } from "vitest";

import { must } from "../../../shared/lib/assert.ts";
import { convertPage } from "../../../relay/source/etcd/converted-value.ts";
import { ETCD_COLLECTIONS } from "../../../relay/source/etcd/etcd-keys.ts";
import { EtcdSource } from "../../../relay/source/etcd/etcd-source.ts";
import { ListedPages } from "../../../relay/source/etcd/listed-pages.ts";
import { packPage, unpackPage } from "../../../relay/source/etcd/packed-page.ts";
import type { StartThread } from "../../../relay/source/etcd/page-thread.ts";
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
  expect([two.connections, two.authentications]).toEqual([1, 1]);
  expect(there.dump()).toEqual(here.dump());
  expect(there.problems).toEqual(here.problems);
  expect([here.problems.size, here.records.size]).toEqual([2, 197]);
  expect(two.ranges.map(({ from }) => from)).toEqual(one.ranges.map(({ from }) => from));
  const revisions = (etcd: FakeEtcd) => new Set(etcd.ranges.slice(1).map((one) => one.revision));
  expect(revisions(two)).toEqual(revisions(one));
});

const COLLECTION = must(
  ETCD_COLLECTIONS.find(({ kind }) => kind === "WorkloadEndpoint"),
  "endpoints",
);
const PAGES = 12;

/** A prefix of twelve pages with an endpoint each; the third one waits for the thread to begin. */
class Pages {
  readonly asked: string[] = [];
  readonly #begun: Promise<void>;

  constructor(begun: Promise<void>) {
    this.#begun = begun;
  }

  async rangeMessage(_prefix: string, after: string): Promise<Uint8Array> {
    this.asked.push(after);
    if (after === key(1)) await this.#begun;
    const i = after === "" ? 0 : Number(/p(\d+)-eth0$/.exec(after)?.[1]) + 1;
    const value = { metadata: { labels: { n: `${i}` } }, spec: { ipNetworks: [`10.20.0.${i}`] } };
    const message = new MessageWriter()
      .message(1, new MessageWriter().number(3, 7))
      .message(2, new MessageWriter().text(1, key(i)).text(5, JSON.stringify(value)))
      .number(3, i < PAGES - 1 ? 1 : 0)
      .number(4, PAGES - i);
    return message.done();
  }
}

/** Ids of all pages, and what was asked for. @param start Of the thread. */
async function readAll(start: StartThread) {
  const begun = Promise.withResolvers<void>();
  const connection = new Pages(begun.promise);
  const startThread: StartThread = (program, options) => {
    begun.resolve();
    return start(program, options);
  };
  const options = { connection, collection: COLLECTION, revision: 0, threadFromKeys: 2 };
  const pages = new ListedPages({ ...options, startThread });
  const ids: string[] = [];
  for (let page = await pages.next(); page !== null; page = await pages.next())
    for (const { id, encoded } of page) {
      expect(encoded?.record).toMatchObject({ kind: "WorkloadEndpoint", node: "node-a" });
      ids.push(id);
    }
  pages.close();
  expect(pages.revision).toBe(7);
  return { ids: ids.toSorted(), asked: connection.asked };
}

const ALL = Array.from({ length: PAGES }, (_, i) => `WorkloadEndpoint shop/node--a-k8s-p${i}-eth0`);

test("[DIR24] pages that both convert are all of them, each once and asked for once", async () => {
  let given = 0;
  const { ids, asked } = await readAll((program, options) => {
    const worker = new Worker(program, options);
    const post = worker.postMessage.bind(worker);
    worker.postMessage = (...args: Parameters<typeof post>) => {
      given++;
      post(...args);
    };
    return worker;
  });
  expect(ids).toEqual(ALL.toSorted());
  expect(asked).toEqual(["", ...Array.from({ length: PAGES - 1 }, (_, i) => key(i))]);
  expect(given).toBeGreaterThan(0);
});

test("[DIR24] the pages of a thread that fails are asked for again, and no second one is begun", async () => {
  let started = 0;
  const { ids, asked } = await readAll((_program, options) => {
    started++;
    const program =
      "require('node:worker_threads').parentPort.once('message', () => process.exit(1))";
    return new Worker(program, { ...options, eval: true });
  });
  expect(ids).toEqual(ALL.toSorted());
  expect(asked.length).toBeGreaterThan(PAGES);
  expect(started).toBe(1);
});

test("[DIR24] an etcd that fails in between is heard by who takes the pages", async () => {
  const pages = new Pages(Promise.resolve());
  const failing = {
    rangeMessage: (prefix: string, after: string) =>
      after === key(3) ? Promise.reject(new Error("gone")) : pages.rangeMessage(prefix, after),
  };
  const listed = new ListedPages({ connection: failing, collection: COLLECTION, revision: 0 });
  const all = async (): Promise<number> => {
    let count = 0;
    while ((await listed.next()) !== null) count++;
    return count;
  };
  await expect(all()).rejects.toThrow("gone");
  listed.close();
});
