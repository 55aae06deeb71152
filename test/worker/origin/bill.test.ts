/**
 * [LOG17] What a mesh costs on Cloudflare: the operations of one Origin are counted over minutes of
 * its life, with a real publisher and 20 real readers, and multiplied by the prices of November
 * 2026 (developers.cloudflare.com/durable-objects/platform/pricing).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { Watcher } from "../../../relay/view/watcher.ts";
import { RemoteView } from "../../../relay/view/remote-view.ts";
import { ViewFile } from "../../../relay/view/view-file.ts";
import type { Link } from "../../../relay/hub/relay-ports.ts";
import type { WatchMessage } from "../../../shared/protocol/messages.ts";
import { encodeMessage } from "../../../shared/protocol/codec.ts";
import type { OriginFacts } from "../../../shared/visibility/facts.ts";
import { nodeSql } from "../../support/node-sql.ts";
import { TestPublisher } from "../../support/origin-peers.ts";
import { facts, OriginWorld } from "../../support/origin-world.ts";
import { address, pod, pool, putOf } from "../../support/records.ts";
const CLUSTERS = 100;
const CHANGES_PER_SECOND = 20;
const READERS = 20;
/**
 * Readers that are run; what goes out to the others is not billed, and what they send is the same.
 */
const WATCHED = 2;
const ENDPOINTS = 1_000;
/** Of Cloudflare, see `wrangler.toml`. */
const PACE_MS = 1_000;
const SECONDS = 600;
const MONTH_SECONDS = 30 * 24 * 3600;

/** Dollars, and what is included each month. */
const PRICES = {
  rowsWritten: { each: 1.0 / 1e6, included: 50e6 },
  requests: { each: 0.15 / 1e6, included: 1e6 },
  gigabyteSeconds: { each: 12.5 / 1e6, included: 400e3 },
} as const;
/** Twenty incoming WebSocket messages are one request. */
const MESSAGES_PER_REQUEST = 20;
const OBJECT_GIGABYTES = 0.128;
/** Of an event: ten times what it takes here. An idle object that could sleep is not billed. */
const EVENT_SECONDS = 0.003;

test("[LOG17] 100 clusters with 20 changes a second, each seen by 20, cost at most 300 dollars a month", () => {
  const root = mkdtempSync(join(tmpdir(), "catwalk-bill-"));
  const readers: OriginFacts["readers"] = Array.from({ length: READERS }, (_, n) => ({
    cluster: { uid: n.toString(16).padStart(32, "0"), name: `r${n}` },
    keyGeneration: 1,
    rcc: "db",
  }));
  const sql = nodeSql();
  const world = new OriginWorld(facts({ readers }), sql, PACE_MS);
  const publisher = new TestPublisher(world);
  publisher.change(putOf(pool("10.20.0.0/16")));
  for (let n = 0; n < ENDPOINTS; n++) publisher.change(putOf(pod(`p${n}`, address(n))));
  publisher.listed();
  publisher.connect();
  let sentByReaders = 0;
  const timers: { atMs: number; run: () => void }[] = [];
  const watchers = readers.slice(0, WATCHED).map(({ cluster }, n) => {
    const view = new RemoteView(new ViewFile(join(root, `${n}.view`)), {
      rcc: "db",
      meshId: "mesh-1",
      originUid: "b",
      originName: "db",
    });
    const watcher = new Watcher(
      view,
      "",
      () => Promise.resolve({}),
      { onChanges: () => undefined, onState: () => undefined, onDown: () => undefined },
      {
        now: () => world.nowMs,
        random: () => 0.5,
        after: (ms, run) => {
          const timer = { atMs: world.nowMs + ms, run };
          timers.push(timer);
          return () => {
            timer.run = () => undefined;
          };
        },
        dial: ({ handlers }): Link => {
          let socket = "";
          return {
            isOpen: true,
            start: () => {
              socket = world.connect(
                { role: "watch", clusterUid: cluster.uid, keyGeneration: 1 },
                (message) =>
                  handlers.onMessage(message as WatchMessage, encodeMessage(message).length),
              );
              handlers.onOpen();
            },
            stop: () => undefined,
            restart: () => undefined,
            send: (message) => {
              sentByReaders++;
              world.toOrigin(socket, message);
            },
          };
        },
      },
    );
    watcher.start();
    world.settle();
    return { view, watcher };
  });
  world.advance(20_000);
  const rows = () => Number(sql.run("SELECT total_changes() AS n")[0]?.["n"]);
  const [rowsBefore, published, acknowledged] = [rows(), publisher.sent.length, sentByReaders];
  for (let second = 0; second < SECONDS; second++) {
    // What a paced publisher sends in a second: one frame.
    publisher.change(
      ...Array.from({ length: CHANGES_PER_SECOND }, (_, i) => {
        const n = (second * CHANGES_PER_SECOND + i) % ENDPOINTS;
        const record = { ...pod(`p${n}`, address(n)), labels: { at: String(second) } };
        return putOf(record);
      }),
    );
    world.advance(1_000);
    for (const timer of timers.splice(0))
      if (timer.atMs <= world.nowMs) timer.run();
      else timers.push(timer);
    world.settle();
    expect([...world.timers.keys()]).toEqual([]);
  }
  expect(watchers.every(({ view }) => view.isInSync)).toBe(true);
  rmSync(root, { recursive: true, force: true });
  const perMonth = (count: number) => (count / SECONDS) * MONTH_SECONDS * CLUSTERS;
  // Each cluster reports how it sees its remotes at most twice a second.
  const fromReaders = ((sentByReaders - acknowledged) * READERS) / WATCHED;
  const messages = publisher.sent.length - published + fromReaders + 2 * SECONDS;
  const used = {
    rowsWritten: perMonth(rows() - rowsBefore),
    requests: perMonth(messages) / MESSAGES_PER_REQUEST,
    gigabyteSeconds: perMonth(messages) * EVENT_SECONDS * OBJECT_GIGABYTES,
  };
  const dollars = (Object.keys(PRICES) as (keyof typeof PRICES)[]).map((name) => ({
    name,
    used: Math.round(used[name]),
    dollars: Math.max(0, used[name] - PRICES[name].included) * PRICES[name].each,
  }));
  const bill = dollars.reduce((sum, line) => sum + line.dollars, 0);
  expect(bill, JSON.stringify(dollars)).toBeLessThanOrEqual(300);
  // A bill of nothing would be one that counts nothing.
  expect(bill, JSON.stringify(dollars)).toBeGreaterThan(50);
  process.stderr.write(`   bill: ${bill.toFixed(0)} dollars a month ${JSON.stringify(dollars)}\n`);
});
