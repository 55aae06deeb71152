/**
 * `catwalk policy` against a real Felix: 150 recorded cases of random remote endpoints and
 * profiles. After each step the members of each rule, as our model holds them, differ from those of
 * the step before by exactly what entered and left Felix's IP sets.
 */
import { expect, test } from "vitest";

import { holdPolicy } from "../../relay/policy/holding.ts";
import type { HeldRule } from "../../relay/policy/holding.ts";
import type { SeenRecord, World } from "../../relay/policy/world.ts";
import type { PolicyObject } from "../../relay/source/source.ts";
import { formatSelector } from "../../shared/selector/ast.ts";
import { parseSelector } from "../../shared/selector/parse.ts";
import { keyOf } from "../../shared/record/key.ts";
import { identityRecord } from "../support/felix-model/to-record.ts";
import type { RecordedKv } from "../support/felix-model/to-record.ts";
import { readRandomCases, readRandomCluster, sorted } from "../support/random-cases.ts";
import type { Delta, RandomCluster } from "../support/random-cases.ts";

interface V1Rule {
  readonly action: string;
  readonly protocol?: string;
  readonly src_selector?: string;
  readonly "!src_selector"?: string;
  readonly src_ports?: readonly (string | number)[];
  readonly dst_selector?: string;
  readonly "!dst_selector"?: string;
  readonly dst_ports?: readonly (string | number)[];
  readonly "!dst_ports"?: readonly (string | number)[];
}

interface Cluster extends RandomCluster {
  readonly policies: readonly {
    readonly key: string;
    readonly value: { readonly inbound_rules: V1Rule[]; readonly outbound_rules: V1Rule[] };
  }[];
  readonly rules: readonly {
    readonly policy: string;
    readonly direction: "in" | "out";
    readonly rule: number;
    readonly match: string;
    readonly set: string;
  }[];
}

const cluster = readRandomCluster() as Cluster;

/** What an author wrote where the recording's selector is already joined with a namespace. */
const AS_WRITTEN: Readonly<Record<string, Partial<PolicyObject> & { readonly spec: unknown }>> = {
  p10: ingressFrom({ namespaceSelector: "env == 'staging'" }),
  p11: ingressFrom({ namespaceSelector: "env == 'staging'", selector: "app == 'client'" }),
  p12: ingressFrom({ namespaceSelector: "all()", selector: "app == 'db'" }),
  p13: ingressFrom({ namespaceSelector: "global()", selector: "role == 'edge'" }),
  p14: { ...inShop("p14"), ...ingressFrom({ selector: "app == 'client'" }) },
  p15: {
    ...inShop("p15"),
    apiVersion: "networking.k8s.io/v1",
    spec: { ingress: [{ from: [{ podSelector: { matchLabels: { app: "db" } } }] }] },
  },
  p16: ingressFrom({ serviceAccounts: { selector: "team == 'red'" } }),
  p46: {
    ...inShop("p46"),
    spec: {
      ingress: [
        {
          action: "Allow",
          protocol: "TCP",
          destination: { selector: "has(app)", ports: ["http"] },
        },
      ],
    },
  },
};

function ingressFrom(source: unknown) {
  return { spec: { ingress: [{ action: "Allow", source }] } };
}

function inShop(name: string) {
  return { kind: "NetworkPolicy", metadata: { name, namespace: "shop" } };
}

function policyOf({ key, value }: Cluster["policies"][number]): PolicyObject {
  const name = key.split("/").at(-1) ?? "";
  return {
    apiVersion: "projectcalico.org/v3",
    kind: "GlobalNetworkPolicy",
    metadata: { name },
    spec: {
      ingress: value.inbound_rules.map(ruleOf),
      egress: value.outbound_rules.map(ruleOf),
    },
    ...AS_WRITTEN[name],
  };
}

function ruleOf(rule: V1Rule): unknown {
  return {
    action: rule.action,
    ...(rule.protocol === undefined ? {} : { protocol: rule.protocol.toUpperCase() }),
    source: {
      selector: rule.src_selector,
      notSelector: rule["!src_selector"],
      ports: rule.src_ports,
    },
    destination: {
      selector: rule.dst_selector,
      notSelector: rule["!dst_selector"],
      ports: rule.dst_ports,
      notPorts: rule["!dst_ports"],
    },
  };
}

const POLICIES = cluster.policies.map((recorded) => ({ recorded, policy: policyOf(recorded) }));
const SET_IDS = new Map(
  cluster.sets.map(({ set, selector, namedPort, protocol }) => [
    `${normal(selector)} ${namedPort ?? ""} ${protocol ?? ""}`,
    set,
  ]),
);

