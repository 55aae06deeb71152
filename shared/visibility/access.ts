/**
 * Visibility between members. `effective(A→B)` = an RCC in A naming B ∧ a grant by B covering A;
 * everything that an Origin decides about readers follows from the facts computed here, so that one
 * pure function is the whole visibility rule. [VIS20]
 *
 * Clusters are UIDs throughout: names are for people, and a cluster removed and added again under
 * its name is another one. [VIS21]
 */
import type {
  ClusterRef,
  OriginFacts,
  PinnedRanges,
  Reader,
  ReaderPools,
  RefusedClaim,
  Remote,
  ScopedReader,
} from "./facts.ts";
import { DEFAULT_CHANNELS } from "./facts.ts";
import type { OverlayOrder } from "./overlay-order.ts";
import { exportHash, isVetoed } from "./export-report.ts";
import type { ExportReport } from "./export-report.ts";
import { labelModeOf, sharesPools } from "./rcc.ts";
import { channelsOf } from "./scope.ts";
import type { Scope } from "./scope.ts";
import type { WithdrawalOrder } from "./withdrawal-order.ts";

/** A member, as the registry holds it. */
export interface MemberRow {
  readonly uid: string;
  readonly name: string;
  /** The mesh incarnation it belongs to. */
  readonly meshId: string;
  readonly meshName: string;
  readonly keyGeneration: number;
  readonly removed: boolean;
  /** It neither sees nor is seen. Absent: it is not. [VIS50] */
  readonly suspended?: boolean;
  /** The accessVersion at which this member's facts last changed. */
  readonly factsVersion: number;
}

