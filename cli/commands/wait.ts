/**
 * `catwalk wait --for in-sync --cluster A [--origin B]`: exit status 0 once it is so, 1 when the
 * time is over. [CLI7]
 */
import { Option } from "commander";

import { errorText } from "../../shared/lib/error-text.ts";
import { clientOf, withExample, withServer } from "./command.ts";
import { print, say } from "../admin/terminal.ts";
import type { RegisterCommand } from "./command.ts";
import type { ServerFlags } from "../admin/config.ts";
import { getStatus } from "../../shared/api/status.ts";
import type { EdgeStatus, MeshStatus } from "../../shared/api/status.ts";
import { isCalled, requireKnownOrigin } from "./origin-choice.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";

const POLL_MS = 250;

/** Calico's value of a view that is equal to its origin's log. */
const EQUAL = 2;

/**
 * What is still in the way; empty when every edge in question is in sync.
 * @param allowStale A view that is equal to the origin's log is enough, whatever the origin is
 *   doing.
 */
export function obstacles(
  status: MeshStatus,
  cluster: string,
  origin: string | undefined,
  allowStale = false,
): readonly string[] {
  const direct = status.notServed.filter(
    ({ cluster: { name }, rcc, isServed }) =>
      name === cluster && !isServed && (origin === undefined || rcc === origin),
  );
  if (direct.length > 0)
    throw new CommandError(
      `RCC ${cluster}/${direct[0]?.rcc} is NotServed and never gets in sync (${direct[0]?.field}); --origin NAME waits for one of the others`,
    );
  const edges = status.edges.filter(
    (edge) =>
      edge.cluster.name === cluster &&
      (origin === undefined || isCalled({ rcc: edge.rcc, cluster: edge.origin.name }, origin)),
  );
  if (edges.length === 0)
    return [`cluster ${cluster} has no RCC${origin === undefined ? "" : ` that names ${origin}`}`];
  const isThere = (edge: EdgeStatus): boolean =>
    edge.connection === "InSync" ||
    (allowStale && edge.connection !== "Unknown" && edge.reportedStatus === EQUAL);
  return edges.filter((edge) => !isThere(edge)).map(describeEdge);
}

function describeEdge(edge: EdgeStatus): string {
  const why = edge.reasons.map(({ message }) => message).join(", ");
  return `${edge.cluster.name}/${edge.rcc}: ${edge.connection}${why === "" ? "" : ` (${why})`}`;
}

/** `500ms`, `60s`, `2m`, or seconds. @throws UsageError */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9})(ms|s|m|h)?$/.exec(text);
  if (match === null) throw new UsageError(`--timeout ${text}: must be as 500ms, 60s or 2m`);
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] ?? "s"] ?? 1000;
  return Number(match[1]) * unit;
}

export const registerWait: RegisterCommand = (program) => {
  withExample(
    withServer(program.command("wait").description("wait until a cluster sees what it may see"))
      .addOption(
        new Option("--for <state>", "what to wait for").choices(["in-sync"]).makeOptionMandatory(),
      )
      .requiredOption("--cluster <name>", "the cluster that sees")
      .option("--origin <name>", "only this RCC or remote; default: every RCC of the cluster")
      .option("--allow-stale", "what was in sync with a remote that is away counts too")
      .option("--timeout <time>", "give up after", "60s"),
    "catwalk wait --for in-sync --cluster app --origin db --timeout 60s",
  ).action(
    async (
      flags: ServerFlags & {
        readonly cluster: string;
        readonly origin?: string;
        readonly allowStale?: boolean;
        readonly timeout: string;
      },
    ) => {
      const deadline = performance.now() + parseDuration(flags.timeout);
      const client = clientOf(flags);
      let inTheWay: readonly string[] = ["nothing is known yet"];
      let told = "";
      const what =
        flags.origin === undefined
          ? `${flags.cluster} to be in sync with every remote`
          : `${flags.cluster} to be in sync with ${flags.origin}`;
      say(`waiting for ${what}, at most ${flags.timeout}`);
      do {
        // A hub that restarts in the meantime is no reason to give up before the time.
        inTheWay = await client.call(getStatus, { params: { mesh: client.mesh } }).then(
          (status) => {
            if (!status.clusters.some(({ cluster }) => cluster.name === flags.cluster))
              throw new CommandError(`the mesh has no cluster named ${flags.cluster}`);
            if (flags.origin !== undefined) requireKnownOrigin(status, flags.cluster, flags.origin);
            return obstacles(status, flags.cluster, flags.origin, flags.allowStale);
          },
          (error: unknown) => [errorText(error)],
        );
        if (inTheWay.length === 0) {
          print(`${flags.cluster} is in sync\n`);
          return;
        }
        // Each obstacle once, as it changes: a script's log shows where it stood.
        if (inTheWay.join("; ") !== told)
          for (const obstacle of inTheWay) say(`  still ${obstacle}`);
        told = inTheWay.join("; ");
        await new Promise((done) => setTimeout(done, POLL_MS));
      } while (performance.now() < deadline);
      throw new CommandError(`not in sync after ${flags.timeout}: ${inTheWay.join("; ")}`);
    },
  );
};
