/**
 * `catwalk hub backup`: a copy of a hub's state, while it runs and is written to, or not.
 *
 * It reads the databases themselves, as one more SQLite reader: workerd keeps ordinary WAL
 * databases with ordinary locks, so each copy is of one moment of its object, and nothing waits for
 * it. Over the admin API it would need the signing key to leave the machine.
 *
 * Objects are copied one after another, Origins before the Mesh: so the Mesh that is restored has
 * decided everything that a restored Origin was told. Any other skew is repaired as after a crash.
 * [BAK1]
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { errorText } from "../../shared/lib/error-text.ts";
import { BackupWriter } from "./backup-file.ts";

/** Copied last. */
const MESH_FOLDER = "catwalk-MeshObject";
/** A database that is opened for the first time after a crash is locked while its log is read. */
const BUSY_MS = 10_000;

export interface Backup {
  readonly file: string;
  readonly objects: number;
  /** Before they were deflated. */
  readonly bytes: number;
}

/** @throws Error naming the rule; nothing is left of a backup that failed. */
export function backupHub(dataDir: string, file: string, software: string): Backup {
  const data = resolve(dataDir);
  const target = resolve(file);
  mayBackUp(data, target);
  // Beside the target: what is moved there must not cross file systems.
  const work = mkdtempSync(join(dirname(target), ".catwalk-backup-"));
  const made = join(work, "backup");
  let writer: BackupWriter | null = null;
  try {
    writer = new BackupWriter(made, software);
    for (const path of databasesOf(data)) {
      const copy = join(work, "copy.sqlite");
      copyDatabase(join(data, path), copy, path);
      writer.add(path, copy);
      rmSync(copy);
    }
    const objects = writer.files.length;
    for (const path of ["hub-key.jwk", "admin-token"])
      if (existsSync(join(data, path))) writer.add(path, join(data, path));
    writer.finish();
    const bytes = writer.files.reduce((sum, each) => sum + each.bytes, 0);
    writer = null;
    syncPath(made);
    renameSync(made, target);
    syncPath(dirname(target));
    return { file: target, objects, bytes };
  } finally {
    writer?.abandon();
    rmSync(work, { recursive: true, force: true });
  }
}

function mayBackUp(data: string, target: string): void {
  if (!existsSync(join(data, "hub-key.jwk")))
    throw new Error(`--data ${data}: no hub has run with this folder (it has no hub-key.jwk)`);
  // SQLite may have to make files beside a database: made by another user, they would lock the hub
  // out.
  const owner = lstatSync(data).uid;
  if (process.getuid !== undefined && process.getuid() !== owner)
    throw new Error(
      `--data ${data} belongs to user ${owner}: run this as that user, or the hub may not be able to open its own files afterwards`,
    );
  if (existsSync(target)) throw new Error(`${target} exists: a backup is never overwritten`);
  if (!existsSync(dirname(target))) throw new Error(`${dirname(target)}: there is no such folder`);
}

/** Paths in the data folder, Origins first. */
function databasesOf(data: string): string[] {
  const folders = existsSync(join(data, "do")) ? readdirSync(join(data, "do")) : [];
  return folders
    .toSorted((a, b) => Number(a === MESH_FOLDER) - Number(b === MESH_FOLDER))
    .flatMap((folder) =>
      readdirSync(join(data, "do", folder))
        .filter((name) => name.endsWith(".sqlite"))
        .toSorted()
        .map((name) => `do/${folder}/${name}`),
    );
}

/**
 * In one read transaction, however long it takes: SQLite's stepwise backup would begin anew with
 * every commit of the hub.
 */
function copyDatabase(source: string, copy: string, path: string): void {
  try {
    const db = new DatabaseSync(source, { readOnly: true, timeout: BUSY_MS });
    try {
      db.prepare("VACUUM INTO ?").run(copy);
    } finally {
      db.close();
    }
  } catch (error) {
    throw new Error(`${path} cannot be backed up: ${errorText(error)}`, { cause: error });
  }
}

export function syncPath(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
