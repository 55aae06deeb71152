/**
 * One publisher, many readers: changes are admitted, committed to disk and fanned out; timed from
 * the source's change to a relay's view.
 */
import { fork } from "node:child_process";
import { join } from "node:path";

import { figure, median, progress } from "./figure.ts";
import type { Figure } from "./figure.ts";

export interface Setting {
  readonly readers: number;
  readonly changesPerSecond: number;
  readonly p50: number | null;
  readonly p99: number;
}

const SETTINGS: readonly Setting[] = [
  { readers: 10, changesPerSecond: 5_000, p50: 6, p99: 15 },
  { readers: 100, changesPerSecond: 20_000, p50: null, p99: 160 },
  { readers: 500, changesPerSecond: 9_000, p50: null, p99: 300 },
];
const ROUNDS = 3;
/**
 * The loading process's own collector must not be what is measured. With Node's defaults its
 * scavenges stop publisher and readers for 15 to 25 ms every 0.8 s; and a full collection comes
 * with every 64 MB that its buffers hold outside of the heap, each 4.4 s, in which four threads of
 * its own take both processors from the hub for 45 ms: those were all of the p99. So what is
 * outside of the heap counts as what is in it, for which there is room.
 */
const V8_FLAGS = [
  "--max-semi-space-size=4",
  "--initial-heap-size=1024",
  "--external-memory-accounted-in-global-limit",
  "--expose-gc",
];

export async function* benchFanOut(): AsyncGenerator<Figure> {
  for (const setting of SETTINGS) {
    const rounds: Round[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push(await runRound(setting));
      progress(`${setting.readers} readers: ${JSON.stringify(rounds.at(-1))}`);
    }
    const of = (pick: (round: Round) => number) => median(rounds.map(pick));
    const name = `fan-out ${setting.readers} readers, ${setting.changesPerSecond} changes/s`;
    yield figure(
      `${name}: p50`,
      of((r) => r.p50),
      "ms",
      setting.p50,
    );
    yield figure(
      `${name}: p99`,
      of((r) => r.p99),
      "ms",
      setting.p99,
    );
    yield figure(
      `${name}: applied of offered`,
      of((r) => r.applied),
      "%",
      99.9,
      false,
    );
    yield figure(
      `${name}: frames to readers`,
      of((r) => r.deliveries),
      "1/s",
      null,
    );
  }
}

export interface Round {
  readonly p50: number;
  readonly p99: number;
  readonly applied: number;
  readonly deliveries: number;
  /** Changes delivered to all readers, for each second of the hub's processor time. */
  readonly perCpuSecond: number;
}

/** @param program In this folder. */
export function runRound(setting: Setting, program = "fan-out-round.ts"): Promise<Round> {
  const child = fork(join(import.meta.dirname, program), [JSON.stringify(setting)], {
    execArgv: V8_FLAGS,
  });
  return new Promise((resolve, reject) => {
    child.once("message", (round) => resolve(round as Round));
    child.once("exit", (code) => reject(new Error(`the round ended with ${code}`)));
  });
}
