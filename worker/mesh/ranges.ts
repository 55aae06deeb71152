/**
 * Decisions about which addresses belong to which cluster. The first to have a range keeps it:
 * nothing here moves one. [VIS25] [VIS26]
 */
import { nameOfKey } from "../../shared/record/key-name.ts";
import { cidrsOverlap, parseCidr } from "../../shared/ip/cidr.ts";
import type { Cidr } from "../../shared/ip/cidr.ts";
import { RangeSet } from "../../shared/ip/range-set.ts";
import { must } from "../../shared/lib/assert.ts";
import type { PinnedRanges, RangeClaim, RangeUse } from "../../shared/visibility/facts.ts";
import {
  checkClaim,
  checkGivenRange,
  MAX_FIRST_CLAIMS,
  MAX_RANGES,
  MAX_REFUSED,
} from "../../shared/visibility/own-ranges.ts";
import type { Mesh } from "./mesh.ts";
import { Refused } from "./outcome.ts";
import type { ClusterRow, RangeRow, RefusedRow } from "./registry.ts";

type Use = RangeRow["use"];

const FIELD: Record<Use, string> = { pods: "cidrs", nodes: "nodeCidrs", shared: "sharedCidrs" };
const CLAIMED_USES: readonly RangeUse[] = ["pods", "nodes"];

/**
 * What an operator says of a cluster's ranges: each list is all of that use; absent: it stays as it
 * is.
 */
export interface RangesChange {
  readonly cidrs?: readonly string[] | undefined;
  readonly nodeCidrs?: readonly string[] | undefined;
  readonly sharedCidrs?: readonly string[] | undefined;
}

/**
 * Gives a cluster these ranges. Those of the cluster's own that lie in a shared one become a part
 * of it.
 * @throws Refused naming the range and its rule: an operator hears at once, and nothing is changed.
 */
export function setRanges(mesh: Mesh, cluster: ClusterRow, change: RangesChange): void {
  const { uid } = cluster;
  const rows = plannedRanges(mesh, cluster, change);
  mesh.touch(uid);
  for (const [id] of mesh.store.list("ranges", `${uid}/`)) mesh.store.delete("ranges", id);
  for (const row of rows) pin(mesh, row);
  const given = CLAIMED_USES.filter((use) => {
    const said = use === "pods" ? change.cidrs : change.nodeCidrs;
    return said === undefined ? cluster.given.includes(use) : said.length > 0;
  });
  mesh.store.put("clusters", uid, { ...cluster, given });
  forgetSettledClaims(mesh, uid);
}

/** The ranges that a cluster would have. @throws Refused */
export function rangesAfter(mesh: Mesh, cluster: ClusterRow, change: RangesChange): PinnedRanges {
  const rows = plannedRanges(mesh, cluster, change);
  const of = (use: Use): string[] =>
    rows.flatMap((row) => (row.use === use ? [row.cidr] : [])).toSorted();
  const shared = of("shared");
  return { pods: of("pods"), nodes: of("nodes"), ...(shared.length === 0 ? {} : { shared }) };
}

function plannedRanges(mesh: Mesh, { uid }: ClusterRow, change: RangesChange): RangeRow[] {
  const before = mesh.store.list("ranges", `${uid}/`).map(([, row]) => row);
  const others = rangesOfOthers(mesh, uid);
  const given = (use: Use, cidrs: readonly string[] | undefined): RangeRow[] =>
    cidrs === undefined
      ? before.filter((row) => row.use === use)
      : cidrs.map((text, index) => givenRange(mesh, uid, use, text, index, others));
  const shared = given("shared", change.sharedCidrs);
  const sharedSet = new RangeSet(shared.map(({ cidr }) => cidr));
  const isApart = ({ cidr }: RangeRow): boolean => !sharedSet.contains(known(cidr));
  const rows = [
    ...shared,
    ...given("pods", change.cidrs).filter(isApart),
    ...given("nodes", change.nodeCidrs).filter(isApart),
  ];
  if (rows.length > MAX_RANGES)
    throw new Refused(422, "too-many", `a cluster has at most ${MAX_RANGES} ranges`);
  return rows;
}

function givenRange(
  mesh: Mesh,
  clusterUid: string,
  use: Use,
  text: string,
  index: number,
  others: readonly ParsedRange[],
): RangeRow {
  const field = `${FIELD[use]}.${index}`;
  const checked = checkGivenRange(text, use);
  if (!checked.ok)
    throw new Refused(422, "bad-range", checked.rule, [{ field, rule: checked.rule }]);
  const taken = overlapping(others, checked.parsed, use === "shared");
  if (taken !== undefined) {
    const hint = use === "shared" ? "; give it to that cluster as a shared range first" : "";
    const rule = `${checked.cidr} overlaps ${describe(mesh, taken)}${hint}`;
    throw new Refused(409, "range-taken", rule, [{ field, rule }]);
  }
  return { clusterUid, use, cidr: checked.cidr, from: "operator" };
}

/**
 * Refused claims that these ranges answer, of this cluster and of those that they were in the way
 * of.
 */
function forgetSettledClaims(mesh: Mesh, uid: string): void {
  const ranges = mesh.ranges(uid);
  const all = [...ranges.pods, ...ranges.nodes, ...(ranges.shared ?? [])];
  const own = new RangeSet(all);
  for (const [id, row] of mesh.store.list("refused")) {
    const cidr = parseCidr(row.cidr);
    const isOwn = id.startsWith(`${uid}/`);
    const isSettled = isOwn
      ? cidr !== null && (own.contains(cidr) || row.conflictUid === null)
      : row.conflictUid === uid && cidr !== null && !own.overlaps(cidr);
    if (!isSettled) continue;
    mesh.touch(id.slice(0, id.indexOf("/")));
    mesh.store.delete("refused", id);
  }
}

