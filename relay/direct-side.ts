/** The direct remotes of a relay, with what they need to know of its own cluster. [DIR1] */
import type { CalicoRecord } from "../shared/record/record.ts";
import type { AccessFacts } from "../shared/visibility/facts.ts";
import type { RelayConfig } from "./config/relay-config.ts";
import { DirectRemotes } from "./direct/direct-remotes.ts";
import { clusterGuidOf, nodeCidrs } from "./direct/record-kinds.ts";
import { RccFolder } from "./direct/rcc-folder.ts";
import type { OpenRccSource, RccHandlers } from "./direct/rcc-source.ts";
import type { RelayPorts } from "./hub/relay-ports.ts";
import { KubeTransport } from "./kube/transport.ts";
import type { Logger } from "./lib/log.ts";
import type { OwnCluster } from "./own-cluster.ts";
import { DirectRccs } from "./resources/direct-rccs.ts";
import type { Remotes } from "./view/remotes.ts";

export interface DirectSideOptions {
  readonly config: RelayConfig;
  readonly ports: RelayPorts;
  readonly log: Logger;
  readonly relay: { readonly own: OwnCluster; readonly remotes: Remotes };
  facts(): AccessFacts | null;
}

/** `null`: nothing names any. */
export function directSide(options: DirectSideOptions): DirectRemotes | null {
  const { config, ports, log } = options;
  const { kubeconfig } = config;
  const sources = sourcesOf(config, ports);
  if (sources.length === 0) return null;
  const directs = new DirectRemotes({
    sources,
    stateDir: config.state,
    kubeconfig,
    isServerLocal: hasLocalServer(config),
    mayBeInsecure: config.rccInsecureTls === true,
    withdrawalHoldMs: config.withdrawalHoldSeconds * 1000,
    ports,
    log,
    local: {
      get isListed() {
        return options.relay.own.isListed;
      },
      get guid() {
        return clusterGuidOf(options.relay.own.records()) || null;
      },
      get server() {
        return directs.localServer;
      },
      holders: (rcc) => [
        { whose: "this cluster", cidrs: localCidrs(options) },
        ...directs.claimed(rcc),
        ...meshPools(options.relay.remotes),
      ],
    },
    isTaken: (name) => options.facts()?.remotes.some(({ rcc }) => rcc === name) === true,
    follow: (remotes) => options.relay.remotes.followDirect(remotes),
  });
  return directs;
}

/** Whether an API server is this cluster's own: one that is only found may be any. */
function hasLocalServer({ source, kubeconfig, customResources }: RelayConfig): boolean {
  const isRead = source === "kubernetes" || source === "typha" || customResources === true;
  return isRead || kubeconfig !== undefined;
}

function sourcesOf({ rccDir: folder, ...config }: RelayConfig, ports: RelayPorts): OpenRccSource[] {
  const { customResources, kubeconfig } = config;
  const api = kubeconfig === undefined ? {} : { kubeconfig };
  const times = { requestIdleMs: 30_000, watchIdleMs: 150_000 };
  const transport = (): KubeTransport => new KubeTransport({ ...api, ...times });
  const after = ports.after.bind(ports);
  return [
    ...(folder === undefined ? [] : [(to: RccHandlers) => new RccFolder(folder, to)]),
    ...(customResources === true
      ? [(to: RccHandlers) => new DirectRccs({ transport, after }, to)]
      : []),
  ];
}

function localCidrs({ relay: { own }, ...options }: DirectSideOptions): string[] {
  const pinned = options.facts()?.ranges ?? { pods: [], nodes: [] };
  const nodes = [...own.records()].flatMap((record: CalicoRecord) => nodeCidrs(record));
  return [...pinned.pods, ...pinned.nodes, ...own.pools.all(), ...nodes];
}

/** Pools that remotes of the mesh have. */
function* meshPools(remotes: Remotes): Generator<{ whose: string; cidrs: readonly string[] }> {
  for (const rcc of remotes.namesOf(false))
    yield { whose: `remote ${rcc}`, cidrs: remotes.poolsOf(rcc) };
}
