/**
 * The IP sets of the policies that apply to a local endpoint, by the rules of the felix stream: own
 * labels win over inherited ones, the first profile over the others.
 */
import { matches } from "../../../shared/selector/ast.ts";
import type { LabelLookup } from "../../../shared/selector/ast.ts";
import { parseSelector } from "../../../shared/selector/parse.ts";
import type { Objects } from "./objects.ts";
import type { FelixValues, PortValue } from "./shapes.ts";

type Rule = FelixValues["Policy"]["inbound_rules"][number];

interface Endpoint {
  readonly host: string;
  readonly ips: readonly string[];
  readonly labels: LabelLookup;
  readonly ports: readonly PortValue[];
}

interface SetOfRule {
  /** `source`, `not destination`, `source named port http/tcp` … */
  readonly match: string;
  readonly selector: string;
  readonly port?: { readonly name: string; readonly protocol: string };
}

/** Name of the set, as the recordings write it → members, sorted. */
export function ipSetsOf(objects: Objects, hostname: string): Record<string, readonly string[]> {
  const endpoints = [...endpointsOf(objects)];
  const local = endpoints.filter(({ host }) => host === hostname);
  const sets: Record<string, readonly string[]> = {};
  for (const [{ name }, policy] of objects.of("Policy")) {
    if (!local.some(({ labels }) => selects(policy.selector, labels))) continue;
    for (const [direction, rules] of [
      ["in", policy.inbound_rules],
      ["out", policy.outbound_rules],
    ] as const)
      for (const [i, rule] of rules.entries())
        for (const set of setsOf(rule))
          sets[`${name} ${direction}[${i}] ${set.match}: ${set.selector}`] = membersOf(
            endpoints,
            set,
          );
  }
  return sets;
}

export function selects(selector: string, labels: LabelLookup): boolean {
  const parsed = parseSelector(selector);
  return parsed.ok && matches(parsed.selector, labels);
}

export function* endpointsOf(objects: Objects): Generator<Endpoint> {
  for (const [{ host }, value] of objects.of("WorkloadEndpoint"))
    yield {
      host,
      ips: [...value.ipv4_nets, ...value.ipv6_nets].map(({ ip }) => ip),
      labels: labelsOf(objects, value.labels, value.profile_ids),
      ports: value.ports,
    };
  for (const [{ host }, value] of objects.of("HostEndpoint"))
    yield {
      host,
      ips: [...value.expected_ipv4_addrs, ...value.expected_ipv6_addrs],
      labels: labelsOf(objects, value.labels, value.profile_ids),
      ports: value.ports,
    };
  for (const [, value] of objects.of("NetworkSet"))
    yield {
      host: "",
      ips: value.nets.map(({ text }) => text),
      labels: labelsOf(objects, value.labels, value.profile_ids),
      ports: [],
    };
}

function labelsOf(
  objects: Objects,
  own: ReadonlyMap<string, string>,
  profiles: readonly string[],
): LabelLookup {
  return (label) => {
    const value = own.get(label);
    if (value !== undefined) return value;
    for (const name of profiles) {
      const inherited = objects
        .get<"Profile">({ kind: "Profile", name })
        ?.spec.labelsToApply.get(label);
      if (inherited !== undefined) return inherited;
    }
    return undefined;
  };
}

function setsOf(rule: Rule): SetOfRule[] {
  const protocol =
    rule.protocol === null ? "any" : "text" in rule.protocol ? rule.protocol.text : "tcp";
  return [
    ...sideSets(
      "source",
      protocol,
      rule.src_selector,
      rule["!src_selector"],
      rule.src_ports,
      rule["!src_ports"],
    ),
    ...sideSets(
      "destination",
      protocol,
      rule.dst_selector,
      rule["!dst_selector"],
      rule.dst_ports,
      rule["!dst_ports"],
    ),
  ];
}

type Ports = Rule["src_ports"];

function sideSets(
  side: string,
  protocol: string,
  positive: string,
  negative: string,
  ports: Ports,
  notPorts: Ports,
): SetOfRule[] {
  const named = (given: Ports) =>
    given.flatMap((port) => ("text" in port && !/^\d+(:\d+)?$/.test(port.text) ? [port.text] : []));
  const joined =
    positive !== "" && negative !== "" ? `(${positive}) && (!(${negative}))` : positive;
  const names = named(ports);
  const portSets = (given: readonly string[], not: string) =>
    given.map((name) => ({
      match: `${not}${side} named port ${name}/${protocol}`,
      selector: joined === "" ? "all()" : joined,
      port: { name, protocol },
    }));
  return [
    ...(joined !== "" && (names.length === 0 || names.length < ports.length)
      ? [{ match: side, selector: joined }]
      : []),
    ...portSets(names, ""),
    ...(positive === "" && negative !== "" ? [{ match: `not ${side}`, selector: negative }] : []),
    ...portSets(named(notPorts), "not "),
  ];
}

function membersOf(endpoints: readonly Endpoint[], { selector, port }: SetOfRule): string[] {
  const members = new Set<string>();
  for (const endpoint of endpoints) {
    if (!selects(selector, endpoint.labels)) continue;
    for (const ip of endpoint.ips) {
      if (port === undefined) members.add(memberOf(ip));
      else
        for (const has of endpoint.ports) {
          const protocol = "text" in has.protocol ? has.protocol.text : "";
          if (has.name === port.name && (port.protocol === "any" || port.protocol === protocol))
            members.add(`${ip},${protocol}:${has.port}`);
        }
    }
  }
  return [...members].toSorted();
}

function memberOf(ip: string): string {
  if (ip.includes("/")) return ip;
  return `${ip}/${ip.includes(":") ? 128 : 32}`;
}
