/**
 * Nothing that an origin can publish hurts the Felix of another cluster: random and mutated values
 * through the real parts, judged by the model.
 */
import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { natPool } from "../../relay/felix/felix-values.ts";
import { NatPools } from "../../relay/view/nat-pools.ts";
import { keyOf } from "../../shared/record/key.ts";
import { effectOf, FelixModel } from "../support/felix-model/model.ts";
import type { FelixUpdate, Outcome } from "../support/felix-model/model.ts";
import { pool } from "../support/records.ts";
import { rounds } from "../support/rounds.ts";
import { isRemoteKey, RCC, throughMesh, throughRelay } from "./mesh-path.ts";
import type { Passed } from "./mesh-path.ts";
import { Random } from "./random.ts";
import { randomBytes } from "./values.ts";

const VALUES = rounds(30_000, 120_000);

interface Base {
  readonly felixHostname: string;
  readonly baseKVs: readonly { readonly key: string; readonly value: string }[];
}

/**
 * A cluster with policies of every kind of match, VXLAN and a pod; Felix compares with what is
 * there now.
 */
function localCluster(): FelixModel {
  const file = new URL("../fixtures/golden/felix/bad-values.json", import.meta.url);
  const { felixHostname, baseKVs } = JSON.parse(readFileSync(file, "utf8")) as Base;
  const model = new FelixModel(felixHostname);
  model.apply(baseKVs);
  model.start();
  return model;
}

/**
 * What of a state is local: members, routes and pools of the hostile cluster's own addresses may
 * come and go.
 */
function localPart(outcome: Outcome): unknown {
  const isTheirs = (text: string) => /^(10\.66\.|fd00:66:|192\.0\.2\.2[12][/,])/.test(text);
  return {
    ...outcome,
    ipSets: Object.fromEntries(
      Object.entries(outcome.ipSets).map(([set, members]) => [
        set,
        members.filter((member) => !isTheirs(member)),
      ]),
    ),
    routes: outcome.routes.filter((route) => !isTheirs(String(route["dst"]))),
    pools: Object.fromEntries(Object.entries(outcome.pools).filter(([id]) => !isTheirs(id))),
  };
}

/** Pools are decided on together, as in a relay: the rest goes to Felix as it is. */
class WithPools {
  readonly #cidrs = new Map<string, string>();
  readonly #pools = new NatPools();
  batch: FelixUpdate[] = [];

  constructor() {
    this.#pools.setLocal(["10.65.0.0/16"]);
    this.#pools.subscribe((changes) => {
      for (const { op, cidr } of changes) {
        const { key, value } = natPool(cidr);
        this.batch.push({ key, value: op === "put" ? JSON.stringify(value) : null });
      }
    });
  }

  put(update: FelixUpdate): void {
    if (!update.key.includes("/pool/")) {
      this.batch.push(update);
      return;
    }
    const { cidr } = JSON.parse(update.value ?? "") as { readonly cidr: string };
    this.#cidrs.set(update.key, cidr);
    this.#serve("put", cidr);
  }

  delete(key: string): void {
    const cidr = this.#cidrs.get(key);
    if (cidr === undefined) this.batch.push({ key, value: null });
    else this.#serve("delete", cidr);
  }

  #serve(op: "put" | "delete", cidr: string): void {
    const record = pool(cidr);
    const held = { key: keyOf(record), record, revision: 1 };
    this.#pools.onServed([{ rcc: RCC, op, held, isNew: op === "put" }]);
  }
}

/** Sends values on to a Felix, and answers how many ended where. */
function run(
  count: number,
  seed: number,
  path: (bytes: Uint8Array) => Passed,
  model: FelixModel,
): Readonly<Record<Passed["at"], number>> {
  const random = new Random(seed);
  const ends = { hub: 0, quarantine: 0, relay: 0, kept: 0, felix: 0 };
  const sent = new WithPools();
  const keys: string[] = [];
  for (let i = 0; i < count; i++) {
    const passed = path(randomBytes(random));
    ends[passed.at]++;
    if (passed.at !== "felix") continue;
    const { update } = passed;
    const effect = effectOf(update);
    if (effect.is !== "taken" || !isRemoteKey(update.key))
      expect.fail(`value ${i}: ${JSON.stringify(update)} ${JSON.stringify(effect)}`);
    sent.put(update);
    keys.push(update.key);
    // Some go again: what Felix took may still be what it cannot let go of.
    if (random.chance(0.3)) sent.delete(random.pick(keys));
    if (sent.batch.length < 2_000) continue;
    model.apply(sent.batch);
    sent.batch = [];
    expect(model.exit).toBe(null);
  }
  model.apply(sent.batch);
  expect(model.exit).toBe(null);
  return ends;
}

test(`[ORA2] ${VALUES} random and mutated values through hub and relay: no panic, no drop, no local key, no local difference`, () => {
  const model = localCluster();
  const before = localPart(model.outcome());
  const ends = run(VALUES, 20_261_121, throughMesh, model);
  expect(localPart(model.outcome())).toEqual(before);
  // The run is worth something only if much of it gets far.
  expect(ends.felix).toBeGreaterThan(VALUES / 15);
  expect(ends.hub).toBeGreaterThan(VALUES / 10);
  expect(ends.quarantine).toBeGreaterThan(VALUES / 20);
});

test("[ORA2] 30000 values past a hub that refuses nothing: the relay alone keeps them from a Felix, and from local addresses", () => {
  const model = localCluster();
  const before = model.outcome();
  const ends = run(30_000, 7, throughRelay, model);
  expect(ends.relay).toBeGreaterThan(300);
  const after = model.outcome();
  const isLocal = (text: string) => /^(10\.65\.|192\.0\.2\.11[/,])/.test(text);
  for (const [set, members] of Object.entries(before.ipSets))
    expect(after.ipSets[set]?.filter(isLocal), set).toEqual(members.filter(isLocal));
  const routes = (of: Outcome) => of.routes.filter(({ dst }) => isLocal(String(dst)));
  expect(routes(after)).toEqual(routes(before));
  expect({ ...after, ipSets: {}, routes: [], pools: {} }).toEqual({
    ...before,
    ipSets: {},
    routes: [],
    pools: {},
  });
});
