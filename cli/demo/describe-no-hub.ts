/** What `catwalk up --no-hub` says once its relay runs. [CLI63] */
import { relative } from "node:path";

import type { DirectRemoteView, RelayStatusView } from "../../shared/api/relay.ts";
import { CONNECTION_WORDS } from "../../shared/visibility/connection-words.ts";
import { readRelayStatus } from "../admin/relay-client.ts";
import { describePolicy, shellWord } from "./describe.ts";
import type { NoHub } from "./no-hub.ts";
import type { DemoPlan } from "./plan.ts";

/** How long the start waits for in-sync before it says what it knows. */
const IN_SYNC_MS = 20_000;

/** @param config As of `HowItRuns`. */
export async function describeNoHub(
  plan: DemoPlan,
  noHub: NoHub,
  { isResumed, config }: { readonly isResumed: boolean; readonly config: string | null },
): Promise<string> {
  const status = await whenInSync(noHub);
  const remotes = status.direct?.remotes ?? [];
  const lines = remotes.flatMap((remote) => describeRemote(plan, noHub, status, remote));
  if (remotes.length === 0) lines.push(`  no RCC is in ${shown(noHub.rccs)}: nobody is read`);
  if (isResumed)
    for (const { rcc, changes, bytes } of status.transfers)
      lines.push(`  resumed ${plan.viewer}←${rcc}: ${changes} changes, ${bytes} bytes`);
  if (plan.policy !== null && remotes.length > 0)
    lines.push(...(await describePolicy(plan.policy, noHub.relay)));
  return `${[...lines, ...suggestions(plan, noHub, config)].join("\n")}\n`;
}

async function whenInSync({ relay: { url }, count }: NoHub): Promise<RelayStatusView> {
  const deadline = performance.now() + IN_SYNC_MS;
  for (;;) {
    const status = await readRelayStatus(url);
    const inSync = status.remotes.filter(({ connectionStatus }) => connectionStatus === 2);
    if (inSync.length >= count || performance.now() > deadline) return status;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function describeRemote(
  { viewer }: DemoPlan,
  { servers, rccs }: NoHub,
  { remotes }: RelayStatusView,
  { rcc, conditions, ranges }: DirectRemoteView,
): string[] {
  const remote = remotes.find((one) => one.rcc === rcc);
  const isWell = remote?.connectionStatus === 2;
  const state = isWell ? "in sync" : CONNECTION_WORDS[remote?.connectionStatus ?? 0];
  const pods = ranges.pods.length === 0 ? "" : `, pods in ${ranges.pods.join(", ")}`;
  return [
    `  ${viewer} ── reads ──▶ ${rcc}    RCC ${shown(rccs)}/${rcc}.yaml · ${servers.get(rcc) ?? "?"}`,
    `      ${state}, ${remote?.endpoints ?? 0} endpoints${pods}`,
    ...conditions
      .filter(({ status }) => status !== "True")
      .map(({ type, reason, message }) => `      ${type}: ${reason}: ${message}`),
  ];
}

function suggestions(plan: DemoPlan, { rccs, relay }: NoHub, config: string | null): string[] {
  const { viewer, policy } = plan;
  const other = plan.clusters.find(({ name }) => name !== viewer);
  const lines = ["Try, in another terminal here:"];
  if (config !== null) lines.push(`  export CATWALK_CONFIG=${shellWord(config)}`);
  const suggest = (command: string, what: string): void => {
    lines.push(`  ${command}`, `      ${what}`);
  };
  const catwalk = "npx --no-install catwalk";
  if (policy !== null)
    suggest(
      `${catwalk} policy ${policy.name} --cluster ${viewer}`,
      "which IPs each rule holds, and whose they are",
    );
  suggest(`${catwalk} eval "all()" --cluster ${viewer}`, "every endpoint that a rule can match");
  suggest(
    `${catwalk} relay status --cluster ${viewer}`,
    `its RCCs with their conditions; as JSON: curl ${relay.url}/status`,
  );
  if (other?.folder !== undefined)
    suggest(
      `${catwalk} watch --cluster ${viewer}`,
      `then add a replica in deploy/demo/${other.name}/pods.yaml`,
    );
  if (other !== undefined) {
    suggest(
      `rm ${shellWord(`${shown(rccs)}/${other.name}.yaml`)}`,
      "what came by this RCC leaves at once; an RCC file in that folder is read as it appears",
    );
    suggest(
      `${catwalk} rbac remote`,
      "what a real cluster gives to a relay that reads it: an account that may do nothing else",
    );
  }
  lines.push("Ctrl-C stops. With a hub, and grants: the same without --no-hub.");
  return lines;
}

function shown(path: string): string {
  return relative(process.cwd(), path) || path;
}
