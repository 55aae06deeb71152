/** How SQLite finds the rows of each statement that the hub's stores run. */
import { DatabaseSync } from "node:sqlite";

import { expect, test } from "vitest";

import { SqliteLogStore } from "../../../worker/origin/log/sqlite-log-store.ts";
import type { SqlDatabase, SqlValue } from "../../../worker/storage/sql.ts";
import { nodeSql } from "../../support/node-sql.ts";
import { logStoreCalls, meshStoreCalls, STORED } from "../../support/store-calls.ts";

interface Planned {
  readonly statement: string;
  readonly steps: readonly string[];
}

/** The plans of all statements that `calls` runs on what they have filled. */
function plansOf(calls: (sql: SqlDatabase) => readonly { call: () => unknown }[]): Planned[] {
  const database = new DatabaseSync(":memory:");
  const plain = nodeSql(database);
  const seen = new Map<string, readonly SqlValue[]>();
  let isWatched = false;
  const made = calls({
    transaction: (work) => plain.transaction(work),
    run: (statement, ...values) => {
      if (isWatched) seen.set(statement, values);
      return plain.run(statement, ...values);
    },
  });
  isWatched = true;
  for (const { call } of made) call();
  return [...seen].map(([statement, values]) => ({
    statement,
    steps: database
      .prepare(`EXPLAIN QUERY PLAN ${statement}`)
      .all(...values)
      .map((row) => String(row["detail"])),
  }));
}

const scans = ({ steps }: Planned): boolean => steps.some((step) => step.startsWith("SCAN"));

test("[LOG45] every statement finds its rows by a key, or by a range of one", () => {
  const wiped = (sql: SqlDatabase): readonly { call: () => unknown }[] => {
    logStoreCalls(sql);
    const store = new SqliteLogStore(sql);
    return [{ call: () => store.wipeLog(100 * STORED) }];
  };
  const plans = [logStoreCalls, meshStoreCalls, wiped].flatMap(plansOf);
  expect(plans.length).toBeGreaterThan(20);
  expect(plans.filter(scans)).toEqual([]);
});

test("[LOG45] a statement without an index is noticed", () => {
  const plans = plansOf((sql) => {
    const calls = logStoreCalls(sql);
    return [...calls, { call: () => sql.run("SELECT id FROM frames WHERE revision = ?", 7) }];
  });
  expect(plans.filter(scans)).toMatchObject([
    { statement: "SELECT id FROM frames WHERE revision = ?" },
  ]);
});
