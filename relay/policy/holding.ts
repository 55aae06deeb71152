/** What each rule of a policy holds now: IP-set members as Felix would have them, and whose they are. */
import { parseSelector } from "../../shared/selector/parse.ts";
import type { PolicyObject } from "../source/source.ts";
import { rulesOf } from "./rules.ts";
import type { RuleMatch } from "./rules.ts";
import { endpointName, matchEndpoints } from "./world.ts";
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
}

/** Policies of that name (`name` or `namespace/name`) in the cluster, with what their rules hold. @throws Error for a policy that cannot be read. */
export async function holdingOf(name: string, world: World): Promise<HeldPolicy[]> {
  const policies = await world.policies();
  return policiesCalled(name, policies).map((policy) => holdPolicy(policy, world));
}

/** Those of a name, `NAME` or `NAMESPACE/NAME`. */
export function policiesCalled(name: string, policies: readonly PolicyObject[]): PolicyObject[] {
  const [namespace, short] = name.includes("/")
    ? (name.split("/", 2) as [string, string])
    : [null, name];
  return policies.filter(
    ({ metadata }) =>
      metadata.name === short && (namespace === null || metadata.namespace === namespace),
  );
}

/** @throws Error naming the field or the place of a selector that is wrong. */
export function holdPolicy(policy: PolicyObject, world: World): HeldPolicy {
  const rules = rulesOf(policy);
  if (!rules.ok) throw new Error(`policy ${policy.metadata.name}: ${rules.message}`);
  return { policy, rules: rules.matches.map((rule) => holdRule(policy, rule, world)) };
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
  return { ...rule, members };
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
