/**
 * What an RCC does to the policies of a cluster: which rules would name endpoints of the remote, and which. A policy's own selector never matches a remote
 * endpoint, so nothing else of a policy changes. [SEL7]
 */
import type { PolicyObject } from "../source/source.ts";
import { holdPolicy } from "./holding.ts";
import type { HeldRule } from "./holding.ts";
import type { World } from "./world.ts";

export interface JoiningEndpoint {
  /** As `catwalk eval` writes it. */
  readonly endpoint: string;
  /** As in the rule's IP set. */
  readonly members: readonly string[];
}

export interface AffectedRule extends Omit<HeldRule, "members"> {
  /** Addresses that the rule names without the RCC. */
  readonly before: number;
  readonly joining: readonly JoiningEndpoint[];
}

export interface AffectedPolicy {
  readonly policy: PolicyObject;
  readonly rules: readonly AffectedRule[];
}

export interface Affected {
  readonly policies: readonly AffectedPolicy[];
  /** Policies that cannot be read, with what is wrong: what an RCC does to them is not known. */
  readonly unreadable: readonly { readonly policy: PolicyObject; readonly message: string }[];
}

/** @param world With the remote's records under the RCC's name, applied or not. */
export function affectedBy(rcc: string, policies: readonly PolicyObject[], world: World): Affected {
  const affected: AffectedPolicy[] = [];
  const unreadable: { policy: PolicyObject; message: string }[] = [];
  for (const policy of policies) {
    try {
      const rules = holdPolicy(policy, world).rules.flatMap((rule) => changed(rcc, rule) ?? []);
      if (rules.length > 0) affected.push({ policy, rules });
    } catch (error) {
      unreadable.push({ policy, message: (error as Error).message });
    }
  }
  return { policies: affected, unreadable };
}

function changed(rcc: string, { members, ...rule }: HeldRule): AffectedRule | null {
  const joining = new Map<string, string[]>();
  const before = new Set<string>();
  for (const { member, owner, origin } of members) {
    if (origin !== rcc) before.add(member);
    else joining.set(owner, [...(joining.get(owner) ?? []), member]);
  }
  if (joining.size === 0) return null;
  return {
    ...rule,
    before: before.size,
    joining: [...joining].map(([endpoint, own]) => ({ endpoint, members: own })),
  };
}
