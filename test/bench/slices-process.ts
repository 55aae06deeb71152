/**
 * One round of `slices`: an Origin with so many endpoints lives through everything that makes it
 * work, after another with fewer has warmed the process up. Prints each event with its ms, in
 * order, as JSON. Argument: endpoints.
 */
import { randomBytes } from "node:crypto";
import { PerformanceObserver } from "node:perf_hooks";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

import type { CalicoRecord } from "../../shared/record/record.ts";
import { HashTrie } from "../../shared/log/hash-trie.ts";
import type { PartitionDigest } from "../../shared/log/partition.ts";
import { hashKey } from "../../shared/record/encoding.ts";
import { nodeSql } from "../support/node-sql.ts";
import { facts, OriginWorld } from "../support/origin-world.ts";
import { pod, pool } from "../support/records.ts";
import { SlicesPublisher, SlicesReader } from "./slices-peers.ts";

/** A processor's time is told in ticks. */
const BUSY_EXACT_MS = 4;
const WARM_UP_ENDPOINTS = 20_000;

/** One event of the Origin. */
export interface SliceEvent {
  readonly kind: string;
  readonly ms: number;
}

interface Span {
  readonly kind: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Processor time of the thread, collector's pauses included. */
  readonly busyMs: number;
}

const of = (n: number, version: string): CalicoRecord => ({
  ...pod(`web-${n}`, `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, {
    app: `app-${n % 200}`,
    version,
  }),
  node: `node-${n % 500}`,
});
const refused = (n: number): CalicoRecord =>
  pod(`odd-${n}`, `11.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`);
/** About 60 KB that do not compress. */
const large = (n: number): CalicoRecord => {
  const labels: Record<string, string> = {};
  for (let l = 0; l < 100; l++) labels[`l${l}`] = randomBytes(31).toString("hex").repeat(8);
  return pod(`large-${n}`, `10.250.${n >> 8}.${n & 255}`, labels);
};

function* mapped(count: number, record: (n: number) => CalicoRecord): Generator<CalicoRecord> {
  for (let n = 0; n < count; n++) yield record(n);
}

async function oneRound(endpoints: number): Promise<SliceEvent[]> {
  const spans: Span[] = [];
  const pauses: Span[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      pauses.push({ kind: "gc", fromMs: startTime, toMs: startTime + duration, busyMs: duration });
  });
  observer.observe({ entryTypes: ["gc"] });
  const database = new DatabaseSync(":memory:");
  const life = phases(new Timed(spans, database), endpoints);
  // The collector's pauses are told between events.
  while (life.next().done !== true) await sleep(5);
  await sleep(50);
  observer.disconnect();
  database.close();
  return spans.map((span) => ({ kind: span.kind, ms: timeOf(span, pauses) }));
}

/**
 * Without the collector's pauses, and without the time in which others ran on the processor: what
 * the thread was busy is known to 4 ms.
 */
function timeOf({ fromMs, toMs, busyMs }: Span, pauses: readonly Span[]): number {
  let took = Math.min(toMs - fromMs, busyMs + BUSY_EXACT_MS);
  for (const pause of pauses)
    took -= Math.max(0, Math.min(toMs, pause.toMs) - Math.max(fromMs, pause.fromMs));
  return Math.max(0, took);
}

/** A world that writes down how long its Origin's events take, by what is going on. */
class Timed extends OriginWorld {
  phase = "";
  readonly #spans: Span[];

  constructor(spans: Span[], database: DatabaseSync) {
    super(facts({ ranges: { pods: ["10.0.0.0/8"], nodes: [] } }), nodeSql(database));
    this.#spans = spans;
    this.around = (event, work) => this.time(event, work);
  }

  time<T>(event: string, work: () => T): T {
    const [fromMs, busyBeforeMs] = [performance.now(), busyMs()];
    try {
      return work();
    } finally {
      const [toMs, busyAfterMs] = [performance.now(), busyMs()];
      const kind = `${this.phase}: ${event}`;
      this.#spans.push({ kind, fromMs, toMs, busyMs: busyAfterMs - busyBeforeMs });
    }
  }
}

function busyMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Yields between what goes on. */
function* phases(world: Timed, endpoints: number): Generator<void> {
  const begin = (phase: string): void => {
    world.phase = phase;
  };
  const publisher = new SlicesPublisher(world);
  const reader = new SlicesReader(world);
  /** So many of the endpoints in another state, from all over the key space. */
  const change = (count: number, version: string, first = 0): void => {
    const step = Math.max(1, Math.floor(endpoints / count));
    const nth = (i: number): number => (first + i * step) % endpoints;
    publisher.publish(mapped(count, (i) => of(nth(i), version)));
  };
  /** As the object answers it. */
  const status = (): void => {
    while (!world.time("digests", () => world.origin.refreshDigests()));
    world.time("status", () => world.origin.status());
  };
  /** What a peer would have whose every leaf differs from ours. */
  const otherLeaves = (): readonly PartitionDigest[] => {
    const trie = new HashTrie();
    for (let n = 0; n < endpoints; n++) {
      const hash = hashKey(String(n));
      trie.set(hash, hash, 0);
    }
    return trie.leaves();
  };

  yield begin("first publication");
  publisher.connect();
  publisher.publish([pool("10.0.0.0/8")], "pools");
  change(endpoints, "1");
  publisher.reconciled();
  world.advance(12_000);

  yield begin("churn");
  for (let round = 0; round < 20; round++) {
    change(3_000, `r${round}`, round * 7);
    world.advance(100);
  }
  world.advance(12_000);

  yield begin("first contact");
  reader.connect([]);
  world.advance(12_000);
  status();

  yield begin("rushes and pauses");
  for (let round = 0; round < 20; round++) {
    change(20_000, `p${round}`, round);
    status();
    world.advance(1_000);
  }

  yield begin("resume");
  reader.disconnect();
  for (let round = 0; round < 300; round++) change(500, `t${round}`);
  change(20_000, "t");
  reader.connect(null);
  world.advance(12_000);

  yield begin("repair of everything");
  reader.disconnect();
  change(20_000, "u");
  reader.connect(otherLeaves());
  world.advance(12_000);
  if (reader.checkpoints === 0) throw new Error("BUG: the reader was never told all");

  yield begin("publisher's return, everything differs");
  change(20_000, "v");
  publisher.disconnect();
  publisher.connect();
  publisher.reconcile(otherLeaves());
  publisher.reconciled();
  world.advance(12_000);

  yield begin("large records");
  publisher.publish(mapped(300, large));
  publisher.publish(mapped(300, (n) => large(n * 7)));
  change(20_000, "w");
  world.advance(12_000);

  yield begin("refused records");
  publisher.publish(mapped(Math.min(50_000, endpoints / 10), refused));
  world.advance(12_000);
  yield begin("publisher's return beside refused records");
  publisher.disconnect();
  publisher.connect();
  publisher.reconcile(otherLeaves());
  publisher.reconciled();
  world.advance(12_000);
  yield begin("judging again, all refused");
  const wider = (accessVersion: number, pods: string) =>
    facts({ accessVersion, ranges: { pods: ["10.0.0.0/8", pods], nodes: [] } });
  world.push(wider(2, "192.168.0.0/16"));
  world.advance(12_000);
  yield begin("judging again, all admitted");
  world.push(wider(3, "11.0.0.0/8"));
  world.advance(12_000);

  yield begin("start");
  change(20_000, "x");
  world.crash();
  yield begin("after the start");
  publisher.connect();
  reader.connect(null);
  publisher.reconciled();
  world.advance(12_000);
  yield begin("removal");
  world.push({ ...wider(4, "11.0.0.0/8"), removed: true });
  world.advance(12_000);
}

await oneRound(WARM_UP_ENDPOINTS);
process.stdout.write(JSON.stringify(await oneRound(Number(process.argv[2]))));
