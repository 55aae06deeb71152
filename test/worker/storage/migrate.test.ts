import { expect, test } from "vitest";

import { addColumn, migrate } from "../../../worker/storage/sql.ts";
import { nodeSql } from "../../support/node-sql.ts";

const STEPS = [
  ["CREATE TABLE a (x INTEGER)", "INSERT INTO a VALUES (1)"],
  ["ALTER TABLE a ADD COLUMN y INTEGER DEFAULT 7"],
  ["CREATE TABLE b (x INTEGER)"],
];

test("[VER3] storage is upgraded by the steps that it lacks, once, and the version before runs on what this one wrote", () => {
  const sql = nodeSql();
  migrate(sql, STEPS.slice(0, 1));
  migrate(sql, STEPS.slice(0, 2));
  migrate(sql, STEPS.slice(0, 2));
  expect(sql.run("SELECT x, y FROM a").map((row) => ({ ...row }))).toEqual([{ x: 1, y: 7 }]);
  migrate(sql, STEPS.slice(0, 1));
  sql.run("INSERT INTO a (x) VALUES (2)");
  migrate(sql, STEPS.slice(0, 2));
  expect(sql.run("SELECT y FROM a WHERE x = 2").map((row) => ({ ...row }))).toEqual([{ y: 7 }]);
});

test("[VER3] storage that is two versions ahead is refused by name, untouched", () => {
  const sql = nodeSql();
  migrate(sql, STEPS);
  expect(() => migrate(sql, STEPS.slice(0, 1))).toThrow(
    "storage was written by a newer version (schema step 3, this one knows 1)",
  );
  migrate(sql, STEPS);
});

test("[VER2] a column beside the steps is added once, and no program sees it that does not ask for it", () => {
  const sql = nodeSql();
  for (let start = 0; start < 2; start++) {
    migrate(sql, STEPS.slice(0, 1));
    addColumn(sql, "a", "y", "INTEGER NOT NULL DEFAULT 7");
  }
  expect(sql.run("SELECT x, y FROM a").map((row) => ({ ...row }))).toEqual([{ x: 1, y: 7 }]);
  expect(sql.run("SELECT step FROM schema_steps")).toHaveLength(1);
  sql.run("INSERT INTO a (x) VALUES (2)");
});
