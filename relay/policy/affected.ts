/**
 * What a change of whom a cluster sees does to its policies: which sets of their rules get
 * endpoints, and which lose some. A policy's own selector never matches a remote endpoint, so
 * nothing else of a policy changes. [SEL7]
 */
import { errorText } from "../../shared/lib/error-text.ts";
import type { PolicyObject } from "../source/source.ts";
import { holdPolicy } from "./holding.ts";
import type { HeldRule, Member } from "./holding.ts";
import type { World } from "./world.ts";

export interface ChangedEndpoint {
  /** As `catwalk eval` writes it. */
  readonly endpoint: string;
  /** As in the rule's IP set. */
  readonly members: readonly string[];
}

export interface AffectedRule extends Omit<HeldRule, "members"> {
  /** Addresses that the rule holds now. */
  readonly before: number;
  readonly joining: readonly ChangedEndpoint[];
  readonly leaving: readonly ChangedEndpoint[];
}

export interface AffectedPolicy {
  readonly policy: PolicyObject;
  readonly rules: readonly AffectedRule[];
}

export interface Affected {
  readonly policies: readonly AffectedPolicy[];
  /**
   * Policies that cannot be read, with what is wrong: what the change does to them is not known.
   */
  readonly unreadable: readonly { readonly policy: PolicyObject; readonly message: string }[];
}

/** @param now What the cluster sees. @param then What it would see. */
export function affectedBy(policies: readonly PolicyObject[], now: World, then: World): Affected {
  const affected: AffectedPolicy[] = [];
  const unreadable: { policy: PolicyObject; message: string }[] = [];
  for (const policy of policies) {
    try {
      const after = holdPolicy(policy, then).rules;
      // The same policy has the same rules, in the same order.
      const rules = holdPolicy(policy, now).rules.flatMap((rule, i) =>
        changed(rule, after[i]?.members ?? []),
      );
      if (rules.length > 0) affected.push({ policy, rules });
    } catch (error) {
      unreadable.push({ policy, message: errorText(error) });
    }
  }
  return { policies: affected, unreadable };
}

function changed(
  { members: before, ...rule }: HeldRule,
  after: readonly Member[],
): readonly AffectedRule[] {
  const joining = without(after, before);
  const leaving = without(before, after);
  if (joining.length === 0 && leaving.length === 0) return [];
  const addresses = new Set(before.map(({ member }) => member));
  return [{ ...rule, before: addresses.size, joining, leaving }];
}

/** Of the one what the other lacks, by endpoint. */
function without(some: readonly Member[], others: readonly Member[]): readonly ChangedEndpoint[] {
  const idOf = ({ member, owner, origin }: Member): string =>
    JSON.stringify([member, owner, origin]);
  const known = new Set(others.map(idOf));
  const byOwner = Map.groupBy(
    some.filter((one) => !known.has(idOf(one))),
    ({ owner }) => owner,
  );
  return [...byOwner].map(([endpoint, own]) => ({
    endpoint,
    members: own.map(({ member }) => member),
  }));
}
