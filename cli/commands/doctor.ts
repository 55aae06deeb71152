/** `catwalk doctor`: what is wrong, one line a finding, with what to do. [CLI92] */
import { listClusters } from "../../shared/api/clusters.ts";
import { listGrants } from "../../shared/api/grants.ts";
import { getStatus } from "../../shared/api/status.ts";
import { listApiTokens } from "../../shared/api/tokens.ts";
import { getVersion } from "../../shared/api/version.ts";
import { listWebhooks } from "../../shared/api/webhooks.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { VERSION } from "../../relay/lib/version.ts";
import { ForbiddenError } from "../admin/client.ts";
import type { Client } from "../admin/client.ts";
import type { ServerFlags } from "../admin/config.ts";
import { readRelayStatus } from "../admin/relay-client.ts";
import { jsonText, print } from "../admin/terminal.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";
import { clientOf, withExample, withOutput, withServer } from "./command.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { Finding } from "./doctor/finding.ts";
import { findingsOfRelay } from "./doctor/of-relay.ts";
import { addDoctorPath } from "./doctor/path.ts";
import { findingsAbout, findingsOf } from "./doctor/findings.ts";
import type { DoctorInput } from "./doctor/findings.ts";
import { oneLine, renderOne } from "./output.ts";

interface Flags extends ServerFlags, OutputFlags {
  readonly cluster?: string;
  readonly relay?: string;
  readonly kubeconfig?: string;
}

/** Round trips for the hub's clock: the shortest says most. */
const CLOCK_TRIPS = 5;

export const registerDoctor: RegisterCommand = (program) => {
  const doctor = withExample(
    withOutput(
      withServer(program.command("doctor").description("what is wrong, and what to do about it")),
    )
      .option("--cluster <name>", "only what is about this cluster, or the hub")
      .option("--relay <url>", "what is about this node's relay, by its HTTP address; asks no hub")
      .option(
        "--kubeconfig <file>",
        "what a cluster's relays lack, by its API server; asks no hub",
      ),
    "catwalk doctor --cluster db",
  );
  addDoctorPath(doctor);
  doctor.action(async (flags: Flags) => {
    const { output } = flags;
    const findings = await find(flags);
    print(
      output === "json" || output === "yaml"
        ? renderOne({ items: findings }, "findings", output)
        : renderFindings(findings),
    );
    const errors = findings.filter(({ level }) => level === "error").length;
    if (errors > 0) throw new CommandError(`${errors} of ${findings.length} findings are errors`);
  });
};

async function find(flags: Flags): Promise<readonly Finding[]> {
  const { cluster, relay, kubeconfig } = flags;
  if ([cluster, relay, kubeconfig].filter((given) => given !== undefined).length > 1)
    throw new UsageError("doctor: one of --cluster, --relay and --kubeconfig");
  if (relay !== undefined) return findingsOfRelay(await readRelayStatus(relay), VERSION);
  if (kubeconfig !== undefined) {
    // Loaded late: the others need no client of an API server.
    const { examineKubernetes } = await import("./doctor/of-kubernetes.ts");
    return examineKubernetes(kubeconfig);
  }
  const input = await examine(clientOf(flags));
  if (cluster !== undefined && !input.clusters.some(({ name }) => name === cluster))
    throw new UsageError(`--cluster ${cluster}: the mesh has no such cluster`);
  const all = findingsOf(input);
  return cluster === undefined ? all : findingsAbout(all, cluster);
}

/** Everything that findings follow from. @throws CommandError where the hub does not answer. */
export async function examine(client: Client): Promise<DoctorInput> {
  const params = { mesh: client.mesh };
  const hub = await client.call(getVersion, {});
  const clock = await clockOf(client);
  const status = await client.call(getStatus, { params });
  return {
    cli: { version: VERSION, protocols: PROTOCOL_VERSIONS },
    hub,
    clock,
    status,
    clusters: (await client.call(listClusters, { params })).items,
    grants: (await client.call(listGrants, { params, query: {} })).items,
    tokens: await unlessForbidden(client.call(listApiTokens, { params })),
    webhooks: await unlessForbidden(client.call(listWebhooks, { params })),
  };
}

/** `null` where the token may not ask. */
export async function unlessForbidden<T>(
  answer: Promise<{ readonly items: readonly T[] }>,
): Promise<readonly T[] | null> {
  try {
    return (await answer).items;
  } catch (error) {
    if (error instanceof ForbiddenError) return null;
    throw error;
  }
}

/** The hub read its clock within a round trip: at most half of it away from the middle. */
async function clockOf(client: Client): Promise<DoctorInput["clock"]> {
  let best = { offsetMs: 0, errorMs: Number.POSITIVE_INFINITY };
  for (let trip = 0; trip < CLOCK_TRIPS; trip++) {
    const began = performance.now();
    const beganMs = Date.now();
    const hubMs = await client.time();
    const errorMs = (performance.now() - began) / 2;
    if (errorMs < best.errorMs) best = { offsetMs: hubMs - beganMs - errorMs, errorMs };
  }
  return best;
}

/** One line each. */
export function renderFindings(findings: readonly Finding[]): string {
  if (findings.length === 0) return "nothing is wrong that could be seen from here\n";
  return findings
    .map(({ level, subject, message, todo }) => {
      const text = `${subject}: ${message}. To do: ${todo}`;
      return `${level.padEnd(7)}  ${oneLine(text)}\n`;
    })
    .join("");
}

/** For a support bundle. */
export function findingsText(input: DoctorInput): string {
  return findingsOf(input)
    .map((finding) => `${jsonText(finding)}\n`)
    .join("");
}
