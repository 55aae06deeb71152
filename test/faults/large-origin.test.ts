/** An Origin with half a million endpoints. */
import { expect, test } from "vitest";

import { LocalState } from "../../relay/publish/local-state.ts";
import { nodeSql } from "../support/node-sql.ts";
import { TestPublisher, TestReader } from "../support/origin-peers.ts";
import { facts, OriginWorld } from "../support/origin-world.ts";
import { pod, pool, putOf } from "../support/records.ts";
import { rounds } from "../support/rounds.ts";

/** As many as an object must hold; fewer where the machine is to be free soon. */
const ENDPOINTS = rounds(50_000, 500_000);
const MAX_ROW_BYTES = 1_500_000;
const MAX_LEDGER_BYTES = 64e6;
/**
 * Entries that an Origin reads at once when it starts: a blob's, or those of a commit of several
 * frames.
 */
const MAX_PART = 1_000;

const of = (n: number, version: string) => ({
  ...pod(`web-${n}`, `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, {
    app: `app-${n % 200}`,
    version,
  }),
  node: `node-${n % 500}`,
});

test(`[LOG18] ${ENDPOINTS} endpoints in one Origin: no row beyond 1.5 MB, a ledger of at most 64 MB, and a reader has them all`, () => {
  const sql = nodeSql();
  const world = new OriginWorld(facts({ ranges: { pods: ["10.0.0.0/8"], nodes: [] } }), sql);
  const publisher = new TestPublisher(world);
  const local: LocalState = publisher.local;
  local.applyChange(putOf(pool("10.0.0.0/8")));
  for (let n = 0; n < ENDPOINTS; n++) local.applyChange(putOf(of(n, "1")));
  publisher.listed();
  publisher.connect();
  let largest = world.origin.ledgerBytes;
  // Every key once more in part, so that folding has to rewrite what there is.
  for (let round = 0; round < 20; round++) {
    publisher.change(
      ...Array.from({ length: 3_000 }, (_, i) =>
        putOf(of((i * 167 + round) % ENDPOINTS, `r${round}`)),
      ),
    );
    largest = Math.max(largest, world.origin.ledgerBytes);
  }
  world.advance(12_000);
  expect(largest).toBeLessThan(MAX_LEDGER_BYTES);
  const rowOf = (statement: string) => Number(sql.run(statement)[0]?.["n"]);
  const frames = rowOf("SELECT MAX(LENGTH(payload) + LENGTH(entries)) AS n FROM frames");
  const blobs = rowOf("SELECT MAX(LENGTH(payload) + LENGTH(entries)) AS n FROM blobs");
  expect(Math.max(frames, blobs)).toBeLessThan(MAX_ROW_BYTES);
  const reader = new TestReader(world);
  reader.connect();
  world.advance(12_000);
  expect(reader.isInSync).toBe(true);
  expect(reader.views.get("identity")?.trie.size).toBe(ENDPOINTS);
  if (ENDPOINTS === 500_000) {
    // As many keys as an origin may have, and more: its publisher is refused, its readers keep what
    // they have. [LOG19]
    publisher.change(...Array.from({ length: 100_001 }, (_, n) => putOf(of(ENDPOINTS + n, "1"))));
    world.advance(60_000);
    expect(world.closedWith(publisher.socket)).toBe("over-quota");
    expect(world.closeMessage(publisher.socket)).toContain("600000 keys");
    expect(reader.views.get("identity")?.trie.size).toBeLessThanOrEqual(600_000);
    expect(reader.views.get("identity")?.trie.size).toBeGreaterThan(ENDPOINTS);
    expect(reader.isInSync).toBe(true);
  }
  // The next instance is made from what is stored, in parts between which others have their turns,
  // and proves to be the same.
  world.crash();
  expect(world.largestPart).toBeGreaterThan(0);
  expect(world.largestPart).toBeLessThanOrEqual(MAX_PART);
  expect(world.origin.ledgerBytes).toBeLessThan(MAX_LEDGER_BYTES);
  reader.connect();
  world.advance(12_000);
  expect(reader.isInSync).toBe(true);
});
