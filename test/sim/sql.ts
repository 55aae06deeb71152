/**
 * SQLite in memory that can be copied, put back to an older copy, and made to fail in the middle of
 * a transaction, as a full disk does.
 */
import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";

import { requireSync } from "../../worker/storage/sql.ts";
import type { SqlDatabase, SqlRow, SqlValue } from "../../worker/storage/sql.ts";

/** Thrown for a disk that is full: the only exception that a run may see. */
export class DiskFull extends Error {}

/** Statements that make the tables and indexes, and the rows of every table, by its name. */
export interface SqlCopy {
  readonly schema: readonly string[];
  readonly rows: ReadonlyMap<string, readonly SqlRow[]>;
}

const NOTHING: SqlCopy = { schema: [], rows: new Map() };

export class SimSql implements SqlDatabase {
  readonly #database = new DatabaseSync(":memory:");
  readonly #statements = new Map<string, StatementSync>();
  /** Writes that are left before the disk is full; `null` while it is not. */
  writesLeft: number | null = null;

  run(statement: string, ...values: readonly SqlValue[]): SqlRow[] {
    if (this.writesLeft !== null && /^(INSERT|UPDATE|DELETE)/.test(statement)) {
      if (this.writesLeft === 0) throw new DiskFull("database or disk is full");
      this.writesLeft--;
    }
    let prepared = this.#statements.get(statement);
    if (prepared === undefined) {
      prepared = this.#database.prepare(statement);
      this.#statements.set(statement, prepared);
    }
    return prepared.all(...values) as SqlRow[];
  }

  transaction<T>(work: () => T): T {
    this.#database.exec("BEGIN");
    try {
      const result = requireSync(work());
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  copy(): SqlCopy {
    const schema = this.run("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid");
    return {
      schema: schema.map(({ sql }) => String(sql)),
      rows: new Map(this.#tables().map((table) => [table, this.run(`SELECT * FROM ${table}`)])),
    };
  }

  /** Puts an older copy back, or forgets everything. */
  putBack(copy: SqlCopy | null): void {
    const { schema, rows } = copy ?? NOTHING;
    this.transaction(() => {
      const tables = this.#tables();
      // A statement that is open keeps its table.
      this.#statements.clear();
      for (const table of tables) this.#database.exec(`DROP TABLE ${table}`);
      for (const statement of schema) this.#database.exec(statement);
      for (const [table, copied] of rows) for (const row of copied) this.#insert(table, row);
    });
  }

  #insert(table: string, row: SqlRow): void {
    const columns = Object.keys(row);
    const marks = columns.map(() => "?").join(", ");
    this.run(
      `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${marks})`,
      ...Object.values(row),
    );
  }

  close(): void {
    this.#database.close();
  }

  #tables(): string[] {
    return this.run("SELECT name FROM sqlite_master WHERE type = 'table'").map((row) =>
      String(row["name"]),
    );
  }
}
