/**
 * All that a cluster can match: its own endpoints and those of its remotes, read from the hub (what
 * it is *permitted* to see) or from its relay (what is *applied* there). `truth` says which, and
 * how fresh. [CLI10]
 */
import type { CalicoRecord, Labels } from "../../shared/record/record.ts";
import { matches } from "../../shared/selector/ast.ts";
import type { LabelLookup, Selector } from "../../shared/selector/ast.ts";
import { labelsOf } from "../../shared/selector/inherited-labels.ts";
import type { Endpoint } from "../../shared/selector/inherited-labels.ts";
import type { NetworkSet } from "./sort-policies.ts";
import { EndpointIndex } from "./endpoint-index.ts";
import { CLUSTER_LABEL, remoteLabels } from "../felix/remote-labels.ts";
import type { ClusterPolicies } from "../source/source.ts";

/** One record and where it is from: `origin` is the RCC's name, `isOwn` for the cluster's own. */
export interface SeenRecord {
  readonly origin: string;
  readonly isOwn: boolean;
  readonly key: string;
  readonly revision: number;
  readonly record: CalicoRecord;
}

export interface World {
  readonly cluster: string;
  readonly records: readonly SeenRecord[];
  /** RCCs whose labels rules see with the RCC's name in them. */
  readonly prefixed: ReadonlySet<string>;
  /** `permitted by the hub, access version 7` or `applied by the relay at …`. */
  readonly truth: string;
  /** The cluster's own, which rules hold as they hold endpoints. Absent: not asked for. */
  readonly networkSets?: readonly NetworkSet[];
  policies(): Promise<ClusterPolicies>;
}

export interface MatchedEndpoint {
  readonly seen: SeenRecord;
  readonly endpoint: Endpoint;
}

interface Delivered extends MatchedEndpoint {
  readonly labels: LabelLookup;
}

/** Worked out once a world: a cluster's policies have thousands of rules. */
const INDEXES = new WeakMap<World, EndpointIndex<Delivered>>();

/**
 * Endpoints that a selector matches, own and remote, as Felix would: labels inherited from the
 * profiles of the same cluster. By name.
 */
export function matchEndpoints(world: World, selector: Selector): MatchedEndpoint[] {
  let index = INDEXES.get(world);
  if (index === undefined) {
    index = new EndpointIndex(deliveredEndpoints(world));
    INDEXES.set(world, index);
  }
  return index.matching(selector);
}

/**
 * The labels that rules match an endpoint by: its own, with the one that names its cluster, and
 * those that it inherits.
 */
export interface SeenLabels {
  readonly labels: Labels;
  readonly inherited: Labels;
}

export function labelsSeen(world: World, matched: readonly MatchedEndpoint[]): SeenLabels[] {
  const profiles = profilesOf(world);
  return matched.map(({ seen, endpoint }) => {
    const own = labelsInWorld(world, seen, endpoint.labels);
    // The first profile that has a label wins.
    const inherited = Object.assign(
      {},
      ...endpoint.profiles.toReversed().map((name) => profiles.get(`${seen.origin} ${name}`) ?? {}),
    ) as Labels;
    return {
      labels: seen.isOwn ? own : { ...own, [CLUSTER_LABEL]: seen.origin },
      inherited: Object.fromEntries(
        Object.entries(inherited).filter(([key]) => !Object.hasOwn(own, key)),
      ),
    };
  });
}

function labelsInWorld(world: World, { origin, isOwn }: SeenRecord, labels: Labels): Labels {
  return isOwn
    ? labels
    : remoteLabels(origin, world.prefixed.has(origin) ? "prefixed" : "original", labels);
}

/** Labels by `<origin> <profile>`. */
function profilesOf(world: World): ReadonlyMap<string, Labels> {
  return new Map(
    world.records.flatMap((seen) => {
      const { record, origin } = seen;
      if (record.kind !== "Profile") return [];
      return [[`${origin} ${record.name}`, labelsInWorld(world, seen, record.labels)] as const];
    }),
  );
}

/** Network sets that a selector matches, as Felix would: with the labels of their namespace. */
export function matchNetworkSets(world: World, selector: Selector): readonly NetworkSet[] {
  const sets = world.networkSets ?? [];
  if (sets.length === 0) return [];
  let profiles = OWN_PROFILES.get(world);
  if (profiles === undefined) {
    profiles = new Map(
      world.records.flatMap(({ isOwn, record }) =>
        isOwn && record.kind === "Profile" ? [[record.name, record.labels] as const] : [],
      ),
    );
    OWN_PROFILES.set(world, profiles);
  }
  const labels = profiles;
  return sets.filter((set) =>
    matches(
      selector,
      labelsOf(set, {}, (name) => labels.get(name)),
    ),
  );
}

const OWN_PROFILES = new WeakMap<World, ReadonlyMap<string, Labels>>();

function deliveredEndpoints(world: World): Delivered[] {
  const profiles = profilesOf(world);
  const found: (Delivered & { readonly name: string })[] = [];
  for (const seen of world.records) {
    const { record, origin, isOwn } = seen;
    if (record.kind !== "WorkloadEndpoint" && record.kind !== "HostEndpoint") continue;
    const extra: Labels = isOwn ? {} : { [CLUSTER_LABEL]: origin };
    const delivered = { ...record, labels: labelsInWorld(world, seen, record.labels) };
    const labels = labelsOf(delivered, extra, (name) => profiles.get(`${origin} ${name}`));
    found.push({
      seen,
      endpoint: record,
      labels,
      name: endpointName({ seen, endpoint: record }),
    });
  }
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** calicoq's name of an endpoint: `[<rcc>/]<host>/k8s/<ns>.<pod>/eth0`, `[<rcc>/]<host>/<name>`. */
export function endpointName({ seen, endpoint }: MatchedEndpoint): string {
  const prefix = seen.isOwn ? "" : `${seen.origin}/`;
  if (endpoint.kind === "HostEndpoint") return `${prefix}${endpoint.node}/${endpoint.name}`;
  const workload =
    endpoint.namespace === "" ? endpoint.name : `${endpoint.namespace}.${endpoint.name}`;
  return `${prefix}${endpoint.node}/${endpoint.orchestrator}/${workload}/${endpoint.endpoint}`;
}
