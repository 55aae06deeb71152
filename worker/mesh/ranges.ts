/** Decisions about which addresses belong to which cluster. The first to have a range keeps it: nothing here moves one. [VIS25] [VIS26] */
import { cidrsOverlap, parseCidr } from "../../shared/ip/cidr.ts";
import type { Cidr } from "../../shared/ip/cidr.ts";
import { RangeSet } from "../../shared/ip/range-set.ts";
import { must } from "../../shared/lib/assert.ts";
import type { RangeClaim, RangeUse } from "../../shared/visibility/facts.ts";
import { checkClaim, checkGivenRange, MAX_RANGES } from "../../shared/visibility/own-ranges.ts";
import type { Mesh } from "./mesh.ts";
import { Refused } from "./outcome.ts";
import type { ClusterRow, RangeRow } from "./registry.ts";

const FIELD: Record<RangeUse, string> = { pods: "cidrs", nodes: "nodeCidrs" };

/** @throws Refused naming the range and its rule: an operator hears at once, and nothing is added. */
export function giveRanges(mesh: Mesh, uid: string, use: RangeUse, cidrs: readonly string[]): void {
  if (cidrs.length > MAX_RANGES)
    throw new Refused(422, "too-many", `a cluster has at most ${MAX_RANGES} ranges`);
  const others = rangesOfOthers(mesh, uid);
  for (const [index, text] of cidrs.entries()) {
    const field = `${FIELD[use]}.${index}`;
    const checked = checkGivenRange(text, use);
    if (!checked.ok)
      throw new Refused(422, "bad-range", checked.rule, [{ field, rule: checked.rule }]);
    const taken = overlapping(others, checked.parsed);
    if (taken !== undefined) {
      const rule = `${checked.cidr} overlaps ${describe(mesh, taken)}`;
      throw new Refused(409, "range-taken", rule, [{ field, rule }]);
    }
    pin(mesh, { clusterUid: uid, use, cidr: checked.cidr, from: "operator" });
  }
}

/**
 * First claims: what no rule forbids is pinned, the rest is remembered with the rule, so that it is neither lost nor asked again.
 * A claim that an earlier range covers changes nothing.
 */
export function claimRanges(mesh: Mesh, cluster: ClusterRow, claims: readonly RangeClaim[]): void {
  const { uid } = cluster;
  mesh.touch(uid);
  const others = rangesOfOthers(mesh, uid);
  const pinned = mesh.ranges(uid);
  const own = { pods: new RangeSet(pinned.pods), nodes: new RangeSet(pinned.nodes) };
  let room = MAX_RANGES - pinned.pods.length - pinned.nodes.length;
  for (const claim of claims.slice(0, MAX_RANGES)) {
    const checked = checkClaim(claim.cidr, claim.use);
    if (!checked.ok) {
      refuse(mesh, uid, claim, checked.rule, null);
      continue;
    }
    const { cidr, parsed } = checked;
    if (own[claim.use].contains(parsed)) continue;
    const taken = overlapping(others, parsed);
    if (cluster.given.includes(claim.use))
      refuse(
        mesh,
        uid,
        claim,
        `${cidr} is outside the ${claim.use} ranges given by the operator, and only the operator widens those`,
        null,
      );
    else if (taken !== undefined)
      refuse(mesh, uid, claim, `${cidr} overlaps ${describe(mesh, taken)}`, taken.clusterUid);
    else if (room <= 0)
      refuse(mesh, uid, claim, `a cluster has at most ${MAX_RANGES} ranges`, null);
    else {
      room--;
      own[claim.use].add(parsed);
      pin(mesh, { clusterUid: uid, use: claim.use, cidr, from: "first-claim" });
      mesh.store.delete("refused", rangeId(uid, claim.use, claim.cidr));
      mesh.audit(`cluster ${cluster.name}`, "first claim", `${cidr} for ${claim.use}`);
    }
  }
}

function refuse(
  mesh: Mesh,
  uid: string,
  claim: RangeClaim,
  reason: string,
  conflictUid: string | null,
): void {
  const id = rangeId(uid, claim.use, claim.cidr.slice(0, 64));
  const isKnown = mesh.store.get("refused", id) !== undefined;
  // At the bound a further refusal is answered by silence: the record stays in quarantine, and the claim is made again later.
  if (!isKnown && mesh.store.count("refused", `${uid}/`) >= MAX_RANGES) return;
  const cidr = claim.cidr.slice(0, 64);
  mesh.store.put("refused", id, { use: claim.use, cidr, reason, conflictUid });
}

function pin(mesh: Mesh, row: RangeRow): void {
  mesh.store.put("ranges", rangeId(row.clusterUid, row.use, row.cidr), row);
}

function rangeId(uid: string, use: RangeUse, cidr: string): string {
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
    .map(([, row]) => ({ row, parsed: must(parseCidr(row.cidr), "a pinned range is a prefix") }));
}

function overlapping(ranges: readonly ParsedRange[], cidr: Cidr): RangeRow | undefined {
  return ranges.find(({ parsed }) => cidrsOverlap(parsed, cidr))?.row;
}

function describe(mesh: Mesh, row: RangeRow): string {
  return `${row.cidr}, the ${row.use} range of cluster ${mesh.member(row.clusterUid)?.name ?? row.clusterUid}`;
}
