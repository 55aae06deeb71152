/**
 * The demo without a hub: the first cluster's relay reads the others by RCCs of a folder, as the
 * documents of Calico Enterprise say how. A demo cluster is a folder of YAML, which is served as an
 * API server. [CLI63]
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { stringify } from "yaml";

import { makeFolder } from "../../relay/lib/make-folder.ts";
import { FolderApi } from "./folder-api.ts";
import type { DemoCluster, DemoPlan } from "./plan.ts";
import { startRelay } from "./relay-process.ts";
import type { RelayProcess } from "./relay-process.ts";

/** What has been started so far. */
export interface NoHubParts {
  readonly relays: RelayProcess[];
  readonly apis: FolderApi[];
}

/** Where things are, for people. */
export interface NoHub {
  readonly relay: RelayProcess;
  readonly rccs: string;
  /** How many there are. */
  readonly count: number;
  /** Cluster → where it is read. */
  readonly servers: ReadonlyMap<string, string>;
}

/** @param tell Hears what the folders have that cannot be read. */
export async function startNoHub(
  plan: DemoPlan,
  data: string,
  parts: NoHubParts,
  tell: (line: string) => void,
): Promise<NoHub> {
  const [rccs, state] = [join(data, "no-hub/rccs"), join(data, "no-hub/relay")];
  makeFolder(rccs, "--data");
  const servers = new Map<string, string>();
  let count = 0;
  for (const cluster of plan.clusters) {
    if (cluster.name === plan.viewer) continue;
    const { spec, server } = await reach(cluster, parts, tell);
    servers.set(cluster.name, server);
    const path = join(rccs, `${cluster.name}.yaml`);
    const text = `${HEAD}${stringify(rccOf(cluster.name, spec))}`;
    // One that was taken away stays away until the state is.
    if (existsSync(state) && !existsSync(path)) continue;
    writeFileSync(path, text, { mode: 0o600 });
    count++;
  }
  const viewer = plan.clusters.find(({ name }) => name === plan.viewer);
  const args = [
    "--state",
    state,
    "--rcc-dir",
    rccs,
    "--http-listen",
    "127.0.0.1:0",
    ...(viewer?.sourceArgs ?? []),
  ];
  const relay = await startRelay(plan.viewer, args, process.env, join(data, "relay-no-hub.log"));
  parts.relays.push(relay);
  return { relay, rccs, count, servers };
}

const HEAD = "# Written anew at each start. Remove it, and what came by it leaves at once.\n";

function rccOf(name: string, spec: object): object {
  return {
    apiVersion: "projectcalico.org/v3",
    kind: "RemoteClusterConfiguration",
    metadata: { name },
    spec,
  };
}

/** The connection fields of an RCC for it. */
async function reach(
  { name, folder, kubeconfig }: DemoCluster,
  { apis }: NoHubParts,
  tell: (line: string) => void,
): Promise<{ readonly spec: object; readonly server: string }> {
  const datastoreType = "kubernetes";
  if (folder === undefined) return { spec: { datastoreType, kubeconfig }, server: `${kubeconfig}` };
  const api = new FolderApi(folder, (problem) => tell(`${name}: ${problem}`));
  apis.push(api);
  const server = await api.start();
  return { spec: { datastoreType, k8sAPIEndpoint: server }, server };
}
