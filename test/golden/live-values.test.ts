/**
 * The strict model against what real Felixes of three versions made of random odd values, and of
 * taking them back.
 */
import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { FelixModel } from "../support/felix-model/model.ts";
import type { FelixUpdate } from "../support/felix-model/model.ts";

const FOLDER = new URL("../fixtures/golden/felix/", import.meta.url);

type Did = "unknown" | "deleted" | "taken" | "missing" | "panic" | "exit" | "panic later";

interface LiveValues {
  readonly cases: readonly {
    readonly kind: string;
    readonly key: string;
    readonly value: string | null;
    readonly before: boolean;
    readonly did: Readonly<Record<"3.32.1" | "3.31.7" | "3.30.7", Did>>;
  }[];
}

interface BadValues {
  readonly felixHostname: string;
  readonly baseKVs: readonly FelixUpdate[];
  readonly companions: Readonly<Record<string, readonly FelixUpdate[]>>;
  readonly cases: readonly {
    readonly kind: string;
    readonly what: string;
    readonly key: string;
    readonly value?: string | null;
  }[];
}

const bad = JSON.parse(readFileSync(new URL("bad-values.json", FOLDER), "utf8")) as BadValues;
const live = JSON.parse(
  readFileSync(new URL("live-2026-11-21.json", FOLDER), "utf8"),
) as LiveValues;

function modelDid({ kind, key, value, before }: LiveValues["cases"][number]): Did {
  const model = new FelixModel(bad.felixHostname);
  model.apply(bad.baseKVs);
  model.start();
  const companions = bad.companions[kind] ?? [];
  model.apply(companions);
  const right = bad.cases.find((one) => one.kind === kind && one.what.startsWith("right"));
  if (right === undefined) throw new Error(`no right value of ${kind}`);
  const rightUpdate = { key: right.key, value: right.value ?? null };
  if (before) model.apply([rightUpdate]);
  const [effect] = model.apply([{ key, value }]);
  if (effect === undefined) throw new Error("no effect");
  if (effect.is === "panic") return "panic";
  if (exitCode(model) !== null) return "exit";
  const afterwards: FelixUpdate[] = [
    { key, value: null },
    { key, value },
    rightUpdate,
    { key, value },
    ...[...companions, ...(before ? [rightUpdate] : [])]
      .filter((one) => one.key !== key)
      .map((one) => ({ key: one.key, value: null })),
    { key, value: null },
  ];
  for (const step of afterwards) model.apply([step]);
  return exitCode(model) === 2 ? "panic later" : effect.is;
}

function exitCode(model: FelixModel): number | null {
  return model.exit?.code ?? null;
}

/** Go's readers take a few texts that are no JSON; the model says that they are fatal. */
function isJson(text: string | null): boolean {
  try {
    JSON.parse(text ?? "");
    return true;
  } catch {
    return false;
  }
}

test("[ORA6] the model does with random odd values, and when they are taken back, what Felix 3.32.1 did", () => {
  expect(live.cases.length).toBeGreaterThan(300);
  const wrong = live.cases.flatMap((one) => {
    const ours = modelDid(one);
    const theirs = one.did["3.32.1"];
    const isStricter =
      !isJson(one.value) && (ours === "panic" || (ours === "missing" && theirs === "taken"));
    return ours === theirs || isStricter
      ? []
      : [`${one.key} = ${one.value}: Felix ${theirs}, model ${ours}`];
  });
  expect(wrong).toEqual([]);
});

test("[ORA6] no older Felix dies of a value that the model takes, apart from nodes, of which a remote sends none", () => {
  const isDeath = (did: Did) => did === "panic" || did === "panic later" || did === "exit";
  const wrong = live.cases.flatMap((one) => {
    const ours = modelDid(one);
    return (["3.31.7", "3.30.7"] as const).flatMap((version) =>
      isDeath(one.did[version]) && ours === "taken" && one.kind !== "Node"
        ? [`${one.key} = ${one.value}: Felix ${version} ${one.did[version]}`]
        : [],
    );
  });
  expect(wrong).toEqual([]);
});
