/**
 * [LOG22] What others feel of an origin that publishes without end, on one virtual thread: what
 * real Origins do through their ports is counted and priced. The time of a change is that from its
 * source to the end of the event that sent it to a reader. Seeded, and no clock is read.
 */
import { createHash } from "node:crypto";

import { expect, test } from "vitest";

import { encodePayload } from "../../../shared/log/payload.ts";
import { listen, NOISY_US, p99 } from "../../support/beside.ts";
import { NoisyCluster } from "../../support/crowd.ts";
import type { Noise } from "../../support/crowd.ts";
import { pod, put } from "../../support/records.ts";

const MOST = 2;
/**
 * A fifth, and what is not counted as its share: to read what it sends, to tell its readers, and to
 * wait for the disk.
 */
const MOST_OF_THREAD = 0.3;

const alone = listen(null);
const p99Alone = p99(alone, 0, NOISY_US);

const DELTA_KEYS = 24_000;
const PER_FRAME = 600;

/** Frames of which each changes what it names, made once. */
function frames(count: number, make: (n: number) => Uint8Array): (n: number) => Uint8Array {
  const made = Array.from({ length: count }, (_, n) => make(n));
  return (n) => made[n % count] ?? new Uint8Array();
}

const deltas = frames((2 * DELTA_KEYS) / PER_FRAME, (n) =>
  podFrame(PER_FRAME, (i) => {
    const key = (n * PER_FRAME + i) % DELTA_KEYS;
    return [key, { change: String(n), note: "some text ".repeat(25) }];
  }),
);
const hugeDeltas = frames(32, (n) =>
  podFrame(8, (i) => [(n % 16) * 8 + i, hugeLabels(text(n * 8 + i))]),
);
const flatDeltas = frames(2, (n) => podFrame(120, (i) => [i, hugeLabels("xy"[n] ?? "")]));

const NOISES: Readonly<Record<string, Noise>> = {
  "deltas without end": { frame: deltas, underWay: 64 },
  // Three quarters of what may wait.
  "huge labels": { frame: hugeDeltas, underWay: 24 },
  "huge labels that deflate to nothing": { frame: flatDeltas, underWay: 64 },
  "ever new keys": {
    frame: (n) => podFrame(500, (i) => [n * 500 + i, { app: `app-${i % 50}` }]),
    underWay: 64,
  },
  "frames that wait for nothing": { frame: hugeDeltas, underWay: null },
};

test.each(Object.entries(NOISES))(
  "[LOG22] beside an origin of %s others' p99 is at most twice theirs alone, in its first second too",
  (name, noise) => {
    const heard = listen((hub, origin, uid) => new NoisyCluster(hub, origin, uid, noise));
    const [all, first] = [p99(heard, 0, NOISY_US), p99(heard, 0, 1e6)];
    const told = [p99Alone, all, first].map((ms) => ms.toFixed(1)).join(" · ");
    const { changes = 0, folded = 0 } = heard.origin?.store ?? {};
    const busy = `the thread works for ${Math.round(heard.busy * 100)} % of the time`;
    process.stderr.write(
      `   ${name}: p99 alone · beside · in the first second ${told} ms; ${busy}; ${changes} changes, ${folded} folded, closed ${heard.disturber?.closed.length} times\n`,
    );
    expect(all).toBeLessThanOrEqual(MOST * p99Alone);
    expect(first).toBeLessThanOrEqual(MOST * p99Alone);
    // It is heard: a noise that is closed for good at once disturbs nobody.
    expect(heard.busy).toBeGreaterThan(alone.busy + 0.05);
    expect(heard.busy).toBeLessThan(alone.busy + MOST_OF_THREAD);
    expect(heard.disturber?.accepted).toBeGreaterThan(0);
  },
);

test("[LOG22] without shares it would be more", () => {
  const noise: Noise = { frame: deltas, underWay: 64 };
  const heard = listen((hub, origin, uid) => new NoisyCluster(hub, origin, uid, noise), {
    hasNoShares: true,
    rounds: 1,
    noisyUs: 500_000,
  });
  expect(p99(heard, 0, 500_000)).toBeGreaterThan(MOST * p99Alone);
});

function podFrame(
  count: number,
  make: (i: number) => readonly [number, Readonly<Record<string, string>>],
): Uint8Array {
  const changes = Array.from({ length: count }, (_, i) => {
    const [key, labels] = make(i);
    return put(
      pod(`noise-${key}`, `10.${128 + (key >> 16)}.${(key >> 8) & 255}.${key & 255}`, labels),
    );
  });
  return encodePayload(changes, 1);
}

/** 60 KB: nearly the largest record there may be. */
function hugeLabels(value: string): Readonly<Record<string, string>> {
  const long = value.repeat(Math.ceil(61_000 / value.length));
  const label = (l: number): [string, string] => [`l${l}`, long.slice(l * 1_000, (l + 1) * 1_000)];
  return Object.fromEntries(Array.from({ length: 60 }, (_, l) => label(l)));
}

/** As long as what deflating remembers, so that it finds it nowhere again. */
function text(seed: number): string {
  const hash = (n: number): string => createHash("sha512").update(`${seed} ${n}`).digest("hex");
  return Array.from({ length: 300 }, (_, n) => hash(n)).join("");
}
