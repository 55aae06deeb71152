/**
 * 150 recorded cases of random remote endpoints and profiles, and what a real Felix did in each
 * step. Their origin is told beside them.
 */
import { readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";

import type { RecordedKv } from "./felix-model/to-record.ts";

const FOLDER = new URL("../fixtures/golden/felix/random/", import.meta.url);

/** What all cases have in common, as far as every reader of them needs it. */
export interface RandomCluster {
  readonly felixHostname: string;
  readonly kvs: readonly RecordedKv[];
  readonly sets: readonly {
    readonly set: string;
    readonly selector: string;
    readonly namedPort?: string;
    readonly protocol?: string;
    readonly members: readonly string[];
  }[];
}

/** By set, members that come or go. */
export type Delta = Readonly<Record<string, readonly string[]>>;

export interface RandomCase {
  readonly seed: number;
  readonly steps: readonly {
    readonly kvs: readonly RecordedKv[];
    readonly add: Delta;
    readonly remove: Delta;
  }[];
  readonly final: Readonly<Record<string, readonly string[]>>;
}

export function readRandomCluster(): RandomCluster {
  return JSON.parse(readFileSync(new URL("policies.json", FOLDER), "utf8")) as RandomCluster;
}

export function readRandomCases(): readonly RandomCase[] {
  const text = brotliDecompressSync(readFileSync(new URL("cases.jsonl.br", FOLDER)));
  return text
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as RandomCase);
}

/** Members in the order of their text. */
export function sorted(delta: Delta): Delta {
  return Object.fromEntries(Object.entries(delta).map(([key, list]) => [key, list.toSorted()]));
}
