/** The direct remotes of a relay, with what they need to know of its own cluster. [DIR1] */
import type { CalicoRecord } from "../shared/record/record.ts";
import type { AccessFacts } from "../shared/visibility/facts.ts";
import type { RelayConfig } from "./config/relay-config.ts";
import { DirectRemotes } from "./direct/direct-remotes.ts";
import { clusterGuidOf, nodeCidrs } from "./direct/record-kinds.ts";
import type { RelayPorts } from "./hub/relay-ports.ts";
import type { Logger } from "./lib/log.ts";
import type { OwnCluster } from "./own-cluster.ts";
import type { Remotes } from "./view/remotes.ts";

export interface DirectSideOptions {
  readonly config: RelayConfig;
  readonly ports: RelayPorts;
  readonly log: Logger;
  readonly relay: { readonly own: OwnCluster; readonly remotes: Remotes };
  facts(): AccessFacts | null;
}

/** `null`: there is no folder of RCCs. */
export function directSide(options: DirectSideOptions): DirectRemotes | null {
  const { config, ports, log } = options;
  const { rccDir: folder, kubeconfig } = config;
  if (folder === undefined) return null;
  const directs = new DirectRemotes({
    folder,
    stateDir: config.state,
    kubeconfig,
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
