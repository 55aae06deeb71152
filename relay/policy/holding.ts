/**
 * What each rule of a policy holds now: IP-set members as Felix would have them, and whose they
 * are.
 */
import { parseSelector } from "../../shared/selector/parse.ts";
import type { PolicyObject } from "../source/source.ts";
import { sortPolicies } from "./sort-policies.ts";
import { rulesOf } from "./rules.ts";
import type { RuleMatch } from "./rule-match.ts";
import { endpointName, matchEndpoints, matchNetworkSets } from "./world.ts";
import type { MatchedEndpoint, World } from "./world.ts";

export interface Member {
  /** As in the IP set: `10.20.1.7/32`, or `10.20.1.7,tcp:8080` of a named port. */
  readonly member: string;
  readonly owner: string;
  /** RCC, or the cluster's own name. */
  readonly origin: string;
}

export interface HeldRule extends RuleMatch {
  readonly members: readonly Member[];
}

export interface HeldPolicy {
  readonly policy: PolicyObject;
  readonly rules: readonly HeldRule[];
  /** Sets of its rules that are not worked out, each with its place. */
  readonly notCounted: readonly string[];
}

/**
 * Policies of that name (`name` or `namespace/name`) in the cluster, with what their rules hold.
 * @throws Error for a policy that cannot be read.
 */
export async function holdingOf(name: string, world: World): Promise<HeldPolicy[]> {
  const { policies, networkSets } = sortPolicies((await world.policies()).items);
  const whole = { ...world, networkSets };
  return policiesCalled(name, policies).map((policy) => holdPolicy(policy, whole));
}

/** Those of a name, `NAME` or `NAMESPACE/NAME`. */
export function policiesCalled(name: string, policies: readonly PolicyObject[]): PolicyObject[] {
  const [namespace, short] = name.includes("/")
    ? (name.split("/", 2) as [string, string])
    : [null, name];
  const called = (wanted: string): PolicyObject[] =>
    policies.filter(
      ({ metadata }) =>
        metadata.name === wanted && (namespace === null || metadata.namespace === namespace),
    );
  const exact = called(short);
  // Older versions of Calico store a policy under the name of its tier and its own.
  return exact.length > 0 ? exact : called(`default.${short}`);
}

/** @throws Error naming the field or the place of a selector that is wrong. */
export function holdPolicy(policy: PolicyObject, world: World): HeldPolicy {
  const rules = rulesOf(policy);
  if (!rules.ok) throw new Error(`policy ${policy.metadata.name}: ${rules.message}`);
  const { matches, notCounted } = rules;
  return { policy, rules: matches.map((rule) => holdRule(policy, rule, world)), notCounted };
}

function holdRule(policy: PolicyObject, rule: RuleMatch, world: World): HeldRule {
  const parsed = parseSelector(rule.selector);
  if (!parsed.ok)
    throw new Error(
      `policy ${policy.metadata.name}, ${rule.direction}[${rule.rule}].${rule.side}: ${parsed.error}`,
    );
  const members = matchEndpoints(world, parsed.selector).flatMap((matched) =>
    membersOf(matched, rule).map((member) => ({
      member,
      owner: endpointName(matched),
      origin: matched.seen.origin,
    })),
  );
  // A network set has no ports: it is in no set of a named one.
  const sets = rule.namedPorts.length > 0 ? [] : matchNetworkSets(world, parsed.selector);
  const nets = sets.flatMap(({ title, nets: own }) =>
    own.map((member) => ({ member, owner: title, origin: world.cluster })),
  );
  return { ...rule, members: [...members, ...nets] };
}

function membersOf({ endpoint }: MatchedEndpoint, rule: RuleMatch): string[] {
  if (rule.namedPorts.length === 0)
    return endpoint.ips.map((ip) => `${ip}/${ip.includes(":") ? 128 : 32}`);
  const ports = endpoint.ports.filter((port) =>
    rule.namedPorts.some(
      ({ name, protocol }) =>
        name === port.name && (protocol === "any" || protocol === port.protocol),
    ),
  );
  return endpoint.ips.flatMap((ip) => ports.map((port) => `${ip},${port.protocol}:${port.port}`));
}
