/**
 * How fast the hub's disk makes things durable: every commit of the hub waits for one fdatasync,
 * and workerd has one thread, so this is what all publishers together have to share. Measured where
 * it matters, in the data folder, the way SQLite's log is written. [CLI23]
 */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

const SAMPLES = 48;
/** A slow disk gets fewer samples: it shows itself in the first, and a hub is waited for. */
const LEAST_SAMPLES = 8;
const LONGEST_MS = 100;
/** A page of SQLite and its frame header. */
const PAGE = Buffer.alloc(4_096 + 24, 1);

export interface DiskSpeed {
  /** Median, in ms; `null` where it could not be measured, because the disk is full. */
  readonly fsyncMs: number | null;
  /** Commits that would keep the disk busy all of the time. */
  readonly commitsPerSecond: number | null;
}

/** @throws Error of the system. */
export function measureDisk(folder: string): DiskSpeed {
  const path = join(folder, ".fsync-probe");
  const took: number[] = [];
  const beganMs = performance.now();
  let descriptor: number | null = null;
  try {
    descriptor = openSync(path, "w", 0o600);
    while (took.length < SAMPLES) {
      writeSync(descriptor, PAGE);
      const startedMs = performance.now();
      fdatasyncSync(descriptor);
      took.push(performance.now() - startedMs);
      if (took.length >= LEAST_SAMPLES && performance.now() - beganMs > LONGEST_MS) break;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    return { fsyncMs: null, commitsPerSecond: null };
  } finally {
    if (descriptor !== null) closeSync(descriptor);
    rmSync(path, { force: true });
  }
  return speedOf(took);
}

export function speedOf(tookMs: readonly number[]): DiskSpeed {
  const median = tookMs.toSorted((a, b) => a - b)[Math.floor(tookMs.length / 2)] ?? 0;
  // A file system in memory takes no time that could be measured: a bound that nobody reaches.
  const fsyncMs = Math.max(Number(median.toPrecision(2)), 0.001);
  return { fsyncMs, commitsPerSecond: Math.round(1_000 / fsyncMs) };
}

export function describeSpeed({ fsyncMs, commitsPerSecond }: DiskSpeed): string {
  if (fsyncMs === null || commitsPerSecond === null)
    return "the disk is full: how fast it is cannot be measured, and nothing is committed until there is room";
  return `fsync ${fsyncMs} ms: up to ${commitsPerSecond.toLocaleString("en")} commits/s; publishers are paced to half of it`;
}
