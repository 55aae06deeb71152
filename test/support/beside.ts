/**
 * Ten quiet clusters with their readers on one virtual thread, and a disturber beside them that
 * begins again and again. The time of a change is that from its source to the end of the event that
 * sent it to a reader. Seeded, and no clock is read.
 */
import { expect } from "vitest";

import { connectReader, QuietCluster } from "./crowd.ts";
import { CrowdedHub, HostedOrigin } from "./crowded-hub.ts";
import type { Sent } from "./crowded-hub.ts";
import { facts } from "./origin-world.ts";
import { address, pod, pool } from "./records.ts";
import { toldChanges } from "./told-changes.ts";
import { Rng } from "../sim/random.ts";

const SEED = 1;
const CLUSTERS = 10;
const ENDPOINTS = 200;
/** Of all quiet clusters together, each at times of its own. */
const CHANGES_PER_SECOND = 100;
/** The noise begins again and again, for its first moments are its worst. */
const ROUNDS = 4;
export const NOISY_US = 1_150_000;
const QUIET_US = 200_000;
const WARM_US = 1e6;
export const READERS = [101, 102, 103, 104].map(uidOf);

/** When a change was made, and how long it took to a reader. */
interface Latency {
  readonly madeUs: number;
  readonly us: number;
}

export interface Heard<D> {
  readonly latencies: readonly Latency[];
  /** When the noise began, each time. */
  readonly begunUs: readonly number[];
  /** How much of its time the thread has worked since. */
  readonly busy: number;
  readonly disturber: D | null;
  readonly origin: HostedOrigin | null;
}

export interface Disturber {
  start(): void;
  stop(): void;
}

/** @param make Who disturbs, at an origin of its own that four clusters read; `null`: nobody. */
export function listen<D extends Disturber>(
  make: ((hub: CrowdedHub, origin: HostedOrigin, uid: string) => D) | null,
  { hasNoShares = false, rounds = ROUNDS, noisyUs = NOISY_US } = {},
): Heard<D> {
  const latencies: Latency[] = [];
  const madeUs: number[] = [];
  const changesIn = toldChanges("change");
  const hub = new CrowdedHub({
    hasNoShares,
    onSent: ({ origin, bytes, endUs }: Sent) => {
      if (origin === "noisy") return;
      for (const n of changesIn(bytes)) {
        const at = madeUs[n] ?? 0;
        latencies.push({ madeUs: at, us: endUs - at });
      }
    },
  });
  const { thread } = hub;
  const clusters = Array.from({ length: CLUSTERS }, (_, n) => {
    const origin = host(hub, n, `quiet-${n}`);
    const pods = Array.from({ length: ENDPOINTS }, (_, i) => pod(`p${i}`, address(i)));
    for (let r = 0; r < 2 + (n % 3); r++) connectReader(origin, READERS[r] ?? "");
    return new QuietCluster(hub, origin, uidOf(n), [pool("10.0.0.0/8"), ...pods]);
  });
  thread.advance(WARM_US);
  let changes = 0;
  for (const [c, cluster] of clusters.entries()) {
    // The same changes at the same times, whatever else happens.
    const own = new Rng(SEED * 1_000 + c);
    const change = (): void => {
      const n = changes++;
      madeUs[n] = thread.nowUs;
      const i = own.below(ENDPOINTS);
      cluster.change(pod(`p${i}`, address(i), { change: String(n) }));
      thread.after(pauseUs(own), change);
    };
    thread.after(pauseUs(own), change);
  }
  thread.advance(WARM_US);
  const origin = make === null ? null : host(hub, CLUSTERS, "noisy");
  for (const reader of READERS) if (origin !== null) connectReader(origin, reader);
  const disturber = origin === null || make === null ? null : make(hub, origin, uidOf(CLUSTERS));
  const begunUs: number[] = [];
  const before = { atUs: thread.nowUs, busyUs: thread.busyUs };
  for (let round = 0; round < rounds; round++) {
    begunUs.push(thread.nowUs);
    disturber?.start();
    thread.advance(noisyUs);
    disturber?.stop();
    thread.advance(QUIET_US);
  }
  const busy = (thread.busyUs - before.busyUs) / (thread.nowUs - before.atUs);
  return { latencies, begunUs, busy, disturber, origin };
}

/** Of what was changed so long after the noise began, in ms. */
export function p99(
  heard: Pick<Heard<unknown>, "latencies" | "begunUs">,
  fromUs: number,
  toUs: number,
): number {
  const within = heard.latencies.filter(({ madeUs }) =>
    heard.begunUs.some((begun) => madeUs >= begun + fromUs && madeUs < begun + toUs),
  );
  expect(within.length).toBeGreaterThan(
    ((toUs - fromUs) / 1e6) * CHANGES_PER_SECOND * heard.begunUs.length,
  );
  const sorted = within.map(({ us }) => us).toSorted((a, b) => a - b);
  return (sorted[Math.floor(sorted.length * 0.99)] ?? 0) / 1000;
}

export function uidOf(n: number): string {
  return n.toString(16).padStart(32, "0");
}

function host(hub: CrowdedHub, n: number, name: string): HostedOrigin {
  const readers = READERS.map((uid) => ({
    cluster: { uid, name: uid },
    keyGeneration: 1,
    rcc: name,
  }));
  const ranges = { pods: ["10.0.0.0/8"], nodes: [] };
  return new HostedOrigin(hub, facts({ cluster: { uid: uidOf(n), name }, readers, ranges }));
}

/** Until a cluster's next change: they come when they come. */
function pauseUs(rng: Rng): number {
  return -Math.log(1 - rng.next()) * ((CLUSTERS / CHANGES_PER_SECOND) * 1e6);
}
