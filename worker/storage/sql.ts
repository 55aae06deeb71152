/**
 * The little of SQLite that the hub's stores use, synchronous, so that the same store runs in a Durable Object and on `node:sqlite`.
 * Blobs are `Uint8Array` both ways.
 */
export type SqlValue = string | number | null | Uint8Array;
export type SqlRow = Readonly<Record<string, SqlValue>>;

export interface SqlDatabase {
  /** Runs one statement; answers its rows (an empty list for statements without any). */
  run(statement: string, ...values: readonly SqlValue[]): SqlRow[];
  /** Runs `work` in one transaction: committed when it returns, rolled back when it throws. Not nested. */
  transaction<T>(work: () => T): T;
}

/**
 * A step only adds (a table, a column with a default), so that the version before runs on what this one has written: a hub is downgraded by putting the
 * old program back. Two versions are too far. [VER3]
 */
const STEPS_AHEAD = 1;

/** Creates and upgrades a schema: applies the steps that `user_version`-like bookkeeping says are missing, in order. Append only. */
export function migrate(sql: SqlDatabase, steps: readonly string[][]): void {
  sql.run("CREATE TABLE IF NOT EXISTS schema_steps (step INTEGER PRIMARY KEY)");
  const applied = Number(
    sql.run("SELECT COALESCE(MAX(step), 0) AS applied FROM schema_steps")[0]?.["applied"],
  );
  if (applied > steps.length + STEPS_AHEAD)
    throw new Error(
      `storage was written by a newer version (schema step ${applied}, this one knows ${steps.length})`,
    );
  for (let step = applied; step < steps.length; step++)
    sql.transaction(() => {
      for (const statement of steps[step] ?? []) sql.run(statement);
      sql.run("INSERT INTO schema_steps (step) VALUES (?)", step + 1);
    });
}

/**
 * Adds a column that is not there yet, beside the steps: a version before that knows no storage ahead of it does not see it, and runs on. [VER2]
 * @param definition With a default.
 */
export function addColumn(
  sql: SqlDatabase,
  table: string,
  column: string,
  definition: string,
): void {
  const columns = sql.run(`PRAGMA table_info(${table})`);
  if (columns.some(({ name }) => name === column)) return;
  sql.run(`ALTER TABLE ${table} ADD COLUMN ${column} ${definition}`);
}
