/**
 * `catwalk doctor path --cluster A --to B`: lets relays on nodes of both send each other packets,
 * and says what has come of it, one line a finding. [CLI98]
 */
import type { Command } from "commander";

import { getPathCheck, orderPathCheck } from "../../../shared/api/path-checks.ts";
import type { PathCheck } from "../../../shared/api/path-checks.ts";
import { PATH_PHASES } from "../../../shared/overlay/path-check.ts";
import type { PathPhase } from "../../../shared/overlay/path-check.ts";
import type { Client } from "../../admin/client.ts";
import type { ServerFlags } from "../../admin/config.ts";
import { print } from "../../admin/terminal.ts";
import { CommandError, UsageError } from "../../admin/usage-error.ts";
import { clientOf, withExample, withOutput, withServer } from "../command.ts";
import type { OutputFlags } from "../command.ts";
import { oneLine, renderOne } from "../output.ts";

type Flags = ServerFlags &
  OutputFlags & { readonly cluster?: string; readonly to: string; readonly pairs: string };

/** Longest waits for relays: to hear of it; to send, where TCP waits for an answer. */
const PATIENCE_MS: Readonly<Record<PathPhase, number>> = {
  listen: 15_000,
  send: 60_000,
  end: 15_000,
};
const LOOK_MS = 200;
/** Relays that no word has come of by then take no part. */
const SILENT_MS = 8_000;

export function addDoctorPath(doctor: Command): void {
  withExample(
    withOutput(
      withServer(
        doctor
          .command("path")
          .description("do packets pass between the nodes of two clusters that have routes"),
      ),
    )
      .option("--cluster <name>", "one of the two")
      .requiredOption("--to <name>", "the other; both directions are looked at")
      .option("--pairs <n>", "pairs of nodes, chosen anew each time", "3"),
    "catwalk doctor path --cluster app --to db",
  ).action(async (_: unknown, command: Command) => {
    // What both commands know, the upper one has taken.
    const { cluster, to, pairs, output, ...flags } = command.optsWithGlobals<Flags>();
    if (cluster === undefined) throw new UsageError("doctor path: --cluster is needed");
    if (!/^[1-8]$/.test(pairs)) throw new UsageError("doctor path: --pairs must be from 1 to 8");
    const check = await checked(clientOf(flags), { cluster, to, pairs: Number(pairs) });
    print(
      output === "json" || output === "yaml"
        ? renderOne({ items: check.findings }, "findings", output)
        : renderPath(check),
    );
    const errors = check.findings.filter(({ level }) => level === "error").length;
    if (errors > 0)
      throw new CommandError(`${errors} of ${check.findings.length} findings are errors`);
  });
}

/** One line each. */
export function renderPath({ findings }: PathCheck): string {
  if (findings.length === 0) return "no nodes with tunnels were found to look at\n";
  return findings
    .map(({ level, subject, message, todo }) => {
      const text = `${subject}: ${message}${todo === "" ? "" : `. To do: ${todo}`}`;
      return `${level.padEnd(7)}  ${oneLine(text)}\n`;
    })
    .join("");
}

/** Each step when all that take part have done the one before, or the wait for it is over. */
async function checked(
  client: Client,
  { cluster, to, pairs }: { readonly cluster: string; readonly to: string; readonly pairs: number },
): Promise<PathCheck> {
  const params = { mesh: client.mesh, cluster, to };
  let last: PathCheck | null = null;
  for (const phase of PATH_PHASES) {
    const began = performance.now();
    const { propagated: _, ...ordered } = await client.call(orderPathCheck, {
      params,
      body: { phase, ...(phase === "listen" ? { pairs } : {}) },
    });
    last = ordered;
    for (;;) {
      const waitedMs = performance.now() - began;
      if (hasDone(last, phase, waitedMs) || waitedMs > PATIENCE_MS[phase]) break;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      last = await client.call(getPathCheck, { params });
      if (last.id !== ordered.id)
        throw new CommandError("somebody else has begun a path check of these two: try again");
    }
  }
  if (last === null) throw new Error("a check has phases");
  return last;
}

/** Whether there is nothing to wait for. Who never said anything is waited for at first only. */
export function hasDone({ nodes }: PathCheck, phase: PathPhase, waitedMs: number): boolean {
  return nodes.every(({ phase: done, problem }) => {
    if (problem !== "") return true;
    if (done === null) return phase !== "listen" || waitedMs >= SILENT_MS;
    return PATH_PHASES.indexOf(done) >= PATH_PHASES.indexOf(phase);
  });
}