/**
 * First claims: what no rule forbids is pinned, the rest is remembered with the rule, so that it is
 * neither lost nor asked again. A claim that an earlier range covers changes nothing.
 */
export function claimRanges(mesh: Mesh, cluster: ClusterRow, claims: readonly RangeClaim[]): void {
  const { uid } = cluster;
  mesh.touch(uid);
  let others: readonly ParsedRange[] | null = null;
  const pinned = mesh.ranges(uid);
  const shared = pinned.shared ?? [];
  const own = {
    pods: new RangeSet([...pinned.pods, ...shared]),
    nodes: new RangeSet([...pinned.nodes, ...shared]),
  };
  const room = {
    pods: roomForPods(mesh, uid),
    nodes: MAX_RANGES - pinned.nodes.length,
    // Counted once: a cluster's refusals are a walk.
    refused: MAX_REFUSED - mesh.store.count("refused", `${uid}/`),
  };
  const refuse = (claim: RangeClaim, reason: string, conflictUid: string | null = null): void =>
    rememberRefused(mesh, uid, claim, { reason, conflictUid }, room);
  for (const claim of claims.slice(0, MAX_RANGES)) {
    const checked = checkClaim(claim.cidr, claim.use);
    if (!checked.ok) {
      refuse(claim, checked.rule);
      continue;
    }
    const { cidr, parsed } = checked;
    if (own[claim.use].contains(parsed)) continue;
    if (cluster.given.includes(claim.use)) {
      refuse(
        claim,
        `${cidr} is outside the ${claim.use} ranges given by the operator, who widens them with \`catwalk cluster set ${cluster.name} ${claim.use === "pods" ? "--cidr" : "--node-cidr"}\``,
      );
      continue;
    }
    if (room[claim.use] <= 0) {
      refuse(claim, ROOM_RULE[claim.use]);
      continue;
    }
    // All ranges of the mesh are looked through for claims only that can still be pinned.
    others ??= rangesOfOthers(mesh, uid);
    const taken = overlapping(others, parsed, false);
    if (taken !== undefined)
      refuse(claim, `${cidr} overlaps ${describe(mesh, taken)}`, taken.clusterUid);
    else {
      room[claim.use]--;
      own[claim.use].add(parsed);
      pin(mesh, { clusterUid: uid, use: claim.use, cidr, from: "first-claim" });
      mesh.store.delete("refused", rangeId(uid, claim.use, claim.cidr));
      mesh.audit.member(cluster, "first claim", `${cidr} for ${claim.use}`);
    }
  }
}

const ROOM_RULE: Record<RangeUse, string> = {
  pods: `a cluster pins at most ${MAX_FIRST_CLAIMS} pod ranges by itself: the operator gives more with \`catwalk cluster set\``,
  nodes: `a cluster has at most ${MAX_RANGES} node ranges`,
};

function roomForPods(mesh: Mesh, uid: string): number {
  const rows = mesh.store.list("ranges", `${uid}/pods/`);
  return MAX_FIRST_CLAIMS - rows.filter(([, { from }]) => from === "first-claim").length;
}

/** @param room For how many more; counted down. */
function rememberRefused(
  mesh: Mesh,
  uid: string,
  claim: RangeClaim,
  why: Pick<RefusedRow, "reason" | "conflictUid">,
  room: { refused: number },
): void {
  const cidr = claim.cidr.slice(0, 64);
  const id = rangeId(uid, claim.use, cidr);
  const isKnown = mesh.store.get("refused", id) !== undefined;
  // At the bound the Origin claims nothing more, and tells its publisher so.
  if (!isKnown && room.refused <= 0) return;
  if (!isKnown) room.refused--;
  mesh.store.put("refused", id, { use: claim.use, cidr, ...why });
}

function pin(mesh: Mesh, row: RangeRow): void {
  mesh.store.put("ranges", rangeId(row.clusterUid, row.use, row.cidr), row);
}

export function rangeId(uid: string, use: Use, cidr: string): string {
  return `${uid}/${use}/${cidr}`;
}

interface ParsedRange {
  readonly row: RangeRow;
  readonly parsed: Cidr;
}

function rangesOfOthers(mesh: Mesh, uid: string): readonly ParsedRange[] {
  return mesh.store
    .list("ranges")
    .filter(([, row]) => row.clusterUid !== uid)
    .map(([, row]) => ({ row, parsed: known(row.cidr) }));
}

function known(cidr: string): Cidr {
  return must(parseCidr(cidr), "a pinned range is a prefix");
}

/** @param isShared The range may overlap others that are shared. */
function overlapping(
  ranges: readonly ParsedRange[],
  cidr: Cidr,
  isShared: boolean,
): RangeRow | undefined {
  return ranges.find(
    ({ parsed, row }) => cidrsOverlap(parsed, cidr) && !(isShared && row.use === "shared"),
  )?.row;
}

const RANGE_WORD: Record<Use, string> = { pods: "pod", nodes: "node", shared: "shared" };

function describe(mesh: Mesh, row: RangeRow): string {
  return `${row.cidr}, the ${RANGE_WORD[row.use]} range of cluster ${mesh.member(row.clusterUid)?.name ?? row.clusterUid}`;
}

/** Records that an answer names which lie in a range that is to be taken away. */
export const NAMED_RECORDS = 5;

export function inUse(name: string, held: readonly { readonly key: string }[]): Refused {
  const named = held.map(({ key }) => nameOfKey(key)).join(", ");
  const more = held.length === NAMED_RECORDS ? ", and perhaps more" : "";
  return new Refused(
    409,
    "range-in-use",
    `cluster ${name} uses addresses of the ranges that would go: ${named}${more}`,
  );
}
