import fc from "fast-check";
import { expect, test } from "vitest";

import { ImportPlaces } from "../../../../relay/services/mcs/import-places.ts";
import { derivedKey, Imports } from "../../../../relay/services/mcs/imports.ts";
import { ServiceTable } from "../../../../relay/services/service-table.ts";
import type { ServiceExport } from "../../../../shared/record/record.ts";
import { FederatedWorld, service } from "../../../support/federated.ts";

const LIMIT = 3;

/** What has a place, worked out anew. */
function oldest(exports: ReadonlyMap<string, number>): string[] {
  return [...exports]
    .toSorted(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))
    .slice(0, LIMIT)
    .map(([key]) => key)
    .toSorted();
}

test("[MCS11] whatever comes and goes, in whatever order: the oldest have the places, and each that gains or loses one is told", () => {
  const change = fc.record({ key: fc.nat(20), createdMs: fc.nat(6), isPut: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const places = new ImportPlaces(LIMIT);
      const exports = new Map<string, number>();
      let had = oldest(exports);
      for (const { key: n, createdMs, isPut } of changes) {
        const key = `shop/${n}`;
        const told = isPut ? places.put(key, createdMs) : places.delete(key);
        if (isPut) exports.set(key, createdMs);
        else exports.delete(key);
        const have = oldest(exports);
        expect([...exports.keys()].filter((one) => places.has(one)).toSorted()).toEqual(have);
        expect([...exports.keys()].filter((one) => places.isOver(one)).length).toBe(
          exports.size - have.length,
        );
        const moved = [...new Set([...had, ...have])].filter(
          (one) => had.includes(one) !== have.includes(one),
        );
        expect(told).toEqual(expect.arrayContaining(moved.filter((one) => one !== key)));
        expect(places.size).toBe(exports.size);
        had = have;
      }
    }),
  );
});

const exportOf = (name: string, createdMs: number): ServiceExport => ({
  kind: "ServiceExport",
  namespace: "shop",
  name,
  createdMs,
  labels: {},
  annotations: {},
});

test("[MCS11] 1,200 exports of one cluster: 1,000 imports, and the next oldest when one goes; another cluster's and one's own are not counted", () => {
  const [own, many, other] = [
    new ServiceTable(true),
    new ServiceTable(false),
    new ServiceTable(false),
  ];
  const tables = { app: own, b: many, c: other };
  const imports = new Imports(() =>
    Object.entries(tables).map(([name, table]) => ({
      name,
      rcc: name === "app" ? null : name,
      table,
      lostMs: null,
    })),
  );
  own.apply("put", { kind: "Profile", name: "kns.shop", labels: {} });
  const put = (table: ServiceTable, name: string, createdMs: number): void => {
    table.apply("put", service(name, {}));
    table.apply("put", exportOf(name, createdMs));
    imports.onTouched("shop", name);
  };
  const key = (name: string): string => derivedKey({ namespace: "shop", name });
  // The youngest first: what has a place at the end is the same.
  for (let i = 1_199; i >= 0; i--) put(many, `db-${i}`, i);
  expect(imports.keys()).toHaveLength(1_000);
  expect(imports.nameOf(key("db-999"))).not.toBeNull();
  expect(imports.nameOf(key("db-1000"))).toBeNull();
  expect(imports.isOver("b", key("db-1000"))).toBe(true);
  expect(imports.overBound()).toEqual([{ rcc: "b", exported: 1_200, imported: 1_000 }]);
  put(other, "db-1100", 5_000);
  put(own, "db-1101", 5_000);
  expect(imports.keys()).toHaveLength(1_002);
  // Of the import it counts with nothing: not even a conflict.
  expect(imports.of(key("db-1100"))?.merged.clusters).toEqual(["c"]);
  many.apply("delete", exportOf("db-3", 3));
  const told = imports.onTouched("shop", "db-3");
  expect(told.toSorted()).toEqual([key("db-3"), key("db-1000")].toSorted());
  expect(imports.keys()).toHaveLength(1_002);
  expect(imports.isOver("b", key("db-1000"))).toBe(false);
});

test("[MCS11] what has no place leaves, although its cluster has not told everything; what is not named stays", () => {
  const world = new FederatedWorld();
  world.put(null, { kind: "Profile", name: "kns.shop", labels: {} });
  for (let i = 0; i <= 1_000; i++) world.put("b", service(`db-${i}`, {}), exportOf(`db-${i}`, i));
  world.incomplete.add("b");
  const held = [{ name: "x", group: "", cluster: "b", ports: [], addresses: [] }];
  const filling = (name: string) =>
    world.services.filling(derivedKey({ namespace: "shop", name }), held).kind;
  expect([filling("db-999"), filling("db-1000"), filling("untold")]).toEqual([
    "filled",
    "none",
    "waiting",
  ]);
});
