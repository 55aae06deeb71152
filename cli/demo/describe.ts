/** What `catwalk up` says once everything runs: who sees whom, how well, and what to try. */
import { SCOPE_KINDS } from "../../shared/visibility/scope.ts";
import type { Client } from "../admin/client.ts";
import { getPreflight } from "../../shared/api/preflight.ts";
import { getStatus } from "../../shared/api/status.ts";
import type { EdgeStatus } from "../../shared/api/status.ts";
import { readRelayStatus } from "../admin/relay-client.ts";
import { readWorld } from "../admin/relay-view.ts";
import { holdingOf } from "../../relay/policy/holding.ts";
import type { DemoPlan } from "./plan.ts";
import type { RelayProcess } from "./relay-process.ts";

/** What the start shows besides what runs. */
export interface HowItRuns {
  /** The state was there from before. */
  readonly isResumed: boolean;
  /** The configuration that commands must be given; `null`: they find it themselves. */
  readonly config: string | null;
  /** Routes to the pods of a cluster, as they are or would be; `null`: it cannot be read yet. */
  readonly planned: (origin: string) => Promise<readonly Planned[] | null>;
}

interface Planned {
  readonly destination: string;
  readonly via: string;
}

/** How long the start waits for in-sync before it says what it knows. */
const IN_SYNC_MS = 20_000;

export async function describeMesh(
  plan: DemoPlan,
  client: Client,
  relays: readonly RelayProcess[],
  { isResumed, config, planned }: HowItRuns,
): Promise<string> {
  const edges = await waitForSync(plan, client);
  const lines = [...edges.map(describeEdge), ...(await describeRoutes(plan, client, planned))];
  if (isResumed) lines.push(...(await describeTransfers(plan, relays)));
  const viewer = relays.find((relay) => relay.cluster === plan.viewer);
  if (plan.policy !== null && viewer !== undefined)
    lines.push(...(await describePolicy(plan.policy, viewer)));
  lines.push(...suggestions(plan, config));
  return `${lines.join("\n")}\n`;
}

