/**
 * Histories that once broke a guarantee, kept in `histories/` by the name of what was wrong: the
 * shortest list of actions that was found. Actions carry their own seeds, so such a history stays
 * what it is when the choice of actions changes.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Action } from "./actions.ts";
import type { Failure } from "./run.ts";
import { run } from "./run.ts";

const FOLDER = join(import.meta.dirname, "histories");

export interface KeptHistory {
  /** The bug that was found by it: a planted one of the same name, or one that was there. */
  readonly bug: string;
  /** That it broke. */
  readonly validator: string;
  readonly seed: number;
  readonly places: number;
  readonly actions: readonly Action[];
}

export function keptNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length))
    .toSorted();
}

export function readKept(name: string): KeptHistory {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), "utf8")) as KeptHistory;
}

export function keep(name: string, history: KeptHistory): void {
  const { actions, ...rest } = history;
  const lines = actions.map((action) => `    ${JSON.stringify(action)}`).join(",\n");
  const head = JSON.stringify(rest, null, 2).slice(0, -2);
  writeFileSync(join(FOLDER, `${name}.json`), `${head},\n  "actions": [\n${lines}\n  ]\n}\n`);
}

/** Runs a kept history again. `null`: all guarantees hold. */
export async function replay(name: string): Promise<Failure | null> {
  const { seed, places, actions } = readKept(name);
  return (await run(seed, places, actions)).failure;
}
