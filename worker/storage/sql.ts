/**
 * The part of SQLite that the hub's stores use, synchronous, so that the same store runs in a
 * Durable Object and on `node:sqlite`. Blobs are `Uint8Array` both ways. [LOG46]
 */
export type SqlValue = string | number | null | Uint8Array;
export type SqlRow = Readonly<Record<string, SqlValue>>;

export interface SqlDatabase {
  /** Runs one statement; answers its rows (an empty list for statements without any). */
  run(statement: string, ...values: readonly SqlValue[]): SqlRow[];
  /**
   * Runs `work` in one transaction: committed when it returns, rolled back when it throws. Not
   * nested.
   * @throws Error for work that answers a promise: the part after its first `await` would run
   *   outside. [LOG66]
   */
  transaction<T>(work: () => T): T;
}

/** For implementations of `transaction`. @throws Error for a promise. [LOG66] */
export function requireSync<T>(result: T): T {
  if (result instanceof Promise) throw new Error("BUG: the work of a transaction is asynchronous");
  return result;
}

interface ColumnTypes {
  readonly integer: number;
  readonly text: string;
  readonly blob: Uint8Array;
}

type ColumnType = keyof ColumnTypes;
type Columns = Readonly<Record<string, ColumnType>>;
type Parameters<P extends readonly ColumnType[]> = { readonly [I in keyof P]: ColumnTypes[P[I]] };
type Row<C extends Columns> = { readonly [N in keyof C]: ColumnTypes[C[N]] };

/** A statement whose parameters and columns have types, checked when rows are read. */
export interface Statement<P extends readonly ColumnType[], C extends Columns> {
  /** @throws Error for a row with a value of another type: the storage is corrupt. */
  all(sql: SqlDatabase, ...values: Parameters<P>): Row<C>[];
  /** The first row. */
  first(sql: SqlDatabase, ...values: Parameters<P>): Row<C> | undefined;
}

export function statement<const P extends readonly ColumnType[], const C extends Columns>(
  text: string,
  parameters: P,
  columns: C,
): Statement<P, C> {
  const names = Object.entries<ColumnType>(columns);
  const read = (row: SqlRow): Row<C> => {
    for (const [name, type] of names)
      if (!isOfType(row[name], type))
        throw new Error(`BUG: column ${name} of "${text}" is not of type ${type}`);
    return row as Row<C>;
  };
  const all = (sql: SqlDatabase, ...values: readonly SqlValue[]): Row<C>[] =>
    sql.run(text, ...values).map(read);
  return { all, first: (sql, ...values) => all(sql, ...values)[0] };
}

function isOfType(value: SqlValue | undefined, type: ColumnType): boolean {
  if (type === "blob") return value instanceof Uint8Array;
  return typeof value === (type === "integer" ? "number" : "string");
}

/**
 * A step only adds (a table, a column with a default), so that the version before runs on storage
 * that this one has written: a hub is downgraded by putting the old program back. Two versions are
 * too far. [VER3]
 */
const STEPS_AHEAD = 1;

const APPLIED_STEPS = statement("SELECT COALESCE(MAX(step), 0) AS applied FROM schema_steps", [], {
  applied: "integer",
});

/** Creates and upgrades a schema: applies the steps that `schema_steps` lacks, in order. */
export function migrate(sql: SqlDatabase, steps: readonly string[][]): void {
  sql.run("CREATE TABLE IF NOT EXISTS schema_steps (step INTEGER PRIMARY KEY)");
  const applied = APPLIED_STEPS.first(sql)?.applied ?? 0;
  if (applied > steps.length + STEPS_AHEAD)
    throw new Error(
      `storage was written by a newer version (schema step ${applied}, this one knows ${steps.length})`,
    );
  for (let step = applied; step < steps.length; step++)
    sql.transaction(() => {
      for (const text of steps[step] ?? []) sql.run(text);
      sql.run("INSERT INTO schema_steps (step) VALUES (?)", step + 1);
    });
}

/**
 * Adds a column that is not there yet, beside the steps: a version before that refuses storage
 * ahead of it does not see it, and runs on. [VER2]
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