function normal(selector: string): string {
  const parsed = parseSelector(selector);
  if (!parsed.ok) throw new Error(parsed.error);
  return formatSelector(parsed.selector);
}

/** The recorded set that a rule of ours stands for. */
function setOf(rule: HeldRule): string {
  const [port] = rule.namedPorts;
  const id = `${normal(rule.selector)} ${port?.name ?? ""} ${port?.protocol ?? ""}`;
  return SET_IDS.get(id) ?? `no set ${id}`;
}

function matchOf(rule: HeldRule): string {
  return `${rule.isNegated ? "not " : ""}${rule.side}${rule.namedPorts.length > 0 ? " named port" : ""}`;
}

function worldOf(records: ReadonlyMap<string, SeenRecord>): World {
  return {
    cluster: "local",
    records: [...records.values()],
    prefixed: new Set(),
    truth: "recorded",
    policies: () => Promise.resolve({ items: [], unread: [] }),
  };
}

function heldRules(world: World) {
  return POLICIES.flatMap(({ policy }) =>
    holdPolicy(policy, world).rules.map((rule) => ({ policy, rule })),
  );
}

/** Set → members. Rules of one set must agree. */
function setsOf(world: World): Map<string, Set<string>> {
  const sets = new Map<string, Set<string>>();
  for (const { rule } of heldRules(world)) {
    const members = new Set(rule.members.map(({ member }) => member));
    const before = sets.get(setOf(rule));
    if (before !== undefined) expect(members).toEqual(before);
    sets.set(setOf(rule), members);
  }
  return sets;
}

function apply(records: Map<string, SeenRecord>, kvs: readonly RecordedKv[]): void {
  for (const kv of kvs) {
    const read = identityRecord(kv);
    if (read === null) continue;
    const id = `${read.rcc} ${keyOf(read.record)}`;
    if (kv.value === null) records.delete(id);
    else
      records.set(id, {
        origin: read.rcc === "" ? "local" : read.rcc,
        isOwn: read.rcc === "",
        key: keyOf(read.record),
        revision: 1,
        record: read.record,
      });
  }
}

/** Member → sets, as the recording writes what enters or leaves. */
function entered(
  from: ReadonlyMap<string, ReadonlySet<string>>,
  to: ReadonlyMap<string, ReadonlySet<string>>,
): Delta {
  const delta: Record<string, string[]> = {};
  for (const [set, members] of to)
    for (const member of members)
      if (from.get(set)?.has(member) !== true) (delta[member] ??= []).push(set);
  for (const sets of Object.values(delta)) sets.sort();
  return delta;
}

test("[SEL6] each rule of 48 policies has the IP sets that Felix made of it", () => {
  const base = new Map<string, SeenRecord>();
  apply(base, cluster.kvs);
  const ours = heldRules(worldOf(base)).map(({ policy, rule }) => {
    return `${policy.metadata.name} ${rule.direction === "ingress" ? "in" : "out"}[${rule.rule}] ${matchOf(rule)}: ${setOf(rule)}`;
  });
  const recorded = cluster.rules.map(
    ({ policy, direction, rule, match, set }) =>
      `${policy.split("/").at(-1)} ${direction}[${rule}] ${match}: ${set}`,
  );
  expect(ours.toSorted()).toEqual(recorded.toSorted());
  const sets = setsOf(worldOf(base));
  for (const { set, members } of cluster.sets) expect([...(sets.get(set) ?? [])]).toEqual(members);
});

test("[SEL6] who enters and leaves which set is what Felix said, in every step of 150 random cases", () => {
  const cases = readRandomCases();
  expect(cases).toHaveLength(150);
  for (const { seed, steps, final } of cases) {
    const records = new Map<string, SeenRecord>();
    apply(records, cluster.kvs);
    const start = setsOf(worldOf(records));
    let before = start;
    for (const [i, step] of steps.entries()) {
      apply(records, step.kvs);
      const after = setsOf(worldOf(records));
      expect(
        { add: entered(before, after), remove: entered(after, before) },
        `case ${seed}, step ${i}`,
      ).toEqual({ add: sorted(step.add), remove: sorted(step.remove) });
      before = after;
    }
    const differing = [...before].filter(([set, members]) => {
      const then = start.get(set) ?? new Set();
      return members.size !== then.size || [...members].some((member) => !then.has(member));
    });
    expect(
      Object.fromEntries(differing.map(([set, members]) => [set, [...members].toSorted()])),
      `case ${seed}, final`,
    ).toEqual(sorted(final));
  }
});
