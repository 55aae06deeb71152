/**
 * A change of whom a cluster sees that `catwalk policy` is asked about: an RCC that is applied or
 * deleted, a grant that is given or taken away. What the cluster sees now, and what it would see
 * then, are read from the hub. [CLI14]
 */
import { getCluster } from "../../shared/api/clusters.ts";
import { listGrants } from "../../shared/api/grants.ts";
import { listRccs } from "../../shared/api/rccs.ts";
import type { LabelMode } from "../../shared/visibility/facts.ts";
import { labelModeOf, parseRcc } from "../../shared/visibility/rcc.ts";
import { projectorOf } from "../../shared/visibility/scope.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import type { SeenRecord, World } from "../../relay/policy/world.ts";
import { OwnAddresses } from "../../relay/view/served.ts";
import type { Client } from "../admin/client.ts";
import { readObjects } from "./documents.ts";
import { scopeOf } from "./scope-flags.ts";
import type { ScopeFlags } from "./scope-flags.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";

export interface ChangeFlags extends ScopeFlags {
  readonly affectedBy?: string;
  readonly affectedByGrant?: string;
  readonly deleted?: boolean;
}

/** An RCC that names a member; with a grant, an edge of the mesh. */
export interface Edge {
  readonly rcc: string;
  readonly remote: string;
  readonly labels: LabelMode;
  /** `null` for all; `undefined` without a grant. */
  readonly scope: Scope | null | undefined;
}

export interface Change {
  /** `RCC db`, `RCC db, deleted,`, `the grant of db`. */
  readonly subject: string;
  readonly remote: string;
  /** Absent: no RCC names the remote, so the grant has no effect. */
  readonly rcc: string | null;
  readonly now: Edge | null;
  readonly after: Edge | null;
  /** Nobody has granted it: answered as if all were. */
  readonly isGrantAssumed: boolean;
}

interface Registry {
  readonly edges: readonly Edge[];
  readonly scopeGrantedBy: (origin: string) => Scope | null | undefined;
}

/**
 * @throws UsageError for wrong flags or a wrong file, CommandError for an RCC or cluster that is
 *   not there.
 */
export async function readChange(
  flags: ChangeFlags,
  cluster: string,
  client: Client,
): Promise<Change> {
  const scope = scopeOf(flags);
  const isDeleted = flags.deleted === true;
  if (flags.affectedBy !== undefined && flags.affectedByGrant !== undefined)
    throw new UsageError("give either --affected-by or --affected-by-grant");
  if (scope !== null && (flags.affectedByGrant === undefined || isDeleted))
    throw new UsageError(
      "--kind, --namespace, --selector and --label say what a grant shows: they need --affected-by-grant, without --deleted",
    );
  const registry = await readRegistry(cluster, client);
  if (flags.affectedByGrant !== undefined)
    return grantChange(flags.affectedByGrant, isDeleted, scope, cluster, client, registry);
  return rccChange(flags.affectedBy ?? "", isDeleted, cluster, registry);
}

async function grantChange(
  origin: string,
  isDeleted: boolean,
  scope: Scope | null,
  cluster: string,
  client: Client,
  registry: Registry,
): Promise<Change> {
  if (origin === cluster) throw new CommandError(`a grant by ${cluster} to itself means nothing`);
  // Says that the mesh has no such cluster.
  await client.call(getCluster, { params: { mesh: client.mesh, cluster: origin } });
  const edge = registry.edges.find(({ remote }) => remote === origin) ?? null;
  return {
    subject: `the grant of ${origin}${isDeleted ? ", deleted," : ""}`,
    remote: origin,
    rcc: edge?.rcc ?? null,
    now: effective(edge),
    after: isDeleted || edge === null ? null : { ...edge, scope },
    isGrantAssumed: false,
  };
}

function rccChange(
  given: string,
  isDeleted: boolean,
  cluster: string,
  { edges, scopeGrantedBy }: Registry,
): Change {
  const wanted = isFile(given) ? readRcc(given) : null;
  const name = wanted?.rcc ?? given;
  const applied = edges.find(({ rcc }) => rcc === name) ?? null;
  const target = wanted ?? applied;
  if (target === null || (isDeleted && applied === null))
    throw new CommandError(`cluster ${cluster} has no RCC named ${name}`);
  if (target.remote === cluster)
    throw new CommandError(`RCC ${name} names its own cluster ${cluster}`);
  const rival = edges.find(({ rcc, remote }) => remote === target.remote && rcc !== name);
  if (rival !== undefined)
    throw new CommandError(
      `RCC ${rival.rcc} of cluster ${cluster} already names ${target.remote}: one RCC names a remote`,
    );
  const granted = scopeGrantedBy(target.remote);
  return {
    subject: `RCC ${name}${isDeleted ? ", deleted," : ""}`,
    remote: target.remote,
    rcc: name,
    now: effective(applied),
    after: isDeleted ? null : { ...target, scope: granted === undefined ? null : granted },
    isGrantAssumed: !isDeleted && granted === undefined,
  };
}

