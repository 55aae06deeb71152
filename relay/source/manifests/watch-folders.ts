/**
 * Tells that something changed in one of some folders. One plain watch a folder, not Node's
 * recursive one: that also watches files, and goes deaf on a file that an editor replaces by
 * renaming another over it. Watching only saves waiting for the next poll, so every failure of it
 * (no folder, no watches left) is silent.
 */
import { watch } from "node:fs";
import type { FSWatcher } from "node:fs";
import { basename } from "node:path";

/** Past it, further folders are only polled. */
const MAX_WATCHES = 1000;

export class FolderWatch {
  readonly #changed: () => void;
  readonly #watchers = new Map<string, FSWatcher>();

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /**
   * Watches exactly these folders from now on.
   * @returns Whether there is a new one, in which something may have been missed.
   */
  follow(folders: readonly string[]): boolean {
    const wanted = new Set(folders.slice(0, MAX_WATCHES));
    for (const folder of this.#watchers.keys())
      if (!wanted.has(folder)) this.#unwatchFolder(folder);
    const fresh = [...wanted].filter((folder) => !this.#watchers.has(folder));
    for (const folder of fresh) this.#watchFolder(folder);
    return fresh.some((folder) => this.#watchers.has(folder));
  }

  #watchFolder(folder: string): void {
    try {
      const watcher = watch(folder, (event, name) => {
        // The folder itself went, or another took its name: the watch is on what is gone.
        if (event === "rename" && (name === null || name === basename(folder)))
          this.#unwatchFolder(folder);
        this.#changed();
      });
      watcher.on("error", () => this.#unwatchFolder(folder));
      this.#watchers.set(folder, watcher);
    } catch {
      // Polls see it.
    }
  }

  #unwatchFolder(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }
}
