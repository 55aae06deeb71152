/** `catwalk mock`: made-up clusters in a mesh, for capacity planning. */
import { setTimeout as sleep } from "node:timers/promises";

import { MAX_CLUSTERS, MAX_ENDPOINTS } from "../mock/made-up.ts";
import { clientOf, withExample, withServer } from "./command.ts";
import { jsonText, print, say } from "../admin/terminal.ts";
import type { RegisterCommand } from "./command.ts";
import type { ServerFlags } from "../admin/config.ts";
import { UsageError } from "../admin/usage-error.ts";

interface MockFlags extends ServerFlags {
  readonly clusters: string;
  readonly endpoints: string;
  readonly rate: string;
  readonly sees: string;
  readonly prefix: string;
  readonly seconds?: string;
  readonly keep?: true;
}

const REPORT_MS = 5_000;
const EARLY_MS = 10;

export const registerMock: RegisterCommand = (program) => {
  withExample(
    withServer(
      program
        .command("mock")
        .description("add made-up clusters that publish, change and read, to see what a hub holds"),
    )
      .option("--clusters <n>", `how many, at most ${MAX_CLUSTERS}`, "10")
      .option("--endpoints <n>", `of each, at most ${MAX_ENDPOINTS}`, "100")
      .option("--rate <n>", "changes a second, of all together", "10")
      .option("--sees <n>", "how many others each of them reads", "0")
      .option("--prefix <name>", "their names are <name>-0, <name>-1 …", "mock")
      .option("--seconds <n>", "end after so long (otherwise with Ctrl-C)")
      .option("--keep", "leave the clusters in the mesh at the end"),
    "catwalk mock --clusters 500 --endpoints 1000 --rate 650",
  ).action(run);
};

/** One JSON line every five seconds on stdout; words on stderr. */
async function run(flags: MockFlags): Promise<void> {
  const options = {
    clusters: wholeNumber("--clusters", flags.clusters, 1, MAX_CLUSTERS),
    endpoints: wholeNumber("--endpoints", flags.endpoints, 0, MAX_ENDPOINTS),
    rate: wholeNumber("--rate", flags.rate, 0, 100_000),
    sees: wholeNumber("--sees", flags.sees, 0, 1_000),
    prefix: flags.prefix,
  };
  if (options.sees >= options.clusters)
    throw new UsageError(`--sees ${options.sees}: there are only ${options.clusters - 1} others`);
  if (!/^[a-z0-9]([a-z0-9-]{0,25}[a-z0-9])?$/.test(options.prefix))
    throw new UsageError(
      `--prefix ${options.prefix}: must match [a-z0-9]([a-z0-9-]{0,25}[a-z0-9])?`,
    );
  const seconds = wholeNumber("--seconds", flags.seconds ?? "0", 0, 1_000_000);
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => interrupt.abort());
  const { MockMesh } = await import("../mock/mock-mesh.ts");
  const mesh = new MockMesh(clientOf(flags), options);
  try {
    await mesh.start(say);
    await mesh.startReaders();
    mesh.startChanges();
    const endMs = seconds === 0 ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1000;
    // A timer may be early by a moment.
    while (!interrupt.signal.aborted && endMs - performance.now() > EARLY_MS) {
      const leftMs = endMs - performance.now();
      // A last report of a moment would say nothing: it goes with the one before.
      const waitMs = leftMs < 1.5 * REPORT_MS ? leftMs : REPORT_MS;
      await sleep(waitMs, undefined, { signal: interrupt.signal }).catch(() => undefined);
      print(`${jsonText({ ...mesh.stats(), latencyMs: summary(mesh.takeLatencies()) })}\n`);
    }
  } finally {
    if (flags.keep !== true) say("removing the made-up clusters");
    await mesh.stop(flags.keep !== true);
  }
}

function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < min || number > max)
    throw new UsageError(`${flag} ${text}: must be a whole number from ${min} to ${max}`);
  return number;
}

/** `null` when nothing was measured: nobody reads, or nothing changes. */
function summary(latencies: readonly number[]): { p50: number; p99: number; max: number } | null {
  if (latencies.length === 0) return null;
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (q: number): number =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0) * 10) / 10;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
