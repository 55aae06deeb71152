/**
 * What the hub's stores rely on of `SqlDatabase`, as tests that run on each implementation: Node's
 * SQLite (`sql-database.test.ts`) and a Durable Object's (`test/workerd/durable-sql.test.ts`).
 */
import { expect, test } from "vitest";

import type { SqlDatabase, SqlValue } from "../../worker/storage/sql.ts";

/** Gives `work` a database without tables, and takes it away afterwards. */
export type WithSql = (work: (sql: SqlDatabase) => void) => Promise<void> | void;

const TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY, value)";

export function sqlDatabaseContract(name: string, withSql: WithSql): void {
  const check = (title: string, work: (sql: SqlDatabase) => void): void =>
    test(`[LOG46] ${name}: ${title}`, () => withSql(work));

  check("each kind of value comes back as it was put", (sql) => {
    sql.run(TABLE);
    const values: readonly SqlValue[] = [
      null,
      "",
      "a'b\u0000c é 😀",
      0,
      -7,
      0.25,
      2 ** 40 + 1,
      Number.MAX_SAFE_INTEGER,
      new Uint8Array(),
      new Uint8Array([0, 255, 7]),
    ];
    for (const [id, value] of values.entries()) sql.run("INSERT INTO t VALUES (?, ?)", id, value);
    const read = sql.run("SELECT value FROM t ORDER BY id").map((row) => row["value"]);
    expect(read).toEqual(values);
    for (const [id, value] of read.entries())
      expect(value instanceof Uint8Array, `value ${id}`).toBe(values[id] instanceof Uint8Array);
  });

  check("of a view into a larger buffer the view is stored", (sql) => {
    sql.run(TABLE);
    sql.run("INSERT INTO t VALUES (1, ?)", new Uint8Array([1, 2, 3, 4, 5]).subarray(1, 3));
    expect(sql.run("SELECT value FROM t")[0]?.["value"]).toEqual(new Uint8Array([2, 3]));
  });

  check("what was read is not changed by what is written later", (sql) => {
    sql.run(TABLE);
    sql.run("INSERT INTO t VALUES (1, ?)", new Uint8Array([1]));
    const rows = sql.run("SELECT * FROM t");
    sql.run("UPDATE t SET value = ?", new Uint8Array([2]));
    expect(rows.map((row) => ({ ...row }))).toEqual([{ id: 1, value: new Uint8Array([1]) }]);
  });

  check("parameters may be numbered, and used twice", (sql) => {
    sql.run(TABLE);
    const upsert =
      "INSERT INTO t VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET value = ?2 RETURNING value";
    for (const text of ["one", "two"])
      expect(sql.run(upsert, 1, text).map((row) => row["value"])).toEqual([text]);
    expect(sql.run("SELECT count(*) AS n FROM t")[0]?.["n"]).toBe(1);
  });

  check("a statement without rows answers an empty list", (sql) => {
    expect(sql.run(TABLE)).toEqual([]);
    expect(sql.run("INSERT INTO t VALUES (1, 1)")).toEqual([]);
    expect(sql.run("SELECT * FROM t WHERE id = 2")).toEqual([]);
    expect(sql.run("DELETE FROM t WHERE id = 2 RETURNING 1")).toEqual([]);
  });

  check("a transaction answers what its work answers, and keeps what it wrote", (sql) => {
    sql.run(TABLE);
    expect(
      sql.transaction(() => {
        sql.run("INSERT INTO t VALUES (1, 'kept')");
        return sql.run("SELECT value FROM t").length;
      }),
    ).toBe(1);
    expect(sql.run("SELECT value FROM t")[0]?.["value"]).toBe("kept");
  });

  check(
    "a transaction that throws leaves nothing, tables included, and the next one works",
    (sql) => {
      sql.run(TABLE);
      const reason = new Error("stop");
      const broken = (): never =>
        sql.transaction(() => {
          sql.run("INSERT INTO t VALUES (1, 1)");
          sql.run("CREATE TABLE other (id INTEGER)");
          throw reason;
        });
      expect(broken).toThrow(reason);
      expect(broken).toThrow(reason);
      expect(sql.run("SELECT * FROM t")).toEqual([]);
      sql.transaction(() => sql.run("CREATE TABLE other (id INTEGER)"));
      expect(sql.run("SELECT * FROM other")).toEqual([]);
    },
  );

  test(`[LOG66] ${name}: work that answers a promise throws, and leaves nothing`, () =>
    withSql((sql) => {
      sql.run(TABLE);
      const late = (): unknown =>
        sql.transaction(async () => {
          sql.run("INSERT INTO t VALUES (1, 1)");
          await Promise.resolve();
        });
      expect(late).toThrow("the work of a transaction is asynchronous");
      expect(sql.run("SELECT * FROM t")).toEqual([]);
    }));

  check("a wrong statement, a broken rule of the schema and a missing parameter throw", (sql) => {
    sql.run("CREATE TABLE t (id INTEGER PRIMARY KEY, value TEXT NOT NULL)");
    sql.run("INSERT INTO t VALUES (1, 'one')");
    expect(() => sql.run("SELECT missing FROM t")).toThrow(/no such column/);
    expect(() => sql.run("INSERT INTO t VALUES (1, 'two')")).toThrow(/UNIQUE/);
    expect(() => sql.run("INSERT INTO t VALUES (2, ?)", null)).toThrow(/NOT NULL/);
    expect(sql.run("SELECT value FROM t").map((row) => row["value"])).toEqual(["one"]);
  });
}
