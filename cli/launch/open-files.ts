/**
 * How many sockets a hub on this machine can hold: workerd takes a file descriptor for each, and up
 * to three for each object's database.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Kept for databases and all else. */
const OTHER_SHARE = 1 / 4;

export interface OpenFiles {
  /** Of a process that raises its own limit as far as it may, as ours does. */
  readonly limit: number;
  readonly sockets: number;
}

export function openFiles(): OpenFiles {
  const text = hardLimit();
  const limit = text === "unlimited" ? 1_048_576 : Number(text);
  return { limit, sockets: Math.floor(limit * (1 - OTHER_SHARE)) };
}

/** In Linux's own words where it is Linux: a shell would be waited for. */
function hardLimit(): string {
  if (process.platform === "linux") {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const hard = /^Max open files +\S+ +(\S+)/m.exec(limits)?.[1];
    if (hard !== undefined) return hard;
  }
  return execFileSync("/bin/sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).trim();
}
