/**
 * All that a cluster can match: its own endpoints and those of its remotes, read from the hub (what it is *permitted* to see) or from its relay
 * (what is *applied* there). Answers say which, and how fresh. [CLI10]
 */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";

import type { CalicoRecord, Labels } from "../../shared/record/record.ts";
import { matches } from "../../shared/selector/ast.ts";
import type { LabelLookup, Selector } from "../../shared/selector/ast.ts";
import { labelsOf } from "../../shared/selector/inherited-labels.ts";
import type { Endpoint } from "../../shared/selector/inherited-labels.ts";
import type { NetworkSet } from "./kinds.ts";
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

export type WorldSource = { readonly kind: "relay"; readonly url: string };

/** @throws Error when the relay cannot be reached. */
export async function readWorld(source: WorldSource): Promise<World> {
  const response = await fetchRelay(source.url, "/view");
  const records: SeenRecord[] = [];
  let cluster = "";
  let accessVersion = 0;
  let hubAge: number | null = null;
  let prefixed: readonly string[] = [];
  const lines = createInterface({ input: Readable.fromWeb(response.body as never) });
  const parsed: (Omit<SeenRecord, "isOwn"> & {
    readonly event?: string;
    readonly cluster?: string;
    readonly accessVersion?: number;
    readonly hubAgeSeconds?: number | null;
    readonly prefixed?: readonly string[];
  })[] = [];
  for await (const line of lines) parsed.push(JSON.parse(line) as (typeof parsed)[number]);
  for (const line of parsed) {
    if (line.event !== "listed") continue;
    cluster = line.cluster ?? "";
    accessVersion = line.accessVersion ?? 0;
    hubAge = line.hubAgeSeconds ?? null;
    prefixed = line.prefixed ?? [];
  }
  for (const line of parsed)
    if (line.event === undefined) records.push({ ...line, isOwn: line.origin === cluster });
  return {
    cluster,
    records,
    prefixed: new Set(prefixed),
    truth: `applied by the relay at ${source.url}, access version ${accessVersion}, ${heard(hubAge)}`,
    policies: () => relayPolicies(source.url),
  };
}

function heard(seconds: number | null): string {
  if (seconds === null) return "from disk: the hub was not heard of since its start";
  return seconds === 0 ? "connected to the hub now" : `last heard of the hub ${seconds} s ago`;
}

/** The policies of the relay's own cluster, read now. @throws Error when the relay cannot be reached or its source cannot list them. */
export async function relayPolicies(url: string): Promise<ClusterPolicies> {
  const response = await fetchRelay(url, "/policies");
  const told = (await response.json()) as Pick<ClusterPolicies, "items"> & Partial<ClusterPolicies>;
  return { items: told.items, unread: told.unread ?? [UNTOLD] };
}

/** A relay of the version before tells policies only. */
const UNTOLD = { kind: "NetworkSet", message: "the relay is of a version that does not tell them" };

/** @throws Error when the relay cannot be reached or answers an error. */
export async function fetchRelay(url: string, path: string): Promise<Response> {
  const response = await fetch(new URL(path, url)).catch((error: unknown) => {
    throw new Error(
      `cannot reach the relay at ${url}: ${((error as Error).cause as Error | undefined)?.message ?? String(error)}`,
      { cause: error },
    );
  });
  if (!response.ok)
    throw new Error(
      `the relay at ${url} answered ${response.status}: ${(await response.text()).slice(0, 200)}`,
    );
  return response;
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

/** Endpoints that a selector matches, own and remote, as Felix would: labels inherited from the profiles of the same cluster. By name. */
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
