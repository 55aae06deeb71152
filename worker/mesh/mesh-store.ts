/**
 * The registry's storage: typed collections of small rows, synchronous, with one transaction per
 * decision.
 */
import type { SqlDatabase } from "../storage/sql.ts";
import { migrate } from "../storage/sql.ts";
import { COLLECTIONS } from "./registry.ts";
import { readRow } from "./registry-rows.ts";
import type { Collections } from "./registry.ts";

export type CollectionName = keyof Collections;

export interface MeshStore {
  get<N extends CollectionName>(collection: N, id: string): Collections[N] | undefined;
  put<N extends CollectionName>(collection: N, id: string, row: Collections[N]): void;
  delete(collection: CollectionName, id: string): void;
  /** Rows whose id starts with `prefix`, ordered by id. */
  list<N extends CollectionName>(
    collection: N,
    prefix?: string,
  ): readonly (readonly [id: string, row: Collections[N]])[];
  /** At most so many rows whose id is beyond this one, ordered by id. */
  after<N extends CollectionName>(
    collection: N,
    id: string,
    limit: number,
  ): readonly (readonly [id: string, row: Collections[N]])[];
  count(collection: CollectionName, prefix?: string): number;
  /** All of `work`'s writes, or none when it throws. Not nested; every write happens inside one. */
  transaction<T>(work: () => T): T;
}

const SCHEMA = [
  [
    "CREATE TABLE registry (collection INTEGER NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (collection, id)) WITHOUT ROWID",
  ],
];

/**
 * Rows kept as they were read or written, so that facts over hundreds of remotes do not ask the
 * database thousands of times.
 */
const CACHED_ROWS = 50_000;

/** Past every id that starts with the prefix: ids are ASCII. */
const END = "\u{10ffff}";

/**
 * On SQLite, in a Durable Object or on `node:sqlite`. One table for all collections: rows are read
 * by id or by prefix only, so columns would be a second schema to migrate that no query uses.
 */
export class SqlMeshStore implements MeshStore {
  readonly #sql: SqlDatabase;
  /**
   * Asking for a mesh that never was must leave nothing on disk, so the table comes with the first
   * write.
   */
  #isCreated: boolean;
  /** Rows by collection and id, absent ones too. */
  readonly #cache = new Map<string, unknown>();
  /** The text of those of them that lists have read: the same text is the same row. */
  readonly #texts = new Map<string, string>();

  constructor(sql: SqlDatabase) {
    this.#sql = sql;
    this.#isCreated = sql.run("SELECT 1 FROM sqlite_master WHERE name = 'registry'").length > 0;
    if (this.#isCreated) migrate(sql, SCHEMA);
  }

  get<N extends CollectionName>(collection: N, id: string): Collections[N] | undefined {
    if (!this.#isCreated) return undefined;
    const name = `${collection} ${id}`;
    if (this.#cache.has(name)) return this.#cache.get(name) as Collections[N] | undefined;
    const row = this.#sql.run(
      "SELECT body FROM registry WHERE collection = ? AND id = ?",
      COLLECTIONS.indexOf(collection),
      id,
    )[0];
    const read = row === undefined ? undefined : requireRow(collection, id, row["body"]);
    this.#remember(name, read);
    return read;
  }

  put<N extends CollectionName>(collection: N, id: string, row: Collections[N]): void {
    this.#sql.run(
      "INSERT INTO registry (collection, id, body) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
      COLLECTIONS.indexOf(collection),
      id,
      JSON.stringify(row),
    );
    this.#remember(`${collection} ${id}`, row);
  }

  delete(collection: CollectionName, id: string): void {
    if (!this.#isCreated) return;
    this.#sql.run(
      "DELETE FROM registry WHERE collection = ? AND id = ?",
      COLLECTIONS.indexOf(collection),
      id,
    );
    this.#remember(`${collection} ${id}`, undefined);
  }

  list<N extends CollectionName>(
    collection: N,
    prefix = "",
  ): readonly (readonly [string, Collections[N]])[] {
    if (!this.#isCreated) return [];
    return this.#sql
      .run(
        "SELECT id, body FROM registry WHERE collection = ? AND id >= ? AND id < ? ORDER BY id",
        COLLECTIONS.indexOf(collection),
        prefix,
        prefix + END,
      )
      .map((row) => {
        const id = String(row["id"]);
        return [id, this.#parsed(collection, id, String(row["body"]))] as const;
      });
  }

  after<N extends CollectionName>(
    collection: N,
    id: string,
    limit: number,
  ): readonly (readonly [string, Collections[N]])[] {
    if (!this.#isCreated) return [];
    return this.#sql
      .run(
        "SELECT id, body FROM registry WHERE collection = ? AND id > ? ORDER BY id LIMIT ?",
        COLLECTIONS.indexOf(collection),
        id,
        limit,
      )
      .map((row) => {
        const found = String(row["id"]);
        return [found, requireRow(collection, found, row["body"])] as const;
      });
  }

  count(collection: CollectionName, prefix = ""): number {
    if (!this.#isCreated) return 0;
    const row = this.#sql.run(
      "SELECT count(*) AS n FROM registry WHERE collection = ? AND id >= ? AND id < ?",
      COLLECTIONS.indexOf(collection),
      prefix,
      prefix + END,
    )[0];
    return Number(row?.["n"]);
  }

  transaction<T>(work: () => T): T {
    if (!this.#isCreated) migrate(this.#sql, SCHEMA);
    this.#isCreated = true;
    try {
      return this.#sql.transaction(work);
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  #parsed<N extends CollectionName>(collection: N, id: string, body: string): Collections[N] {
    const name = `${collection} ${id}`;
    if (this.#texts.get(name) === body) return this.#cache.get(name) as Collections[N];
    const row = requireRow(collection, id, body);
    this.#remember(name, row);
    this.#texts.set(name, body);
    return row;
  }

  #remember(name: string, row: unknown): void {
    if (this.#cache.size >= CACHED_ROWS) this.#forget();
    this.#cache.set(name, row);
    this.#texts.delete(name);
  }

  #forget(): void {
    this.#cache.clear();
    this.#texts.clear();
  }
}

/** @throws Error naming the row, the field and the rule: what it permitted is not known. */
function requireRow<N extends CollectionName>(
  collection: N,
  id: string,
  body: unknown,
): Collections[N] {
  const read = readRow(collection, body);
  if (read.kind === "row") return read.row;
  throw new Error(`the registry is damaged: ${collection} ${id}: ${read.rule}`);
}
