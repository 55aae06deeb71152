/**
 * [LOG24] A hub that is asked for more than its one thread can do, were every change a frame of its
 * own: real publishers and real Origins on one virtual thread with prices. Seeded, and no clock is
 * read.
 */
import { expect, test } from "vitest";

import { connectReader, QuietCluster } from "../../support/crowd.ts";
import { CrowdedHub, HostedOrigin } from "../../support/crowded-hub.ts";
import { facts } from "../../support/origin-world.ts";
import { address, pod, pool } from "../../support/records.ts";
import { toldChanges } from "../../support/told-changes.ts";
import { Rng } from "../../sim/random.ts";

const CLUSTERS = 120;
const ENDPOINTS = 20;
const READERS = Array.from({ length: 20 }, (_, n) => uidOf(1_000 + n));
/** Of each cluster. A frame to 20 readers takes 1.4 ms: 120 clusters may send six a second each. */
const CHANGES_PER_SECOND = 8;
const S = 1e6;
const RUN_US = 5 * S;

interface Overload {
  /** Of each cluster's changes: how many its readers have. */
  readonly delivered: readonly number[];
  readonly made: readonly number[];
  readonly frames: number;
  /** From a change to the end of the event that told it, ms. */
  readonly latencies: readonly number[];
}

function overload(): Overload {
  const made = Array.from({ length: CLUSTERS }, () => 0);
  const delivered = Array.from({ length: CLUSTERS }, () => 0);
  const latencies: number[] = [];
  const madeIn = toldChanges("made");
  let [frames, isMeasured] = [0, false];
  const hub = new CrowdedHub({
    onSent: ({ origin, bytes, endUs }) => {
      const told = madeIn(bytes);
      if (!isMeasured || told.length === 0) return;
      frames++;
      const cluster = Number(origin);
      delivered[cluster] = (delivered[cluster] ?? 0) + told.length;
      for (const madeUs of told) latencies.push((endUs - madeUs) / 1000);
    },
  });
  const { thread } = hub;
  const readers = READERS.map((uid) => ({ cluster: { uid, name: uid }, keyGeneration: 1 }));
  const pods = Array.from({ length: ENDPOINTS }, (_, i) => pod(`p${i}`, address(i)));
  const clusters = made.map((_, n) => {
    const name = String(n);
    const own = readers.map((reader) => ({ ...reader, rcc: name }));
    const ranges = { pods: ["10.0.0.0/8"], nodes: [] };
    const origin = new HostedOrigin(
      hub,
      facts({ cluster: { uid: uidOf(n), name }, readers: own, ranges }),
    );
    for (const uid of READERS) connectReader(origin, uid);
    return new QuietCluster(hub, origin, uidOf(n), [pool("10.0.0.0/8"), ...pods]);
  });
  thread.advance(3 * S);
  isMeasured = true;
  const endUs = thread.nowUs + RUN_US;
  for (const [n, cluster] of clusters.entries()) {
    const rng = new Rng(n);
    const change = (): void => {
      if (thread.nowUs > endUs) return;
      const i = (made[n] ?? 0) % ENDPOINTS;
      made[n] = (made[n] ?? 0) + 1;
      cluster.change(pod(`p${i}`, address(i), { made: String(thread.nowUs) }));
      thread.after((0.5 + rng.next()) * (S / CHANGES_PER_SECOND), change);
    };
    thread.after(rng.next() * (S / CHANGES_PER_SECOND), change);
  }
  thread.advance(RUN_US + 5 * S);
  return { delivered, made, frames, latencies };
}

test("[LOG24] a hub that is late is sent fewer and fuller frames: it delivers every change, and none late by more than a moment", () => {
  const { delivered, made, frames, latencies } = overload();
  const sorted = latencies.toSorted((a, b) => a - b);
  const [p50 = 0, p99 = 0] = [0.5, 0.99].map((q) => sorted[Math.floor(sorted.length * q)]);
  const changes = delivered.reduce((sum, count) => sum + count, 0);
  process.stderr.write(
    `   ${(changes / frames).toFixed(2)} changes a frame; p50 · p99 ${p50.toFixed(0)} · ${p99.toFixed(0)} ms\n`,
  );
  expect(delivered).toEqual(made.map((count) => count * READERS.length));
  expect(changes / frames).toBeGreaterThan(1.3);
  // Publishers that keep to two frames under way and nothing else: 437 · 538 ms.
  expect(p50).toBeLessThan(250);
  expect(p99).toBeLessThan(450);
});

function uidOf(n: number): string {
  return n.toString(16).padStart(32, "0");
}
