import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { expect, test } from "vitest";

import { SqlMeshStore } from "../../../worker/mesh/mesh-store.ts";
import type { MeshStore } from "../../../worker/mesh/mesh-store.ts";
import { nodeSql } from "../../support/node-sql.ts";
import { MemoryMeshStore } from "./support.ts";

const STORES: readonly (readonly [string, () => MeshStore])[] = [
  ["memory", () => new MemoryMeshStore()],
  ["sqlite", () => new SqlMeshStore(nodeSql())],
];

for (const [name, make] of STORES) {
  test(`[VIS28] ${name} store: what was put is got, and replaced by the next put`, () => {
    const store = make();
    expect(store.get("counters", "a")).toBeUndefined();
    store.transaction(() => store.put("counters", "a", { value: 1 }));
    store.transaction(() => store.put("counters", "a", { value: 2 }));
    expect(store.get("counters", "a")).toEqual({ value: 2 });
    expect(store.get("names", "a")).toBeUndefined();
  });

  test(`[VIS28] ${name} store: a list has the rows of its prefix only, in the order of their ids`, () => {
    const store = make();
    expect(store.list("grants")).toEqual([]);
    expect(store.count("grants")).toBe(0);
    store.transaction(() => {
      for (const id of ["b/2", "a/1", "b/1", "bb/1"]) store.put("grants", id, { createdMs: 0 });
    });
    expect(store.list("grants", "b/").map(([id]) => id)).toEqual(["b/1", "b/2"]);
    expect(store.list("grants").map(([id]) => id)).toEqual(["a/1", "b/1", "b/2", "bb/1"]);
    expect(store.count("grants", "b")).toBe(3);
    store.transaction(() => store.delete("grants", "b/1"));
    expect(store.count("grants", "b/")).toBe(1);
  });

  test(`[VIS28] ${name} store: a transaction that throws leaves nothing behind`, () => {
    const store = make();
    store.transaction(() => store.put("counters", "a", { value: 1 }));
    expect(() =>
      store.transaction(() => {
        store.put("counters", "a", { value: 2 });
        store.put("counters", "b", { value: 2 });
        throw new Error("stop");
      }),
    ).toThrow("stop");
    expect(store.list("counters")).toEqual([["a", { value: 1 }]]);
  });
}

test("[VIS28] the registry is there again after its database was closed", () => {
  const path = join(mkdtempSync(join(tmpdir(), "catwalk-")), "mesh.sqlite");
  const database = new DatabaseSync(path);
  const store = new SqlMeshStore(nodeSql(database));
  store.transaction(() => store.put("names", "db", { uid: "1" }));
  database.close();
  expect(new SqlMeshStore(nodeSql(new DatabaseSync(path))).get("names", "db")).toEqual({
    uid: "1",
  });
});

test("[VIS28] asking for a mesh that never was writes nothing", () => {
  const sql = nodeSql();
  const store = new SqlMeshStore(sql);
  expect([store.get("mesh", "mesh"), store.list("names"), store.count("names")]).toEqual([
    undefined,
    [],
    0,
  ]);
  expect(sql.run("SELECT name FROM sqlite_master")).toEqual([]);
});

test("[VIS47] a row that does not fit its schema is an error that names it, and never counts as absent", () => {
  const sql = nodeSql();
  const store = new SqlMeshStore(sql);
  store.transaction(() => store.put("grants", "a/b", { createdMs: 7 }));
  const damage = (body: string) => sql.run("UPDATE registry SET body = ?", body);
  damage('{"createdMs":"7"}');
  const damaged = /^the registry is damaged: grants a\/b: createdMs: /;
  expect(() => new SqlMeshStore(sql).get("grants", "a/b")).toThrow(damaged);
  expect(() => new SqlMeshStore(sql).list("grants")).toThrow(damaged);
  damage("{");
  expect(() => new SqlMeshStore(sql).get("grants", "a/b")).toThrow("must be JSON");
  // A field of a newer version stays where an older one writes the row back.
  damage('{"createdMs":7,"until":9}');
  expect(new SqlMeshStore(sql).get("grants", "a/b")).toEqual({ createdMs: 7, until: 9 });
});
