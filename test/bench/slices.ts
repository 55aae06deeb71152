/**
 * How long each event of an Origin with half a million endpoints takes: a hub of one's own has one
 * thread for all its objects, so the longest of them is everybody's delay. The Origin is the real
 * one, on SQLite, in a process of its own, where a clock runs inside an event; pauses of the
 * collector are taken off. What happens is the same in each round, event by event: of each the
 * median counts, for what the machine does besides comes elsewhere in each. [LOG18]
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import { figure, median, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import type { SliceEvent } from "./slices-process.ts";

const ENDPOINTS = Number(process.env["SLICES_ENDPOINTS"] ?? 500_000);
const ROUNDS = 5;
const TARGET_MS = 10;
const MAX_OUTPUT_BYTES = 64e6;

export async function* benchSlices(): AsyncGenerator<Figure> {
  const rounds: SliceEvent[][] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    progress(`round ${round} of ${ROUNDS}`);
    rounds.push(await oneRound());
  }
  const events = typical(rounds);
  for (const [kind, all] of Map.groupBy(events, (event) => event.kind)) {
    const took = all.map(({ ms }) => ms);
    yield figure(`${kind}: p99 of ${took.length}`, quantile(took, 0.99), "ms", TARGET_MS);
    yield figure(`${kind}: longest`, Math.max(...took), "ms", TARGET_MS);
  }
  const ours = `events of an Origin with ${ENDPOINTS} endpoints`;
  const all = events.map(({ ms }) => ms);
  yield figure(`${ours}: p99 of ${all.length}`, quantile(all, 0.99), "ms", TARGET_MS);
  yield figure(`${ours}: longest`, Math.max(...all), "ms", TARGET_MS);
  const each = rounds.flat().map(({ ms }) => ms);
  const over = each.filter((ms) => ms > TARGET_MS).length;
  yield figure(`${ours}: over ${TARGET_MS} ms in one round`, (100 * over) / each.length, "%", 1);
}

async function oneRound(): Promise<SliceEvent[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--max-old-space-size=8000", join(import.meta.dirname, "slices-process.ts"), `${ENDPOINTS}`],
    { maxBuffer: MAX_OUTPUT_BYTES },
  );
  return JSON.parse(stdout) as SliceEvent[];
}

function typical(rounds: readonly (readonly SliceEvent[])[]): SliceEvent[] {
  const [first = [], ...others] = rounds;
  return first.map(({ kind, ms }, i) => {
    const same = others.map((round) => {
      if (round[i]?.kind !== kind) throw new Error(`BUG: rounds differ at event ${i}, ${kind}`);
      return round[i].ms;
    });
    return { kind, ms: median([ms, ...same]) };
  });
}
