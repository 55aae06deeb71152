/** What the hub's statements read, as SQLite itself counts it: rows read are a unit of the bill. */
import { expect, test } from "vitest";

import { logStoreCalls, meshStoreCalls } from "../support/store-calls.ts";
import { withDurableSql } from "./durable-storage.ts";

for (const [store, callsOf] of [
  ["log", logStoreCalls],
  ["registry", meshStoreCalls],
] as const)
  test(`[LOG45] no call of the ${store} reads more rows than it is about`, () =>
    withDurableSql(({ sql, rowsRead }) => {
      const over: Record<string, string> = {};
      for (const { name, call, most } of callsOf(sql)) {
        const before = rowsRead();
        call();
        const read = rowsRead() - before;
        if (read > most) over[name] = `${read} rows read, at most ${most} expected`;
      }
      expect(over).toEqual({});
    }));

test("[LOG45] a statement that reads a whole table is noticed", () =>
  withDurableSql(({ sql, rowsRead }) => {
    logStoreCalls(sql);
    const before = rowsRead();
    sql.run("SELECT revision FROM frames WHERE revision = 7");
    expect(rowsRead() - before).toBeGreaterThan(300);
  }));
