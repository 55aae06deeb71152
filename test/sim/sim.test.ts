/**
 * The simulation: in `npm test` some seeds of each kind and the histories that failed once, in
 * `.ci/run simulation` (`CATWALK_ROUNDS=many`) enough of them to meet every situation.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";

import { expect, test } from "vitest";

import { ACTION_NAMES } from "./actions.ts";
import { SITUATIONS } from "./coverage.ts";
import { isMany, rounds } from "../support/rounds.ts";
import { MUTANTS } from "./mutants/index.ts";

const ROOT = join(import.meta.dirname, "../..");

/**
 * Times, over all seeds, that a situation must come up: fewer, and a change of the simulation could
 * lose it.
 */
const OFTEN_ENOUGH = 3;

interface Ended {
  readonly status: number | null;
  readonly out: string;
}

function simulate(...args: readonly string[]): Promise<Ended> {
  const all = ["test/sim/main.ts", "--quick", ...args];
  const child = spawn(process.execPath, all, { cwd: ROOT });
  let out = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text: Buffer) => (out += text.toString()));
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, out })));
}

/** Behind what a slow run says of its way. */
function lastLines(out: string): string[] {
  return out.trimEnd().split("\n").slice(-2);
}

const HALF = rounds(8, 250);
const OF_A_KIND = rounds(5, 60);
const OF_SERVICES = rounds(30, 300);

/** Two processes, each with half of the seeds: what they print. */
const halves = [1, 251].map((from) => ({
  from,
  ended: simulate("--from", String(from), "--seeds", String(HALF), "--coverage"),
}));

for (const { from, ended } of halves)
  test.concurrent(`[SIM1] [SIM6] ${HALF} seeds from ${from} on hold`, async () => {
    const { status, out } = await ended;
    expect(lastLines(out)[0]).toBe(`${HALF} seeds hold, ${from} to ${from + HALF - 1}`);
    expect(status).toBe(0);
  });

if (isMany)
  test.concurrent("[SIM5] these seeds meet every kind of trouble, and everything that a guarantee is about", async () => {
    const met = new Map<string, number>();
    for (const { out } of await Promise.all(halves.map(({ ended }) => ended)))
      for (const [name, times] of Object.entries(JSON.parse(lastLines(out)[1] ?? "") as object))
        met.set(name, (met.get(name) ?? 0) + Number(times));
    expect(SITUATIONS.filter((name) => (met.get(name) ?? 0) < OFTEN_ENOUGH)).toEqual([]);
    const actions = [...met.keys()].filter((name) => name.startsWith("action "));
    expect(actions.length).toBeGreaterThanOrEqual(ACTION_NAMES.length);
    // A situation that is met and not asked for could be lost without a word.
    const known = new Set<string>(SITUATIONS);
    const unknown = [...met.keys()].filter(
      (name) => !name.startsWith("action ") && !known.has(name),
    );
    expect(unknown).toEqual([]);
  });

test.concurrent(`[SIM1] [FEE3] ${OF_A_KIND} seeds hold in which relays of a cluster follow each other, and feeders come and go`, async () => {
  const { status, out } = await simulate("--from", "1000000001", "--seeds", String(OF_A_KIND));
  expect(lastLines(out).at(-1)).toBe(
    `${OF_A_KIND} seeds hold, 1000000001 to ${1_000_000_001 + OF_A_KIND - 1}`,
  );
  expect(status).toBe(0);
});

test.concurrent(`[SIM1] [SIM7] ${OF_A_KIND} seeds hold in which clusters have routes to each other, and lose them`, async () => {
  const { status, out } = await simulate("--from", "2000000001", "--seeds", String(OF_A_KIND));
  expect(lastLines(out).at(-1)).toBe(
    `${OF_A_KIND} seeds hold, 2000000001 to ${2_000_000_001 + OF_A_KIND - 1}`,
  );
  expect(status).toBe(0);
});

