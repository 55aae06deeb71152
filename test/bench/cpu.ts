import { readFileSync } from "node:fs";

/** Seconds, in steps of 10 ms. */
export interface CpuTimes {
  readonly user: number;
  readonly system: number;
}

/** Processor time of a process so far. */
export function cpuTimes(pid: number): CpuTimes {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { user: Number(fields[11]) / 100, system: Number(fields[12]) / 100 };
}

/** The same, user and system. */
export function cpuSeconds(pid: number): number {
  const { user, system } = cpuTimes(pid);
  return user + system;
}

export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return 1024 * Number(status.match(/VmRSS:\s+(\d+) kB/)?.[1]);
}
