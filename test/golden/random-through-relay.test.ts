/**
 * The 150 random cases through the relay: each remote key/value becomes its origin's record, goes
 * through the encoding that travels and what a relay makes of it, and into the model of Felix. Its
 * IP sets must be those that the real one had, in every step.
 */
import { expect, test } from "vitest";

import { felixValue } from "../../relay/felix/felix-values.ts";
import { encodeRecord, decodeRecord } from "../../shared/record/encoding.ts";
import { FelixModel } from "../support/felix-model/model.ts";
import type { FelixUpdate } from "../support/felix-model/model.ts";
import { identityRecord } from "../support/felix-model/to-record.ts";
import type { RecordedKv } from "../support/felix-model/to-record.ts";
import { readRandomCases, readRandomCluster, sorted } from "../support/random-cases.ts";
import type { Delta, RandomCluster } from "../support/random-cases.ts";

interface Cluster extends RandomCluster {
  readonly policies: readonly RecordedKv[];
}

const cluster = readRandomCluster() as Cluster;

const updateOf = ({ key, value }: RecordedKv): FelixUpdate => ({
  key,
  value: value === null ? null : typeof value === "string" ? value : JSON.stringify(value),
});

function throughRelay(kv: RecordedKv): FelixUpdate {
  const read = identityRecord(kv);
  if (read === null || read.rcc === "") throw new Error(`${kv.key} is not a remote's`);
  const travelled = decodeRecord(encodeRecord(read.record));
  if (!travelled.ok) throw new Error(`${kv.key}: ${travelled.error.field} ${travelled.error.rule}`);
  const felix = felixValue(read.rcc, travelled.record);
  return { key: felix?.key ?? "", value: kv.value === null ? null : JSON.stringify(felix?.value) };
}

/**
 * Set id → members. The model names a set by the rule; rules of one selector and port have one set.
 */
function setsOf(model: FelixModel): Map<string, readonly string[]> {
  const sets = new Map<string, readonly string[]>();
  for (const [name, members] of Object.entries(model.outcome().ipSets)) {
    const at = name.indexOf(": ");
    const port = / named port (\S+)$/.exec(name.slice(0, at))?.[1];
    const set = cluster.sets.find(
      ({ selector, namedPort, protocol }) =>
        selector === name.slice(at + 2) &&
        port === (namedPort === undefined ? undefined : `${namedPort}/${protocol}`),
    );
    sets.set(set?.set ?? name, members);
  }
  return sets;
}

function entered(
  from: ReadonlyMap<string, readonly string[]>,
  to: ReadonlyMap<string, readonly string[]>,
): Delta {
  const delta: Record<string, string[]> = {};
  for (const [set, members] of to)
    for (const member of members)
      if (from.get(set)?.includes(member) !== true) (delta[member] ??= []).push(set);
  return sorted(delta);
}

test("[ORA5] a Felix behind the relay has the IP sets of the real one, in every step of 150 random cases", () => {
  const cases = readRandomCases();
  for (const { seed, steps } of cases) {
    const model = new FelixModel(cluster.felixHostname);
    model.apply([...cluster.kvs, ...cluster.policies].map(updateOf));
    model.start();
    let before = setsOf(model);
    expect(new Map(cluster.sets.map(({ set, members }) => [set, members]))).toEqual(before);
    for (const [i, { kvs, add, remove }] of steps.entries()) {
      const effects = model.apply(kvs.map(throughRelay));
      expect(effects.filter(({ is }) => is !== "taken" && is !== "deleted")).toEqual([]);
      const after = setsOf(model);
      expect(
        { add: entered(before, after), remove: entered(after, before) },
        `case ${seed}, step ${i}`,
      ).toEqual({ add: sorted(add), remove: sorted(remove) });
      before = after;
    }
  }
});
