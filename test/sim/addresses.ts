/** Which addresses a record speaks for, and whether two texts mean some address both. */
import { cidrContains, cidrsOverlap, parseCidr } from "../../shared/ip/cidr.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";

/**
 * An endpoint's addresses, a pool's range: what a reader must not have as its own to be served the
 * record.
 */
export function addressesOf(record: CalicoRecord): readonly string[] {
  if (record.kind === "IPPool") return [record.cidr];
  if (record.kind === "ServiceEndpoint") return [record.ip];
  return "ips" in record ? record.ips : [];
}

/** Addresses or ranges. */
export function overlap(a: string, b: string): boolean {
  if (a === b) return true;
  if (!a.includes("/") && !b.includes("/")) return false;
  const [left, right] = [parseCidr(a), parseCidr(b)];
  return left !== null && right !== null && cidrsOverlap(left, right);
}

/** Whether a range holds another one whole. */
export function holds(outer: string, inner: string): boolean {
  const [wide, narrow] = [parseCidr(outer), parseCidr(inner)];
  return wide !== null && narrow !== null && cidrContains(wide, narrow);
}

/** Of the first place or nobody's, where it is taken away and given back. */
export const TAKEN_RANGE = "10.200.0.0/24";

export function isInTaken(record: CalicoRecord): boolean {
  return record.kind === "ServiceEndpoint" && overlap(record.ip, TAKEN_RANGE);
}