function effective(edge: Edge | null): Edge | null {
  return edge === null || edge.scope === undefined ? null : edge;
}

function isFile(given: string): boolean {
  // The name of an RCC has neither a dot nor a slash.
  return given === "-" || /[./]/.test(given);
}

/** @throws UsageError naming the file, the field and the rule. */
function readRcc(file: string): Edge {
  const objects = (() => {
    try {
      return readObjects(file, "--affected-by");
    } catch (error) {
      if (error instanceof CommandError) throw new UsageError(error.message, { cause: error });
      throw error;
    }
  })();
  const [object, ...others] = objects;
  if (object === undefined || others.length > 0)
    throw new UsageError(`${file}: must have one RemoteClusterConfiguration`);
  const parsed = parseRcc(object.json);
  if (!parsed.ok) {
    const [problem] = parsed.problems;
    throw new UsageError(`${file}:${object.line}: ${problem?.field}: ${problem?.rule}`);
  }
  const { name, remoteName, annotations } = parsed.rcc;
  if (remoteName === null)
    throw new CommandError(
      `RCC ${name} has connection fields and is NotServed by a hub: what relays read by it is not known there`,
    );
  return { rcc: name, remote: remoteName, labels: labelModeOf(annotations), scope: undefined };
}

async function readRegistry(cluster: string, client: Client): Promise<Registry> {
  const { mesh } = client;
  const [rccs, grants] = await Promise.all([
    client.call(listRccs, { params: { mesh, cluster } }),
    client.call(listGrants, { params: { mesh } }),
  ]);
  const scopeGrantedBy = (origin: string): Scope | null | undefined => {
    const grant = grants.items.find(
      (one) => one.reader.name === cluster && one.origin.name === origin,
    );
    return grant === undefined ? undefined : (grant.scope ?? null);
  };
  const edges = rccs.items.flatMap(({ metadata, status }): Edge[] => {
    if (status.remote === null) return [];
    const remote = status.remote.name;
    const labels = labelModeOf(metadata.annotations);
    return [{ rcc: metadata.name, remote, labels, scope: scopeGrantedBy(remote) }];
  });
  return { edges, scopeGrantedBy };
}

export interface Worlds {
  readonly now: World;
  readonly after: World;
  /** Records of the remote that the cluster's relays would refuse then. */
  readonly refused: number;
}

/** @throws CommandError when the hub refuses, or a remote cannot be read in time. */
export async function worldsOf(change: Change, cluster: string, client: Client): Promise<Worlds> {
  const { rcc, after, remote } = change;
  const { readHubView } = await import("./hub-view.ts");
  const [seen, { ranges }, whole] = await Promise.all([
    readHubView(client, { cluster }),
    client.call(getCluster, { params: { mesh: client.mesh, cluster } }),
    after === null ? null : readHubView(client, { cluster: remote, origin: remote }),
  ]);
  const own = seen.records.filter(({ isOwn }) => isOwn).map(({ record }) => record);
  const addresses = new OwnAddresses(ranges, own);
  const isServed = ({ isOwn, record }: SeenRecord) =>
    isOwn || addresses.served(record).kind !== "nothing";
  const truth = `as the hub at ${client.server} has it, read just now`;
  const policies = () => Promise.resolve({ items: [], unread: [] });
  const now: World = {
    cluster: seen.cluster,
    records: seen.records.filter(isServed),
    prefixed: seen.prefixed,
    truth,
    policies,
  };
  const project = after?.scope == null ? null : projectorOf(after.scope);
  const shown = (whole?.records ?? []).flatMap((one): SeenRecord[] => {
    const record = !one.isOwn ? null : project === null ? one.record : project(one.record);
    return record === null ? [] : [{ ...one, record, origin: rcc ?? remote, isOwn: false }];
  });
  const served = shown.filter(isServed);
  const prefixed = new Set([...seen.prefixed].filter((name) => name !== rcc));
  if (after?.labels === "prefixed") prefixed.add(after.rcc);
  const others = now.records.filter(({ origin, isOwn }) => isOwn || origin !== rcc);
  return {
    now,
    after: { ...now, records: [...others, ...served], prefixed },
    refused: shown.length - served.length,
  };
}
