/**
 * `catwalk hub restore`: a data folder as it was when a backup was made. Everything is checked
 * before anything is written, and a folder that holds half a restore starts no hub. [BAK2]
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";

import { makeFolder } from "../../relay/lib/make-folder.ts";
import { BackupReader } from "./backup-file.ts";
import type { BackedUpFile } from "./backup-file.ts";
import { syncPath } from "./backup.ts";
import { lockData } from "./data-lock.ts";

/** While it is there the folder holds half a restore. */
const UNFINISHED = "restore-unfinished";
/** When the folder was restored, in Unix ms. */
const RESTORED_AT = "restored-at";
/** What a file system puts into an empty volume. */
const NOT_OURS = new Set(["lost+found"]);

export interface Restored {
  readonly dataDir: string;
  /** RFC 3339. */
  readonly madeAt: string;
  readonly software: string;
  readonly objects: number;
}

/** @throws Error naming the rule; the folder is then as it was. */
export async function restoreHub(file: string, dataDir: string, nowMs: number): Promise<Restored> {
  const data = resolve(dataDir);
  const isNew = !existsSync(data);
  makeFolder(data, "--data", dataDir);
  let unlock: (() => void) | null = null;
  try {
    unlock = await lockData(data);
    const present = readdirSync(data).filter((name) => !NOT_OURS.has(name));
    if (present.length > 0)
      throw new Error(
        `--data ${data} is not empty (${present.slice(0, 3).join(", ")}): a restore never overwrites; move it away first`,
      );
    if (!existsSync(file)) throw new Error(`there is no backup ${file}`);
    const backup = BackupReader.open(file);
    try {
      for (const each of backup.files) for (const _ of backup.read(each));
      write(backup, data, nowMs);
      const objects = backup.files.filter(({ path }) => path.startsWith("do/")).length;
      return { dataDir: data, madeAt: backup.madeAt, software: backup.software, objects };
    } finally {
      backup.close();
    }
  } catch (error) {
    if (isNew) rmSync(data, { recursive: true, force: true });
    throw error;
  } finally {
    unlock?.();
  }
}

function write(backup: BackupReader, data: string, nowMs: number): void {
  const paths = [...backup.files.map(({ path }) => path), RESTORED_AT, UNFINISHED];
  try {
    writeFileSync(join(data, UNFINISHED), "", { mode: 0o600, flush: true });
    for (const each of backup.files) writeFileFrom(backup, each, join(data, each.path));
    writeFileSync(join(data, RESTORED_AT), `${nowMs}\n`, { mode: 0o600, flush: true });
    for (const folder of new Set(paths.map((path) => dirname(join(data, path))))) syncPath(folder);
    rmSync(join(data, UNFINISHED));
    syncPath(data);
  } catch (error) {
    for (const top of new Set(paths.map((path) => path.split("/")[0] as string)))
      rmSync(join(data, top), { recursive: true, force: true });
    throw error;
  }
}

function writeFileFrom(backup: BackupReader, file: BackedUpFile, path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const descriptor = openSync(path, "wx", 0o600);
  try {
    for (const piece of backup.read(file))
      for (let at = 0; at < piece.length;) at += writeSync(descriptor, piece, at);
  } finally {
    closeSync(descriptor);
  }
  syncPath(path);
}

/**
 * When the data folder was restored, in Unix ms; 0 when it never was. The objects are told: numbers
 * that were handed out after the backup was made must not be handed out again.
 * @throws Error for half a restore.
 */
export function restoredAt(dataDir: string): number {
  if (existsSync(join(dataDir, UNFINISHED)))
    throw new Error(
      `--data ${dataDir} holds half a restore: empty it, and run \`catwalk hub restore\` again`,
    );
  const path = join(dataDir, RESTORED_AT);
  return existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
}
