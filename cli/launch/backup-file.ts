/**
 * One file that holds a hub: its databases, its signing key, its admin token. A SQLite database
 * itself, because that is a container which is written whole, read in pieces and known to every
 * tool; pieces of a file are deflated, each file's SHA-256 is in its row.
 *
 * Nothing that comes out of a backup chooses where it goes: only the paths that a hub has are
 * taken.
 */
import { errorText } from "../../shared/lib/error-text.ts";
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { deflateRawSync, inflateRawSync } from "node:zlib";

/**
 * In the header of the file ("catw" as a 32-bit number), so that it is told from any other
 * database.
 */
const APPLICATION_ID = 0x63617477;
/** Raised when an older program could not restore what a newer one writes. */
const FORMAT = 1;
const PIECE_BYTES = 1024 * 1024;
const PATHS = /^(hub-key\.jwk|admin-token|do\/[A-Za-z-]+\/[0-9a-z]+\.sqlite)$/;

export interface BackedUpFile {
  /** In the data folder. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

export class BackupWriter {
  readonly #db: DatabaseSync;
  readonly files: BackedUpFile[] = [];

  /** @param file Does not exist yet. */
  constructor(file: string, software: string) {
    // It holds the hub's key.
    writeFileSync(file, "", { mode: 0o600, flag: "wx" });
    this.#db = new DatabaseSync(file);
    // The file is moved to its place, or removed, as a whole: it needs no journal of its own.
    this.#db.exec(`PRAGMA journal_mode = off; PRAGMA synchronous = off;
      PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT};
      CREATE TABLE about (made_at TEXT NOT NULL, software TEXT NOT NULL) STRICT;
      CREATE TABLE files (path TEXT PRIMARY KEY, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL) STRICT;
      CREATE TABLE pieces (path TEXT, number INTEGER, deflated BLOB NOT NULL, PRIMARY KEY (path, number)) STRICT;
      BEGIN`);
    this.#db.prepare("INSERT INTO about VALUES (?, ?)").run(new Date().toISOString(), software);
  }

  add(path: string, source: string): void {
    const insert = this.#db.prepare("INSERT INTO pieces VALUES (?, ?, ?)");
    const descriptor = openSync(source, "r");
    const hash = createHash("sha256");
    const piece = Buffer.alloc(PIECE_BYTES);
    let bytes = 0;
    try {
      for (let number = 0; ; number++) {
        const got = readSync(descriptor, piece, 0, piece.length, null);
        if (got === 0) break;
        const read = piece.subarray(0, got);
        hash.update(read);
        bytes += got;
        insert.run(path, number, deflateRawSync(read, { level: 1 }));
      }
    } finally {
      closeSync(descriptor);
    }
    const sha256 = hash.digest("hex");
    this.#db.prepare("INSERT INTO files VALUES (?, ?, ?)").run(path, bytes, sha256);
    this.files.push({ path, bytes, sha256 });
  }

  /** Without it the file holds nothing. */
  finish(): void {
    this.#db.exec("COMMIT");
    this.#db.close();
  }

  abandon(): void {
    this.#db.close();
  }
}

export class BackupReader {
  readonly #file: string;
  readonly #db: DatabaseSync;
  readonly madeAt: string;
  readonly software: string;
  readonly files: readonly BackedUpFile[];

  private constructor(file: string, db: DatabaseSync) {
    this.#file = file;
    this.#db = db;
    const about = db.prepare("SELECT made_at, software FROM about").get();
    this.madeAt = String(about?.["made_at"]);
    this.software = String(about?.["software"]);
    this.files = db
      .prepare("SELECT path, bytes, sha256 FROM files ORDER BY path")
      .all()
      .map((row) => ({
        path: String(row["path"]),
        bytes: Number(row["bytes"]),
        sha256: String(row["sha256"]),
      }));
  }

  /** @throws Error that says what the file is not. */
  static open(file: string): BackupReader {
    closeSync(openSync(file, "r"));
    const db = new DatabaseSync(file, { readOnly: true });
    try {
      const number = (pragma: string): number =>
        Number(db.prepare(`PRAGMA ${pragma}`).get()?.[pragma]);
      if (number("application_id") !== APPLICATION_ID)
        throw new Error(`${file} is not a backup of a hub`);
      if (number("user_version") > FORMAT)
        throw new Error(
          `${file} was made by a newer version (format ${number("user_version")}, this one reads up to ${FORMAT})`,
        );
      const reader = new BackupReader(file, db);
      const stray = reader.files.find(({ path }) => !PATHS.test(path));
      if (stray !== undefined)
        throw new Error(`${file} is damaged: it holds ${stray.path}, which a hub does not have`);
      return reader;
    } catch (error) {
      db.close();
      if ((error as { readonly code?: string }).code !== "ERR_SQLITE_ERROR") throw error;
      const problem = errorText(error);
      throw new Error(
        problem.includes("not a database")
          ? `${file} is not a backup of a hub`
          : `${file} is damaged: ${problem}`,
        { cause: error },
      );
    }
  }

  /**
   * The content, piece by piece.
   * @throws Error naming the file when it is not what was backed up; it may have given pieces
   *   before.
   */
  *read({ path, bytes, sha256 }: BackedUpFile): Generator<Uint8Array> {
    const hash = createHash("sha256");
    let got = 0;
    try {
      const rows = this.#db.prepare("SELECT deflated FROM pieces WHERE path = ? ORDER BY number");
      for (const row of rows.iterate(path)) {
        const piece = inflateRawSync(row["deflated"] as Uint8Array, {
          maxOutputLength: PIECE_BYTES,
        });
        hash.update(piece);
        got += piece.length;
        yield piece;
      }
    } catch (error) {
      throw new Error(`${this.#file} is damaged: ${path}: ${errorText(error)}`, {
        cause: error,
      });
    }
    if (got !== bytes || hash.digest("hex") !== sha256)
      throw new Error(`${this.#file} is damaged: ${path} is not what was backed up`);
  }

  close(): void {
    this.#db.close();
  }
}