test.concurrent(`[SIM11] [TYP25] ${OF_A_KIND} seeds hold in which Felixes go from one relay of their cluster to another`, async () => {
  const { status, out } = await simulate("--from", "2900000001", "--seeds", String(OF_A_KIND));
  expect(lastLines(out).at(-1)).toBe(
    `${OF_A_KIND} seeds hold, 2900000001 to ${2_900_000_001 + OF_A_KIND - 1}`,
  );
  expect(status).toBe(0);
});

test.concurrent(`[SIM8] ${OF_SERVICES} seeds of Services hold: slices have no foreign endpoint, no empty window, no ghosts`, async () => {
  const { status, out } = await simulate("--from", "3000000001", "--seeds", String(OF_SERVICES));
  expect(lastLines(out).at(-1)).toBe(
    `${OF_SERVICES} seeds hold, 3000000001 to ${3_000_000_000 + OF_SERVICES}`,
  );
  expect(status).toBe(0);
});

test.concurrent(`[SIM1] [SIM10] ${OF_A_KIND} seeds hold in which clusters show each other Services`, async () => {
  const { status, out } = await simulate("--from", "3500000001", "--seeds", String(OF_A_KIND));
  expect(lastLines(out).at(-1)).toBe(
    `${OF_A_KIND} seeds hold, 3500000001 to ${3_500_000_001 + OF_A_KIND - 1}`,
  );
  expect(status).toBe(0);
});

test.concurrent(`[SIM1] [SIM13] ${OF_A_KIND} seeds hold in which a range is taken from a cluster and given back`, async () => {
  const { status, out } = await simulate("--from", "3800000001", "--seeds", String(OF_A_KIND));
  expect(lastLines(out).at(-1)).toBe(
    `${OF_A_KIND} seeds hold, 3800000001 to ${3_800_000_001 + OF_A_KIND - 1}`,
  );
  expect(status).toBe(0);
});

test.concurrent(`[SIM1] [SIM9] ${OF_A_KIND} seeds hold in which clusters are suspended, go dark, and list less than they have`, async () => {
  const { status, out } = await simulate("--from", "4000000001", "--seeds", String(OF_A_KIND));
  expect(lastLines(out).at(-1)).toBe(
    `${OF_A_KIND} seeds hold, 4000000001 to ${4_000_000_001 + OF_A_KIND - 1}`,
  );
  expect(status).toBe(0);
});

/** Each has twenty. */
const ROLLING = isMany ? 50 : 3;

test.concurrent(`[SIM9] [EVT2] of ${ROLLING * 20} rolling restarts of hub and relays none is told as a loss`, async () => {
  const { status, out } = await simulate("--from", "4100000001", "--seeds", String(ROLLING));
  expect(lastLines(out).at(-1)).toBe(
    `${ROLLING} seeds hold, 4100000001 to ${4_100_000_001 + ROLLING - 1}`,
  );
  expect(status).toBe(0);
});

test.concurrent(`[SIM12] [TYP27] [TYP42] ${OF_A_KIND} seeds hold in which clusters have pools inside their pools, and no Felix ends`, async () => {
  const { status, out } = await simulate("--from", "4200000001", "--seeds", String(OF_A_KIND));
  expect(lastLines(out).at(-1)).toBe(
    `${OF_A_KIND} seeds hold, 4200000001 to ${4_200_000_001 + OF_A_KIND - 1}`,
  );
  expect(status).toBe(0);
});

test.concurrent("[SIM4] every kept history holds", async () => {
  const { status, out } = await simulate("--kept");
  // One of each planted bug, and of real ones.
  expect(Number(out.match(/^(\d+) kept histories hold\n$/)?.[1])).toBeGreaterThan(MUTANTS.length);
  expect(status).toBe(0);
});

test.concurrent("[SIM3] a planted bug is found, and said with its seed and guarantee", async () => {
  const [mutant] = MUTANTS.filter(({ name }) => name === "ack-before-commit");
  const { status, out } = await simulate("--mutant", mutant?.name ?? "", "--seeds", "50");
  expect(status).toBe(1);
  expect(mutant?.validators).toContain((JSON.parse(out) as { validator: string }).validator);
});
