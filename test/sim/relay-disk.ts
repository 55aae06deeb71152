/**
 * A relay's folder: it outlives the process, is torn when the machine fails, and is put back to an
 * older copy.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import type { Rng } from "./random.ts";

/** A file that is shorter has nothing that could be torn. */
const LEAST_BYTES = 20;
const MOST_TORN_BYTES = 400;

export class RelayDisk {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
    mkdirSync(join(dir, "views"), { recursive: true });
  }

  /** Whether it can be put back to what it was. */
  get hasCopy(): boolean {
    return existsSync(this.#copyDir);
  }

  keepCopy(): void {
    rmSync(this.#copyDir, { recursive: true, force: true });
    cpSync(this.dir, this.#copyDir, { recursive: true });
  }

  putBack(): void {
    rmSync(this.dir, { recursive: true, force: true });
    cpSync(this.#copyDir, this.dir, { recursive: true });
  }

  /** The ends of view files are not as they were written. */
  tear(rng: Rng): void {
    for (const file of this.#viewFiles()) {
      const { size } = statSync(file);
      if (size < LEAST_BYTES) continue;
      if (rng.chance(0.6)) {
        truncateSync(file, size - rng.below(Math.min(size, MOST_TORN_BYTES)));
        continue;
      }
      const bytes = readFileSync(file);
      const at = rng.below(size);
      bytes[at] = (bytes[at] as number) ^ (1 << rng.below(8));
      writeFileSync(file, bytes);
    }
  }

  get #copyDir(): string {
    return `${this.dir}.copy`;
  }

  #viewFiles(): string[] {
    const dir = join(this.dir, "views");
    return existsSync(dir) ? readdirSync(dir).map((name) => join(dir, name)) : [];
  }
}
