/** Files that are there whole or not at all, also after a kill or a loss of power. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Writes a file beside its place, brings it to the disk, and moves it there. The owner only may
 * read it.
 * @param fresh Its name until then; one of its own where several processes write the same file.
 * @throws the system's error; the file is then as it was.
 */
export function writeFileAtomically(
  path: string,
  content: string | Uint8Array,
  fresh = `${path}.new`,
): void {
  try {
    const descriptor = createFile(fresh);
    try {
      writeFileSync(descriptor, content);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/**
 * Makes a file anew, readable and writable. What has its name is removed, so that a link that
 * somebody put there is not followed: a state folder may be one that others write to. [FLT7]
 * @returns Its descriptor. @throws the system's error, also where somebody was quicker.
 */
export function createFile(path: string): number {
  rmSync(path, { force: true });
  return openSync(path, "wx+", 0o600);
}

/**
 * Brings the names in a folder to the disk: until then a loss of power may give a name back to the
 * file that had it before. @throws the system's error, also where a folder cannot be synced.
 */
export function syncFolder(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
