/** A relay's part in path checks, with what it needs to know of both ends. [OVL12] */
import { FAMILIES, vtepOf } from "../shared/overlay/vtep.ts";
import type { Vtep } from "../shared/overlay/vtep.ts";
import type { CalicoRecord } from "../shared/record/record.ts";
import { isDirectUid } from "../shared/visibility/direct-origin.ts";
import type { AccessFacts, EdgeReport } from "../shared/visibility/facts.ts";
import { MAX_EDGES } from "../shared/visibility/parse-facts.ts";
import type { RelayConfig } from "./config/relay-config.ts";
import type { Feed } from "./feed/feed.ts";
import type { RelayPorts } from "./hub/relay-ports.ts";
import type { Logger } from "./lib/log.ts";
import type { OwnCluster } from "./own-cluster.ts";
import { NODE_PATH_NET } from "./path/path-net.ts";
import { PathProber } from "./path/path-prober.ts";
import type { Remotes } from "./view/remotes.ts";

export interface PathSideOptions {
  readonly config: Pick<RelayConfig, "pathProbes" | "nodeName">;
  readonly ports: RelayPorts;
  readonly log: Logger;
  readonly relay: { readonly own: OwnCluster; readonly remotes: Remotes };
  readonly onReport: () => void;
}

/** As Felix has them where its configuration says none. */
const VXLAN = { VXLANPort: 4_789, VXLANVNI: 4_096 } as const;

export class PathSide {
  /** `null`: this relay takes part in none. */
  readonly #prober: PathProber | null;
  readonly #remotes: Remotes;

  constructor({ config, ports, log, relay, onReport }: PathSideOptions) {
    const { pathProbes, nodeName: node } = config;
    this.#remotes = relay.remotes;
    this.#prober =
      pathProbes !== true || node === undefined
        ? null
        : new PathProber({
            node,
            ports,
            net: NODE_PATH_NET,
            log,
            ends: (rcc) => ({
              own: [...relay.own.records()].flatMap((record) => vtepsOf(record, node)),
              remote: relay.remotes.routes.vteps(rcc),
            }),
            vxlan: () => vxlanOf(relay.own.records()),
            onReport,
          });
  }

  follow({ remotes }: AccessFacts): void {
    this.#prober?.follow(
      new Map(
        remotes.flatMap(({ rcc, state, overlay }) =>
          state === "granted" && overlay?.path !== undefined ? [[rcc, overlay.path] as const] : [],
        ),
      ),
    );
  }

  /** For the hub: all remotes, with what this node has to say, and those of whom it feeds. */
  reports(feed: Pick<Feed, "merged"> | null): readonly EdgeReport[] {
    const edges = edgesForHub(this.#remotes.reports()).map((edge) => {
      const path = this.#prober?.report(edge.rcc);
      return path === undefined ? edge : { ...edge, path };
    });
    return feed?.merged(edges) ?? edges;
  }

  stop(): void {
    this.#prober?.stop();
  }
}

/** At most as many as the hub takes; those that it does not know come last. [DIR23] */
export function edgesForHub(reports: readonly EdgeReport[]): readonly EdgeReport[] {
  const isDirect = ({ origin }: EdgeReport): number => Number(isDirectUid(origin.uid));
  return reports.toSorted((a, b) => isDirect(a) - isDirect(b)).slice(0, MAX_EDGES);
}

function vtepsOf(record: CalicoRecord, name: string): Vtep[] {
  if (record.kind !== "Node" || record.name !== name) return [];
  return FAMILIES.flatMap((family) => {
    const vtep = vtepOf(record, family);
    return vtep === null || "reason" in vtep ? [] : [vtep];
  });
}

function vxlanOf(records: Iterable<CalicoRecord>): { readonly port: number; readonly vni: number } {
  const of = { ...VXLAN } as Record<keyof typeof VXLAN, number>;
  for (const record of records)
    if (record.kind === "ClusterConfig")
      for (const name of ["VXLANPort", "VXLANVNI"] as const)
        of[name] = Number(record.params[name] ?? of[name]);
  return { port: of.VXLANPort, vni: of.VXLANVNI };
}
