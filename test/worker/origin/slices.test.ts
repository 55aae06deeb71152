/**
 * What one event of a large log does, counted: the thread is everybody's. Times are the benchmark
 * `slices`'s.
 */
import { expect, test } from "vitest";

import { HashTrie } from "../../../shared/log/hash-trie.ts";
import type { PartitionDigest } from "../../../shared/log/partition.ts";
import { hashKey } from "../../../shared/record/encoding.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import type { SqlDatabase } from "../../../worker/storage/sql.ts";
import { SlicesPublisher, SlicesReader } from "../../bench/slices-peers.ts";
import { nodeSql } from "../../support/node-sql.ts";
import { facts, OriginWorld } from "../../support/origin-world.ts";
import { pod, pool } from "../../support/records.ts";

const ENDPOINTS = 40_000;
const REFUSED = 4_000;

interface Work {
  rows: number;
  /** Of blobs, read or written. */
  bytes: number;
}

interface Event extends Work {
  readonly name: string;
  readonly sentBytes: number;
}

const address = (net: number, n: number): string =>
  `${net}.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
const endpoint = (n: number, version = "1"): CalicoRecord =>
  pod(`web-${n}`, address(10, n), { app: `app-${n % 50}`, version });

function* all(count: number, step: number, version: string): Generator<CalicoRecord> {
  for (let i = 0; i < count; i++) yield endpoint((i * step) % ENDPOINTS, version);
}

/** Of a party that has as many keys, all of them others. */
function otherLeaves(): readonly PartitionDigest[] {
  const trie = new HashTrie();
  for (let n = 0; n < ENDPOINTS; n++) trie.set(hashKey(`${n}`), hashKey("other"), 0);
  return trie.leaves();
}

function counting(sql: SqlDatabase, work: Work): SqlDatabase {
  const sizeOf = (values: readonly unknown[]): number =>
    values.reduce<number>(
      (sum, value) => sum + (value instanceof Uint8Array ? value.length : 0),
      0,
    );
  return {
    run: (statement, ...values) => {
      const rows = sql.run(statement, ...values);
      work.rows += Math.max(1, rows.length);
      work.bytes += sizeOf(values) + rows.reduce((sum, row) => sum + sizeOf(Object.values(row)), 0);
      return rows;
    },
    transaction: (inner) => sql.transaction(inner),
  };
}

/** A world that keeps what each event did. */
function watched() {
  const work: Work = { rows: 0, bytes: 0 };
  const events: Event[] = [];
  const world = new OriginWorld(
    facts({ ranges: { pods: ["10.0.0.0/8"], nodes: [] } }),
    counting(nodeSql(), work),
  );
  world.around = (name, inner) => {
    const [rows, bytes, sent] = [work.rows, work.bytes, world.sentBytes];
    inner();
    const sentBytes = world.sentBytes - sent;
    events.push({ name, rows: work.rows - rows, bytes: work.bytes - bytes, sentBytes });
  };
  /** The largest of what events did since this was asked for last. */
  const largest = () => {
    const seen = events.splice(0);
    return {
      events: seen.length,
      rows: Math.max(...seen.map(({ rows }) => rows)),
      bytes: Math.max(...seen.map(({ bytes }) => bytes)),
      sentBytes: Math.max(...seen.map(({ sentBytes }) => sentBytes)),
    };
  };
  return { world, largest, publisher: new SlicesPublisher(world), reader: new SlicesReader(world) };
}

type Watched = ReturnType<typeof watched>;

function populated(): Watched {
  const made = watched();
  const { publisher, world } = made;
  publisher.connect();
  publisher.publish([pool("10.0.0.0/8")], "pools");
  publisher.publish(all(ENDPOINTS, 1, "1"));
  publisher.reconciled();
  world.advance(12_000);
  return made;
}

/** Rows that one event reads and writes, and bytes of them; bytes that it sends. */
const MOST = { rows: 450, bytes: 2_000_000, sentBytes: 1_500_000 };

function expectSmall({ events, rows, bytes, sentBytes }: ReturnType<Watched["largest"]>): void {
  expect(events).toBeGreaterThan(0);
  expect(rows).toBeLessThanOrEqual(MOST.rows);
  expect(bytes).toBeLessThanOrEqual(MOST.bytes);
  expect(sentBytes).toBeLessThanOrEqual(MOST.sentBytes);
}

test(`[LOG18] [LOG56] no event of a log of ${ENDPOINTS} endpoints does more than a bounded part: publication, first contact, resume, repair`, () => {
  const { world, largest, publisher, reader } = populated();
  expectSmall(largest());
  reader.connect([]);
  world.advance(12_000);
  expect(reader.checkpoints).toBeGreaterThan(0);
  expectSmall(largest());
  reader.disconnect();
  for (let round = 0; round < 60; round++) publisher.publish(all(500, 1, `r${round}`));
  publisher.publish(all(10_000, 4, "s"));
  reader.connect(null);
  world.advance(12_000);
  expect(reader.checkpoints).toBeGreaterThan(0);
  expectSmall(largest());
  reader.disconnect();
  reader.connect(otherLeaves());
  world.advance(12_000);
  expect(reader.checkpoints).toBeGreaterThan(0);
  expectSmall(largest());
});

test("[LOG18] a publisher that returns with another set is answered in parts, beside refused records too", () => {
  const { world, largest, publisher } = populated();
  publisher.publish(Array.from({ length: REFUSED }, (_, n) => pod(`odd-${n}`, address(11, n))));
  world.advance(12_000);
  expect(world.origin.status().quarantined).toBe(REFUSED);
  expectSmall(largest());
  publisher.disconnect();
  publisher.connect();
  publisher.reconcile(otherLeaves());
  publisher.reconciled();
  world.advance(12_000);
  expect(publisher.differences).toBe(ENDPOINTS + REFUSED);
  expect(publisher.isAnswered).toBe(true);
  expectSmall(largest());
  // Judged again, and admitted.
  world.push(
    facts({ accessVersion: 2, ranges: { pods: ["10.0.0.0/8", "11.0.0.0/8"], nodes: [] } }),
  );
  world.advance(12_000);
  expect(world.origin.status()).toMatchObject({ quarantined: 0 });
  expectSmall(largest());
});

test("[VIS7] the log of a removed cluster is forgotten in parts, and the next instance goes on with it", () => {
  const { world, largest, publisher } = populated();
  publisher.publish(Array.from({ length: REFUSED }, (_, n) => pod(`odd-${n}`, address(11, n))));
  world.advance(12_000);
  largest();
  const before = rowsOf(world);
  world.facts = facts({ accessVersion: 2, removed: true });
  world.origin.onFacts(world.facts);
  // Nothing of it is read any more, and the process ends in the middle.
  world.origin.onTimer("wipe");
  expect(rowsOf(world)).not.toEqual(before);
  world.crash();
  world.advance(1_000);
  expect(rowsOf(world)).toEqual({ frames: 0, blobs: 0, quarantine: 0 });
  expectSmall(largest());
});

function rowsOf({ sql }: OriginWorld): Record<string, number> {
  return Object.fromEntries(
    ["frames", "blobs", "quarantine"].map((table) => [
      table,
      Number(sql.run(`SELECT COUNT(*) AS n FROM ${table}`)[0]?.["n"]),
    ]),
  );
}
