/**
 * First claims of a direct remote: which addresses it may call its own, where no hub pins them. The
 * incumbent keeps what it has; the local cluster is always the first. Pure. [DIR7]
 */
import { cidrContains, cidrsOverlap, parseCidr } from "../../shared/ip/cidr.ts";
import type { PinnedRanges, RangeClaim, RefusedClaim } from "../../shared/visibility/facts.ts";
import {
  checkClaim,
  MAX_FIRST_CLAIMS,
  MAX_RANGES,
  MAX_REFUSED,
} from "../../shared/visibility/own-ranges.ts";

/** Ranges of somebody else, in words: `this cluster`, `remote db`. */
export interface Holder {
  readonly whose: string;
  readonly cidrs: readonly string[];
}

export interface Claimed {
  readonly ranges: PinnedRanges;
  readonly refused: readonly RefusedClaim[];
}

export const NOTHING_CLAIMED: Claimed = { ranges: { pods: [], nodes: [] }, refused: [] };

export function claim(
  before: Claimed,
  claims: readonly RangeClaim[],
  others: readonly Holder[],
): Claimed {
  const pods = [...before.ranges.pods];
  const nodes = [...before.ranges.nodes];
  const refused = new Map(before.refused.map((one) => [`${one.use} ${one.cidr}`, one]));
  for (const one of claims) {
    const pinned = one.use === "pods" ? pods : nodes;
    const decided = decide(one, pinned, others);
    if (decided.kind === "pinned") pinned.push(decided.cidr);
    else if (decided.kind === "refused" && refused.size < MAX_REFUSED)
      refused.set(`${one.use} ${one.cidr}`, { ...one, reason: decided.reason });
  }
  return {
    ranges: { pods: pods.toSorted(), nodes: nodes.toSorted() },
    refused: [...refused.values()],
  };
}

type Decision =
  | { readonly kind: "pinned"; readonly cidr: string }
  | { readonly kind: "held" }
  | { readonly kind: "refused"; readonly reason: string };

function decide(
  { cidr: text, use }: RangeClaim,
  pinned: readonly string[],
  others: readonly Holder[],
): Decision {
  const checked = checkClaim(text, use);
  if (!checked.ok) return { kind: "refused", reason: checked.rule };
  const { cidr, parsed } = checked;
  const overlaps = (other: string): boolean => {
    const range = parseCidr(other);
    return range !== null && cidrsOverlap(range, parsed);
  };
  const isHeld = pinned.some((own) => {
    const range = parseCidr(own);
    return range !== null && cidrContains(range, parsed);
  });
  if (isHeld) return { kind: "held" };
  for (const { whose, cidrs } of others) {
    const taken = cidrs.find(overlaps);
    if (taken !== undefined)
      return { kind: "refused", reason: `${cidr} overlaps ${taken} of ${whose}` };
  }
  const most = use === "pods" ? MAX_FIRST_CLAIMS : MAX_RANGES;
  if (pinned.length >= most)
    return { kind: "refused", reason: `a remote pins at most ${most} ranges for ${use}` };
  return { kind: "pinned", cidr };
}
