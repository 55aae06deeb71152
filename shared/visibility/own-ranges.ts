/**
 * Which addresses a cluster may call its own. Ownership is rooted in the registry: an operator gave
 * the range, or the first claim was pinned. A first claim is only believed for addresses that
 * nobody can own on the Internet, because nobody vouched for it. [VIS25] [VIS26]
 */
import { cidrContains, cidrsOverlap, formatCidr, parseCidr } from "../ip/cidr.ts";
import type { Cidr } from "../ip/cidr.ts";
import { must } from "../lib/assert.ts";
import type { RangeUse } from "./facts.ts";

/** Ranges of one cluster. A claim past it is refused by name. [VIS27] */
export const MAX_RANGES = 4096;

/**
 * Refused claims of one cluster that are remembered: its facts name each, and are made, stored and
 * told anew with every claim. With so many nothing more is claimed. [VIS27]
 */
export const MAX_REFUSED = 256;

const NEVER: readonly (readonly [string, string])[] = [
  ["0.0.0.0/8", "this network (RFC 1122)"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link-local"],
  ["224.0.0.0/4", "multicast"],
  ["240.0.0.0/4", "reserved and broadcast"],
  ["::/128", "unspecified"],
  ["::1/128", "loopback"],
  ["fe80::/10", "link-local"],
  ["ff00::/8", "multicast"],
];
const CLAIMABLE: readonly string[] = [
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "fc00::/7",
];

const known = (text: string): Cidr => must(parseCidr(text), `${text} is a prefix`);
const NEVER_RANGES = NEVER.map(([text, what]) => ({ range: known(text), text, what }));
const CLAIMABLE_RANGES = CLAIMABLE.map(known);

export type RangeCheck =
  | { readonly ok: true; readonly cidr: string; readonly parsed: Cidr }
  | { readonly ok: false; readonly rule: string };

/**
 * A range that an operator gives: unicast, in canonical spelling. A bare address is a node's; else
 * it is a prefix whose length was forgotten.
 */
export function checkGivenRange(text: string, use: RangeUse | "shared"): RangeCheck {
  const parsed = parseCidr(text);
  if (parsed === null) return { ok: false, rule: `${JSON.stringify(text)} is not a CIDR` };
  const cidr = formatCidr(parsed);
  if (use !== "nodes" && !text.includes("/"))
    return { ok: false, rule: `${text} has no prefix length: write ${cidr} for a single address` };
  if (cidr !== text && !(text === cidr.slice(0, cidr.indexOf("/"))))
    return { ok: false, rule: `${text} is not canonical: write ${cidr}` };
  const rule = checkUnicast(parsed, cidr);
  return rule === null ? { ok: true, cidr, parsed } : { ok: false, rule };
}

/**
 * Pod ranges that a cluster pins by first claims, in all: one member must not take all private
 * space. [VIS26]
 */
export const MAX_FIRST_CLAIMS = 16;
/** Shortest prefix of a first claim. */
const WIDEST_CLAIM = { ipv4: 12, ipv6: 40 } as const;

/**
 * A range that a cluster claims first: private, CGNAT or ULA, no wider than /12 or /40, and single
 * addresses for nodes. [VIS26]
 */
export function checkClaim(text: string, use: RangeUse): RangeCheck {
  const parsed = parseCidr(text);
  if (parsed === null) return { ok: false, rule: `${JSON.stringify(text)} is not a CIDR` };
  const cidr = formatCidr(parsed);
  const rule = checkUnicast(parsed, cidr);
  if (rule !== null) return { ok: false, rule };
  const widest = WIDEST_CLAIM[parsed.address.length === 4 ? "ipv4" : "ipv6"];
  if (parsed.length < widest)
    return { ok: false, rule: `${cidr} is wider than /${widest}: only the operator can give it` };
  if (use === "nodes" && parsed.length !== parsed.address.length * 8)
    return { ok: false, rule: `${cidr}: a node claims single addresses` };
  if (!CLAIMABLE_RANGES.some((range) => cidrContains(range, parsed)))
    return {
      ok: false,
      rule: `${cidr} is not private (RFC 1918), CGNAT (100.64.0.0/10) or ULA (fc00::/7): only the operator can give it`,
    };
  return { ok: true, cidr, parsed };
}

function checkUnicast(parsed: Cidr, cidr: string): string | null {
  if (parsed.length === 0) return `${cidr} is a default route`;
  const hit = NEVER_RANGES.find(({ range }) => cidrsOverlap(range, parsed));
  return hit === undefined ? null : `${cidr} overlaps ${hit.text} (${hit.what})`;
}
