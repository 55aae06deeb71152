/** Runs `view-process.ts` and takes its measure. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import type { BenchRig } from "./rig.ts";

export interface ViewRun {
  readonly records: number;
  readonly seconds: number;
  /** Bytes resident above what the process had before. */
  readonly steady: number;
  readonly peak: number;
  /** Processor time that the hub took for it. */
  readonly hubSeconds: number;
}

export async function runView(rig: BenchRig, name: string): Promise<ViewRun> {
  const before = rig.hubCpuSeconds();
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      "--expose-gc",
      join(import.meta.dirname, "view-process.ts"),
      rig.watchUrl,
      join(rig.root, name),
    ],
    { env: { ...process.env, CATWALK_BENCH_HEADERS: JSON.stringify(await rig.readerHeaders()) } },
  );
  const hubSeconds = rig.hubCpuSeconds() - before;
  return { ...(JSON.parse(stdout) as Omit<ViewRun, "hubSeconds">), hubSeconds };
}
