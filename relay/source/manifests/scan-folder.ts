/**
 * One look at a folder: which files there are, and the text of those that changed since the last
 * look.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { isSystemError } from "../../lib/system-error.ts";
import { textOf } from "./text-of.ts";

/** Bounds: a folder past them is an error of the whole look, which changes nothing. */
const MAX_FILES = 10_000;
const MAX_FILE_BYTES = 32 * 1024 * 1024;
const MAX_DEPTH = 16;

/** Changes when a file is written or replaced; equal means its text was not read again. */
export type Stamp = string;

export interface SeenFile {
  readonly stamp: Stamp;
  /** `null`: unchanged since `known`. */
  readonly text: string | null;
}

export interface SeenFolder {
  readonly files: ReadonlyMap<string, SeenFile>;
  /** The folder itself and those in it. */
  readonly folders: readonly string[];
}

/**
 * Files by path relative to the folder, with `/`. Names that begin with a dot are left out:
 * editors' and ConfigMap volumes' own.
 * @throws when the folder, a folder in it or a file cannot be read; a file that vanishes meanwhile
 *   is simply not there.
 */
export async function scanFolder(
  folder: string,
  known: ReadonlyMap<string, Stamp>,
): Promise<SeenFolder> {
  const files = new Map<string, SeenFile>();
  const folders: string[] = [];
  let hasVanished = false;
  for (const path of await listFiles(folder, "", folders, 0)) {
    const seen = await readChanged(join(folder, path), known.get(path));
    if (seen === null) hasVanished = true;
    else files.set(path, seen);
    if (files.size > MAX_FILES) throw new Error(`${folder} has more than ${MAX_FILES} files`);
  }
  // Files of a folder that goes away as a whole (a mount, a rename) are not deleted one by one.
  if (hasVanished) for (const each of folders) await readdir(each);
  return { files, folders };
}

async function listFiles(
  folder: string,
  under: string,
  folders: string[],
  depth: number,
): Promise<string[]> {
  folders.push(join(folder, under));
  if (depth > MAX_DEPTH)
    throw new Error(`${join(folder, under)} is nested deeper than ${MAX_DEPTH}`);
  const paths: string[] = [];
  for (const entry of await readdir(join(folder, under), { withFileTypes: true })) {
    if (entry.name.startsWith(".")) continue;
    const path = under === "" ? entry.name : `${under}/${entry.name}`;
    if (entry.isDirectory()) paths.push(...(await listFiles(folder, path, folders, depth + 1)));
    else if (/\.(ya?ml|json)$/.test(entry.name)) paths.push(path);
  }
  return paths;
}

async function readChanged(path: string, known: Stamp | undefined): Promise<SeenFile | null> {
  try {
    const { mtimeMs, size, ino, isFile } = await stat(path).then((s) => ({
      mtimeMs: s.mtimeMs,
      size: s.size,
      ino: s.ino,
      isFile: s.isFile(),
    }));
    if (!isFile) return null;
    if (size > MAX_FILE_BYTES)
      throw new Error(`${path} has ${size} bytes, the limit is ${MAX_FILE_BYTES}`);
    const stamp = `${ino} ${mtimeMs} ${size}`;
    return { stamp, text: stamp === known ? null : textOf(await readFile(path)) };
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return null;
    throw error;
  }
}
