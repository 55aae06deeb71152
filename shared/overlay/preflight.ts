/**
 * Whether two clusters may have routes to each other: one pure function over what both say of
 * themselves. Each requirement comes with both clusters' values, in words; one that fails says what
 * to do. [OVL2]
 */
import { CHECKS, REQUIREMENTS, WARNINGS } from "./checks.ts";
import type { Pair, RequirementCode } from "./checks.ts";
import type { Clashes } from "./clash-index.ts";
import type { OverlaySummary } from "./summary.ts";

/** A cluster, and what is known of it; `null`: its relay has not said. */
export interface Side {
  readonly name: string;
  readonly summary: OverlaySummary | null;
}

export interface Requirement {
  readonly code: RequirementCode;
  /** A warning keeps nobody from routing. */
  readonly state: "met" | "warning" | "failed";
  /** In words; empty where it is met. */
  readonly message: string;
  /** The clusters' values. */
  readonly values: readonly [string, string];
}

/** All requirements of a pair, in their order. */
export function preflight(a: Side, b: Side, clashes: Clashes): readonly Requirement[] {
  const pair = pairOf(a, b, clashes);
  if ("missing" in pair) return [notReported(pair.missing, a, b)];
  return REQUIREMENTS.map((code): Requirement => {
    const { find, value } = CHECKS[code];
    const values = [value(pair.sides[0]), value(pair.sides[1])] as const;
    const { state, message } = find(pair) ?? { state: "met", message: "" };
    return { code, state, message, values };
  });
}

/** The first requirement that fails, in words; `null`: the pair is ready. */
export function firstFailure(a: Side, b: Side, clashes: Clashes): string | null {
  const pair = pairOf(a, b, clashes);
  if ("missing" in pair) return notReported(pair.missing, a, b).message;
  for (const code of REQUIREMENTS) {
    if (WARNINGS.has(code)) continue;
    const found = CHECKS[code].find(pair);
    if (found?.state === "failed") return `${code}: ${found.message}`;
  }
  return null;
}

/** Why two remotes of one cluster cannot both have routes there; `null`: they can. */
export function remotesClash(a: string, b: string, { macs, ranges }: Clashes): string | null {
  const [mac] = macs;
  if (mac !== undefined) return `${a} and ${b} have nodes with the tunnel MAC ${mac}`;
  const [range] = ranges;
  return range === undefined ? null : `${a} and ${b} overlap: ${range}`;
}

function pairOf(a: Side, b: Side, clashes: Clashes): Pair | { readonly missing: string } {
  if (a.summary === null) return { missing: a.name };
  if (b.summary === null) return { missing: b.name };
  return { names: [a.name, b.name], sides: [a.summary, b.summary], clashes };
}

function notReported(missing: string, a: Side, b: Side): Requirement {
  const value = ({ summary }: Side): string => (summary === null ? "not reported" : "reported");
  const message = `no relay of ${missing} has said what its routes need: it is away, or older than routes between clusters`;
  return { code: "Reported", state: "failed", message, values: [value(a), value(b)] };
}