async function waitForSync(plan: DemoPlan, client: Client): Promise<readonly EdgeStatus[]> {
  const deadline = performance.now() + IN_SYNC_MS;
  for (;;) {
    const { edges } = await client.call(getStatus, { params: { mesh: plan.mesh } });
    const own = edges.filter((edge) => edge.cluster.name === plan.viewer);
    if (own.every((edge) => edge.connectionStatus === 2) || performance.now() > deadline)
      return own;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function describeEdge(edge: EdgeStatus): string {
  const sync = edge.connectionStatus === 2 ? "in sync" : edge.connection;
  const digest = edge.digest === null ? "" : `, digest ${edge.digest.slice(0, 4)}…`;
  const grant =
    edge.state === "granted" ? `grant ${edge.origin.name}→${edge.cluster.name}` : "no grant";
  return [
    `  ${edge.cluster.name} ── sees ──▶ ${edge.origin.name}    RCC ${edge.cluster.name}/${edge.rcc} · ${grant}`,
    `      ${sync}, ${edge.endpoints ?? 0} endpoints${digest}`,
  ].join("\n");
}

/** Whether the clusters may have routes to each other, and how to see which. */
async function describeRoutes(
  { mesh, viewer }: DemoPlan,
  client: Client,
  planned: HowItRuns["planned"],
): Promise<string[]> {
  const query = { cluster: viewer };
  const { items } = await client.call(getPreflight, { params: { mesh }, query });
  const lines: string[] = [];
  for (const { clusters, ready, state, reason } of items) {
    const names = clusters.map(({ name }) => name);
    const asked = state === "Disabled" ? "no RCC asks for them" : state;
    const other = names.find((name) => name !== viewer) ?? viewer;
    const routes = await planned(other);
    lines.push(
      `  routes between ${names.join(" and ")}: preflight ${ready ? "ready" : `fails: ${reason}`} · ${asked}`,
      `      planned from ${viewer} to ${other}: ${shortPlan(routes)}`,
      `      catwalk preflight --cluster ${viewer} --to ${other}; catwalk routes --cluster ${viewer}`,
    );
  }
  return lines;
}

function shortPlan(routes: readonly Planned[] | null): string {
  if (routes === null) return "not known yet";
  const [first] = routes;
  if (first === undefined) return "none";
  const more = routes.length === 1 ? "" : `, and ${routes.length - 1} more`;
  return `${first.destination} via ${first.via}${more}`;
}

async function describeTransfers(
  plan: DemoPlan,
  relays: readonly RelayProcess[],
): Promise<string[]> {
  const viewer = relays.find((relay) => relay.cluster === plan.viewer);
  if (viewer === undefined) return [];
  const { transfers } = await readRelayStatus(viewer.url);
  return transfers.map(
    ({ rcc, changes, bytes }) =>
      `  resumed ${plan.viewer}←${rcc}: ${changes} changes, ${bytes} bytes`,
  );
}

export async function describePolicy(
  policy: { readonly name: string; readonly file: string },
  viewer: Pick<RelayProcess, "cluster" | "url">,
): Promise<string[]> {
  const world = await readWorld(viewer.url);
  const holding = await holdingOf(policy.name, world);
  const lines = [
    `A policy in ${viewer.cluster} (${policy.file})`,
    "lets role == 'api' reach role == 'postgres'. Its rule holds now:",
  ];
  for (const rule of holding.flatMap((held) => held.rules))
    for (const { member, owner, origin } of rule.members)
      if (rule.selector.includes("postgres"))
        lines.push(
          `  ${member.padEnd(16)} ${owner}${origin === viewer.cluster ? "" : "  ← of the other cluster"}`,
        );
  return lines;
}

/** @param config As of `HowItRuns`. */
export function suggestions(plan: DemoPlan, config: string | null): string[] {
  const other = plan.clusters.find((cluster) => cluster.name !== plan.viewer)?.name;
  const lines = ["Try, in another terminal here:"];
  if (config !== null) lines.push(`  export CATWALK_CONFIG=${shellWord(config)}`);
  const suggest = (command: string, what: string): void => {
    lines.push(`  npx --no-install catwalk ${command}`, `      ${what}`);
  };
  if (plan.policy !== null)
    suggest(
      `policy ${plan.policy.name} --cluster ${plan.viewer}`,
      "which IPs each rule holds, and whose they are",
    );
  if (plan.service !== null)
    suggest(
      `services ${plan.service} --cluster ${plan.viewer}`,
      "a Service that the other cluster fills, and the EndpointSlices it would get",
    );
  if (other === undefined)
    lines.push("One cluster sees nobody: end this, and give a second one with --kubeconfig.");
  else
    suggest(
      `watch --cluster ${plan.viewer}`,
      plan.policy === null
        ? "and change something in the other cluster"
        : `then add a replica in deploy/demo/${other}/pods.yaml`,
    );
  if (other !== undefined)
    suggest(
      `grant delete --cluster ${other} --to ${plan.viewer}`,
      plan.service === null
        ? "what came from it leaves at once; grant create brings it back"
        : `what came from it leaves at once; to bring it back, its Services too: grant create --cluster ${other} --to ${plan.viewer} --kind ${SCOPE_KINDS.join()}`,
    );
  suggest(`eval "all()" --cluster ${plan.viewer}`, "every endpoint that a rule there can match");
  if (other !== undefined && plan.policy === null) {
    lines.push(
      `The other direction, ${other} sees ${plan.viewer}:`,
      `  npx --no-install catwalk grant create --cluster ${plan.viewer} --to ${other}`,
      "  printf 'apiVersion: projectcalico.org/v3\\nkind: %s\\nmetadata: {name: %s}\\n' \\",
      `      RemoteClusterConfiguration ${plan.viewer} |`,
      `      npx --no-install catwalk rcc apply -f - --cluster ${other}`,
    );
  }
  lines.push(
    "  npx --no-install catwalk status     What the words mean: README.md#words",
    "Ctrl-C stops. What is wrong in the files is told here.",
  );
  return lines;
}

export function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