/** An RCC of a cluster, bound to its remote. */
export interface BoundRcc {
  readonly name: string;
  readonly remoteUid: string;
  readonly overlayRoutingMode: Remote["overlayRoutingMode"];
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * The registry as the function reads it. Lookups by pair, so that a mesh of many clusters is
 * never walked whole.
 */
export interface AccessRegistry {
  member(uid: string): MemberRow | undefined;
  rccsOf(clusterUid: string): readonly BoundRcc[];
  /** At most one RCC of a cluster names a given remote. */
  rccTo(clusterUid: string, remoteUid: string): BoundRcc | undefined;
  /** UIDs of the readers that an origin has granted, all of it or what a scope shows. */
  readersGrantedBy(originUid: string): readonly string[];
  /** With `null` for a scope: all of the origin. */
  grantOf(originUid: string, readerUid: string): { readonly scope: Scope | null } | undefined;
  ranges(clusterUid: string): PinnedRanges;
  refusedClaims(clusterUid: string): readonly RefusedClaim[];
  /** CIDRs of the cluster's own pools, as its Origin has noted them. */
  poolsOf(clusterUid: string): readonly string[];
  /** The veto of the cluster's owner. */
  exportsOf(clusterUid: string): ExportReport | undefined;
  /** Of what the cluster says of itself for routes. */
  overlayHashOf(clusterUid: string): string | undefined;
  /** What relays of a cluster are to do about routes to a remote. */
  overlayOrder(clusterUid: string, remoteUid: string): OverlayOrder | undefined;
  /** What was decided about withdrawals that its relay holds. Absent: nothing ever is. */
  withdrawalOrder?(clusterUid: string): WithdrawalOrder | undefined;
}

/**
 * Whether records of `originUid` may be given to `readerUid`: all of them, or those that the
 * grant's scope shows. A removed or suspended cluster is neither seen nor sees, and none that the
 * origin's owner vetoes sees it. [VIS20] [VIS50] [EXP5]
 */
export function isEffective(
  registry: AccessRegistry,
  readerUid: string,
  originUid: string,
): boolean {
  return (
    readerUid !== originUid &&
    isActive(registry.member(readerUid)) &&
    isActive(registry.member(originUid)) &&
    registry.rccTo(readerUid, originUid) !== undefined &&
    registry.grantOf(originUid, readerUid) !== undefined &&
    !isKeptFrom(registry, readerUid, originUid)
  );
}

/** Neither removed nor suspended. */
function isActive(member: MemberRow | undefined): boolean {
  return member?.removed === false && member.suspended !== true;
}

/** Whether the owner of the origin keeps it from the reader, whatever is granted. [EXP5] */
export function isKeptFrom(
  registry: Pick<AccessRegistry, "member" | "exportsOf">,
  readerUid: string,
  originUid: string,
): boolean {
  return isVetoed(registry.exportsOf(originUid), registry.member(readerUid)?.name ?? "");
}

/**
 * Everything one cluster's Origin must know, in a stable order, so that equal registries give equal
 * facts.
 * @returns `null` for a UID that the registry never had. A removed cluster has facts that say so
 *   and name nobody.
 */
export function computeFacts(registry: AccessRegistry, uid: string): OriginFacts | null {
  const member = registry.member(uid);
  if (member === undefined) return null;
  const readers = member.removed ? [] : readersOf(registry, uid);
  const scopedReaders = readers.filter((reader) => "scope" in reader);
  const pools = member.removed ? [] : registry.poolsOf(uid);
  const overlayHash = registry.overlayHashOf(uid);
  const exported = member.removed ? undefined : registry.exportsOf(uid);
  const withdrawal = member.removed ? undefined : registry.withdrawalOrder?.(uid);
  // fault: pools-of-strangers
  const readerPools = readerPoolsOf(registry, uid, readers);
  return {
    meshId: member.meshId,
    meshName: member.meshName,
    accessVersion: member.factsVersion,
    cluster: refOf(member),
    keyGeneration: member.keyGeneration,
    removed: member.removed,
    readers: readers.filter((reader) => !("scope" in reader)),
    // Only where there are some: facts of versions before stay what they were.
    ...(scopedReaders.length === 0 ? {} : { scopedReaders }),
    remotes: member.removed ? [] : remotesOf(registry, uid),
    ranges: member.removed ? { pods: [], nodes: [] } : registry.ranges(uid),
    refusedClaims: member.removed ? [] : registry.refusedClaims(uid),
    ...(scopedReaders.some(hasServices) ? { asked: ["services" as const] } : {}),
    ...(pools.length === 0 ? {} : { pools }),
    ...(overlayHash === undefined ? {} : { overlayHash }),
    ...(exported === undefined ? {} : { exportHash: exportHash(exported) }),
    ...(withdrawal === undefined ? {} : { withdrawal }),
    ...(readerPools.length === 0 ? {} : { readerPools }),
  };
}

function hasServices(reader: Reader | ScopedReader): boolean {
  return "scope" in reader && channelsOf(reader.scope).includes("services");
}

function readersOf(
  registry: AccessRegistry,
  originUid: string,
): readonly (Reader | ScopedReader)[] {
  const readers: (Reader | ScopedReader)[] = [];
  for (const readerUid of registry.readersGrantedBy(originUid)) {
    const reader = registry.member(readerUid);
    const rcc = registry.rccTo(readerUid, originUid);
    const scope = registry.grantOf(originUid, readerUid)?.scope ?? null;
    if (reader === undefined || rcc === undefined) continue;
    if (!isEffective(registry, readerUid, originUid)) continue;
    readers.push({
      cluster: refOf(reader),
      keyGeneration: reader.keyGeneration,
      rcc: rcc.name,
      ...(scope === null ? {} : { scope }),
      ...(registry.overlayOrder(readerUid, originUid) === undefined
        ? {}
        : { channels: [...DEFAULT_CHANNELS, "routing"] as const }),
    });
  }
  return readers.toSorted((a, b) => compareText(a.cluster.uid, b.cluster.uid));
}

/**
 * On an effective edge A→B the pools of A, and nothing else of it, are told to B, unless the RCC
 * keeps them. [VIS32]
 */
function readerPoolsOf(
  registry: AccessRegistry,
  originUid: string,
  readers: readonly Reader[],
): readonly ReaderPools[] {
  return readers.flatMap(({ cluster }) => {
    const rcc = registry.rccTo(cluster.uid, originUid);
    const pools = registry.poolsOf(cluster.uid);
    return rcc === undefined || !sharesPools(rcc.annotations) || pools.length === 0
      ? []
      : [{ cluster, pools }];
  });
}

/** Of hundreds of RCCs, with every change of one: each row is asked for once. */
function remotesOf(registry: AccessRegistry, uid: string): readonly Remote[] {
  const remotes: Remote[] = [];
  const isReaderActive = isActive(registry.member(uid));
  for (const rcc of registry.rccsOf(uid)) {
    const origin = registry.member(rcc.remoteUid);
    if (origin === undefined || origin.removed) continue;
    const grant = registry.grantOf(rcc.remoteUid, uid);
    const isVetoed = grant !== undefined && isKeptFrom(registry, uid, rcc.remoteUid);
    // As `isEffective`, of an RCC that is there.
    const isGranted =
      grant !== undefined &&
      !isVetoed &&
      isReaderActive &&
      isActive(origin) &&
      uid !== rcc.remoteUid;
    const overlay = isGranted ? registry.overlayOrder(uid, rcc.remoteUid) : undefined;
    const scope = isGranted ? grant.scope : null;
    remotes.push({
      rcc: rcc.name,
      origin: refOf(origin),
      state: isGranted ? "granted" : "not-granted",
      ...(isVetoed ? { reason: "vetoed" as const } : {}),
      overlayRoutingMode: rcc.overlayRoutingMode,
      // Only where it is asked for: facts of versions before stay what they were.
      ...(labelModeOf(rcc.annotations) === "prefixed" ? { labels: "prefixed" } : {}),
      ...(scope === null ? {} : { scope }),
      ...(sharesPools(rcc.annotations) ? {} : { pools: "not-shared" }),
      ...(overlay === undefined ? {} : { overlay }),
    });
  }
  return remotes.toSorted((a, b) => compareText(a.rcc, b.rcc));
}

/** There is a grant, and the owner of the origin keeps it from the reader. */
export function isVetoedGrant(
  registry: AccessRegistry,
  readerUid: string,
  originUid: string,
): boolean {
  const grant = registry.grantOf(originUid, readerUid);
  return grant !== undefined && isKeptFrom(registry, readerUid, originUid);
}

function refOf(member: MemberRow): ClusterRef {
  return { uid: member.uid, name: member.name };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
