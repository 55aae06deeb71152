/** Which pools Felix is given so that it does not source-NAT towards other clusters. */
import fc from "fast-check";
import { expect, test } from "vitest";

import { NatPools } from "../../../relay/view/nat-pools.ts";
import type { NatPoolChange } from "../../../relay/view/nat-pools.ts";
import type { ServedChange } from "../../../relay/view/serving.ts";
import { cidrsOverlap, parseCidr } from "../../../shared/ip/cidr.ts";
import type { Cidr } from "../../../shared/ip/cidr.ts";
import { keyOf } from "../../../shared/record/key.ts";
import { pool } from "../../support/records.ts";

function served(rcc: string, op: "put" | "delete", cidr: string): ServedChange {
  const record = pool(cidr);
  return { rcc, op, held: { key: keyOf(record), record, revision: 1 }, isNew: op === "put" };
}

const reader = (name: string, ...pools: string[]) => ({ cluster: { uid: name, name }, pools });

/** What Felix has, by the changes that it was told. */
function felixOf(pools: NatPools) {
  const held = new Set<string>();
  const told: NatPoolChange[] = [];
  pools.subscribe((changes) => {
    for (const change of changes) {
      told.push(change);
      if (change.op === "put") held.add(change.cidr);
      else held.delete(change.cidr);
      const parsed = [...held].map((cidr) => parseCidr(cidr) as Cidr);
      // At no moment two that overlap: they would end Felix's nftables mode.
      for (const [i, one] of parsed.entries())
        for (const other of parsed.slice(i + 1)) expect(cidrsOverlap(one, other)).toBe(false);
    }
  });
  return { held, told };
}

test("[TYP27] of nested pools of one remote, or of two, the widest is delivered; the narrow one when that goes", () => {
  const pools = new NatPools();
  const { held } = felixOf(pools);
  pools.onServed([served("b", "put", "10.66.8.0/24"), served("b", "put", "10.66.0.0/16")]);
  expect([...held]).toEqual(["10.66.0.0/16"]);
  expect(pools.withheld).toEqual([
    {
      cidr: "10.66.8.0/24",
      reason: "it lies inside 10.66.0.0/16, which Felix has and which exempts it too",
    },
  ]);
  pools.onServed([served("c", "put", "10.64.0.0/12")]);
  expect([...held]).toEqual(["10.64.0.0/12"]);
  pools.onServed([served("c", "delete", "10.64.0.0/12")]);
  pools.onServed([served("b", "delete", "10.66.0.0/16")]);
  expect([...held]).toEqual(["10.66.8.0/24"]);
  expect(pools.withheld).toEqual([]);
});

test("[TYP27] a pool that two want stays until both have let it go", () => {
  const pools = new NatPools();
  const { told } = felixOf(pools);
  pools.onServed([served("b", "put", "10.66.0.0/16")]);
  pools.setReaders([reader("uid-b", "10.66.0.0/16")]);
  pools.onServed([served("b", "delete", "10.66.0.0/16")]);
  expect(told).toEqual([{ op: "put", cidr: "10.66.0.0/16" }]);
  pools.setReaders([]);
  expect(told.at(-1)).toEqual({ op: "delete", cidr: "10.66.0.0/16" });
});

test("[TYP27] a pool that somebody made by hand with a remote's range is not fought: Felix has that one alone, until it goes", () => {
  const pools = new NatPools();
  const { held, told } = felixOf(pools);
  pools.setLocal(["10.66.0.0/16"]);
  pools.onServed([served("b", "put", "10.66.0.0/16")]);
  expect(told).toEqual([]);
  expect(pools.exempts("10.66.0.0/16")).toBe(true);
  pools.setLocal([]);
  expect([...held]).toEqual(["10.66.0.0/16"]);
  pools.setLocal(["10.66.0.0/16"]);
  expect([...held]).toEqual([]);
  expect(told.map(({ op }) => op)).toEqual(["put", "delete"]);
});

test("[VIS32] the pools of readers come, change and go with the facts, and are not told again", () => {
  const pools = new NatPools();
  const { held, told } = felixOf(pools);
  pools.setReaders([reader("a", "10.44.0.0/16", "fd00:44::/48")]);
  pools.setReaders([reader("a", "10.44.0.0/16", "fd00:44::/48")]);
  expect(told).toHaveLength(2);
  pools.setReaders([reader("a", "10.45.0.0/16")]);
  expect([...held]).toEqual(["10.45.0.0/16"]);
});

test.each([
  ["inside a local pool is exempted by that", "10.0.0.0/8", [], []],
  ["around a local pool is withheld, and named", "10.66.3.0/24", [], ["10.66.0.0/16"]],
  ["equal to a local pool is exempted by that", "10.66.0.0/16", [], []],
  ["beside a local pool is delivered", "10.67.0.0/16", ["10.66.0.0/16"], []],
])("[TYP27] a pool %s", (_, local, delivered, withheld) => {
  const pools = new NatPools();
  const { held } = felixOf(pools);
  pools.onServed([served("b", "put", "10.66.0.0/16")]);
  pools.setLocal([local]);
  expect([...held]).toEqual(delivered);
  expect(pools.withheld.map(({ cidr }) => cidr)).toEqual(withheld);
  expect(pools.exempts("10.66.7.0/24")).toBe(local !== "10.66.3.0/24");
  pools.setLocal([]);
  expect([...held]).toEqual(["10.66.0.0/16"]);
});

test("[TYP27] in any order of local, remote and readers' pools Felix has the widest that overlap no local one", () => {
  const cidr = fc.constantFrom(
    "10.0.0.0/8",
    "10.64.0.0/12",
    "10.66.0.0/16",
    "10.66.8.0/24",
    "10.66.9.0/24",
    "10.67.0.0/16",
    "fd00:66::/48",
    "fd00:66:0:1::/64",
  );
  const step = fc.record({
    side: fc.constantFrom("b", "c", "reader", "local"),
    op: fc.constantFrom("put" as const, "delete" as const),
    cidr,
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const pools = new NatPools();
      const { held } = felixOf(pools);
      const wanted = new Map<string, Set<string>>(
        ["b", "c", "reader", "local"].map((side) => [side, new Set()]),
      );
      for (const { side, op, cidr: text } of steps) {
        const of = wanted.get(side) as Set<string>;
        if (op === "put") of.add(text);
        else of.delete(text);
        if (side === "local") pools.setLocal([...of].toSorted());
        else if (side === "reader") pools.setReaders([reader("a", ...of)]);
        else pools.onServed([served(side, op, text)]);
      }
      const overlap = (a: string, b: string): boolean =>
        cidrsOverlap(parseCidr(a) as Cidr, parseCidr(b) as Cidr);
      const all = ["b", "c", "reader"].flatMap((side) => [...(wanted.get(side) as Set<string>)]);
      const local = [...(wanted.get("local") as Set<string>)];
      const free = [...new Set(all)].filter((one) => !local.some((own) => overlap(own, one)));
      const length = (text: string): number => Number(text.split("/")[1]);
      const widest = free.filter(
        (one) => !free.some((other) => overlap(one, other) && length(other) < length(one)),
      );
      expect([...held].toSorted()).toEqual(widest.toSorted());
    }),
  );
});
