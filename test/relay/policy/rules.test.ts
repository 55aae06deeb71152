import { expect, test } from "vitest";

import { holdPolicy } from "../../../relay/policy/holding.ts";
import { rulesOf } from "../../../relay/policy/rules.ts";
import { sortPolicies } from "../../../relay/policy/sort-policies.ts";
import type { World } from "../../../relay/policy/world.ts";
import type { PolicyObject } from "../../../relay/source/source.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { labelsOf } from "../../../shared/selector/inherited-labels.ts";
import { keyOf } from "../../../shared/record/key.ts";
import { pod } from "../../support/records.ts";

const calico = (spec: unknown, kind = "NetworkPolicy"): PolicyObject => ({
  apiVersion: "projectcalico.org/v3",
  kind,
  metadata: { name: "p", ...(kind === "NetworkPolicy" ? { namespace: "shop" } : {}) },
  spec,
});
const selectors = (policy: PolicyObject) => {
  const rules = rulesOf(policy);
  return rules.ok ? rules.matches.map((match) => match.selector) : rules.message;
};

test("[SEL4] own labels win over inherited ones, and the first profile that has one over the others", () => {
  const endpoint = { ...pod("a", "10.0.0.1", { own: "1" }), profiles: ["p1", "p2"] };
  const profiles: Record<string, Record<string, string>> = {
    p1: { own: "x", both: "p1" },
    p2: { both: "p2", last: "p2" },
  };
  const labels = labelsOf(endpoint, {}, (name) => profiles[name]);
  expect(["own", "both", "last", "none", "constructor"].map(labels)).toEqual([
    "1",
    "p1",
    "p2",
    undefined,
    undefined,
  ]);
});

test("[SEL5] a namespaced rule means its own namespace, unless a namespace selector says otherwise", () => {
  expect(
    selectors(calico({ ingress: [{ action: "Allow", source: { selector: "role == 'api'" } }] })),
  ).toEqual(["(projectcalico.org/namespace == 'shop') && (role == 'api')"]);
  expect(
    selectors(
      calico({
        egress: [
          {
            action: "Allow",
            destination: {
              selector: "a == 'x'",
              namespaceSelector: "env in {'prod'} && has(team)",
            },
          },
        ],
      }),
    ),
  ).toEqual(["((pcns.env in {\"prod\"} && has(pcns.team))) && (a == 'x')"]);
  expect(
    selectors(
      calico({ egress: [{ action: "Allow", destination: { namespaceSelector: "all()" } }] }),
    ),
  ).toEqual(["has(projectcalico.org/namespace)"]);
  expect(
    selectors(
      calico({
        egress: [
          { action: "Allow", destination: { selector: "x == 'y'", namespaceSelector: "global()" } },
        ],
      }),
    ),
  ).toEqual(["(!has(projectcalico.org/namespace)) && (x == 'y')"]);
  expect(
    selectors(
      calico(
        { ingress: [{ action: "Allow", source: { selector: "role == 'api'" } }] },
        "GlobalNetworkPolicy",
      ),
    ),
  ).toEqual(["role == 'api'"]);
});

test("[SEL5] a negated selector of a namespaced rule means the others of its own namespace", () => {
  expect(
    selectors(calico({ ingress: [{ action: "Deny", source: { notSelector: "role == 'api'" } }] })),
  ).toEqual(["(projectcalico.org/namespace == 'shop') && (!(role == 'api'))"]);
});

test("[SEL6] a Kubernetes rule's named ports are its own pods' at ingress, and its peers' at egress", () => {
  const policy: PolicyObject = {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "p", namespace: "shop" },
    spec: {
      ingress: [{ from: [{ podSelector: {} }], ports: [{ port: "http" }] }],
      egress: [{ to: [{ namespaceSelector: {} }], ports: [{ port: "dns", protocol: "UDP" }] }],
    },
  };
  const rules = rulesOf(policy);
  expect(
    rules.ok &&
      rules.matches.map(({ direction, side, namedPorts: [port], selector }) => [
        `${direction} ${side}`,
        `${port?.name} ${port?.protocol}`,
        selector,
      ]),
  ).toEqual([
    [
      "ingress source",
      "undefined undefined",
      "(projectcalico.org/namespace == 'shop') && (projectcalico.org/orchestrator == 'k8s')",
    ],
    ["ingress destination", "http tcp", "all()"],
    [
      "egress destination",
      "dns udp",
      "(has(projectcalico.org/namespace)) && (projectcalico.org/orchestrator == 'k8s')",
    ],
  ]);
});

test("[SEL5] service accounts by name and by label", () => {
  expect(
    selectors(
      calico(
        {
          ingress: [
            {
              action: "Allow",
              source: { serviceAccounts: { names: ["web"], selector: "role == 'front'" } },
            },
          ],
        },
        "GlobalNetworkPolicy",
      ),
    ),
  ).toEqual(["(projectcalico.org/serviceaccount in { 'web' }) && (pcsa.role == \"front\")"]);
});

test("[SEL5] a Kubernetes NetworkPolicy means Kubernetes pods, of its namespace or of selected ones", () => {
  const policy: PolicyObject = {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "p", namespace: "shop" },
    spec: {
      ingress: [
        {
          from: [
            { podSelector: { matchLabels: { role: "api" } } },
            {
              namespaceSelector: { matchLabels: { env: "prod" } },
              podSelector: {
                matchExpressions: [{ key: "tier", operator: "NotIn", values: ["x"] }],
              },
            },
            { namespaceSelector: {} },
            { ipBlock: { cidr: "10.0.0.0/8" } },
          ],
        },
      ],
    },
  };
  expect(selectors(policy)).toEqual([
    "(projectcalico.org/namespace == 'shop') && (projectcalico.org/orchestrator == 'k8s' && role == 'api')",
    "(pcns.env == 'prod') && (projectcalico.org/orchestrator == 'k8s' && tier not in { 'x' })",
    "(has(projectcalico.org/namespace)) && (projectcalico.org/orchestrator == 'k8s')",
  ]);
});

test("[SEL5] a rule of a wrong type is an error that names the field", () => {
  expect(selectors(calico({ ingress: [{ action: "Allow", source: { selector: 5 } }] }))).toMatch(
    /^spec\.ingress\.0\.source\.selector: /,
  );
});

test("[CLI12] members of a rule are those whose labels match, remote ones by cluster label too; named ports with address and port", async () => {
  const remote = {
    ...pod("db-0", "10.20.0.1", { role: "db" }),
    ports: [{ name: "sql", protocol: "tcp" as const, port: 5432 }],
  };
  const seen = (origin: string, isOwn: boolean, record: CalicoRecord) => ({
    origin,
    isOwn,
    key: keyOf(record),
    revision: 1,
    record,
  });
  const world: World = {
    cluster: "app",
    records: [
      seen("app", true, pod("db-9", "10.10.0.9", { role: "db" })),
      seen("db", false, remote),
    ],
    prefixed: new Set(),
    truth: "",
    policies: () => Promise.resolve({ items: [], unread: [] }),
  };
  const held = holdPolicy(
    calico(
      {
        egress: [
          {
            action: "Allow",
            protocol: "TCP",
            destination: { selector: "role == 'db'", ports: ["sql"] },
          },
          { action: "Allow", destination: { selector: "catwalk.dev/cluster == 'db'" } },
          { action: "Deny", destination: { notSelector: "role == 'db'" } },
        ],
      },
      "GlobalNetworkPolicy",
    ),
    world,
  );
  expect(
    held.rules.map((rule) => [
      rule.isNegated,
      rule.members.map(({ member, owner }) => `${member} ${owner}`),
    ]),
  ).toEqual([
    [false, ["10.20.0.1,tcp:5432 db/node-1/k8s/shop.db-0/eth0"]],
    [false, ["10.20.0.1/32 db/node-1/k8s/shop.db-0/eth0"]],
    [true, ["10.20.0.1/32 db/node-1/k8s/shop.db-0/eth0", "10.10.0.9/32 node-1/k8s/shop.db-9/eth0"]],
  ]);
});

/** A world of one pod in namespace `shop`, with its namespace's labels. */
function worldWith(networkSets: readonly PolicyObject[]): World {
  const own = (record: CalicoRecord) => ({
    origin: "app",
    isOwn: true,
    key: keyOf(record),
    revision: 1,
    record,
  });
  return {
    cluster: "app",
    records: [
      own({ ...pod("web", "10.10.0.9", { role: "web" }), profiles: ["kns.shop"] }),
      own({ kind: "Profile", name: "kns.shop", labels: { "pcns.team": "blue" } }),
    ],
    prefixed: new Set(),
    truth: "",
    networkSets: sortPolicies(networkSets).networkSets,
    policies: () => Promise.resolve({ items: [], unread: [] }),
  };
}

const set = (kind: string, metadata: object, nets: unknown): PolicyObject => ({
  apiVersion: "projectcalico.org/v3",
  kind,
  metadata: metadata as PolicyObject["metadata"],
  spec: { nets },
});

test("[SEL9] rules hold network sets: a namespaced one is matched like an endpoint of its namespace, and none is in the set of a named port", () => {
  const world = worldWith([
    set("NetworkSet", { name: "s", namespace: "shop", labels: { role: "web" } }, ["192.0.2.7"]),
    set("NetworkSet", { name: "t", namespace: "lab", labels: { role: "web" } }, ["192.0.2.9/32"]),
    set("GlobalNetworkSet", { name: "g", labels: { role: "web" } }, [
      "203.0.113.7/24",
      "2001:DB8::/32",
    ]),
  ]);
  const held = holdPolicy(
    calico(
      {
        egress: [
          { action: "Allow", destination: { selector: "role == 'web'" } },
          { action: "Allow", destination: { namespaceSelector: "team == 'blue'" } },
          { action: "Allow", destination: { namespaceSelector: "global()" } },
          { action: "Allow", destination: { notSelector: "role == 'db'" } },
          {
            action: "Allow",
            protocol: "TCP",
            destination: { selector: "role == 'web'", ports: ["http"] },
          },
        ],
      },
      "GlobalNetworkPolicy",
    ),
    world,
  );
  const owners = held.rules.map((rule) =>
    rule.members.map(({ member, owner }) => `${member} ${owner}`),
  );
  const [web, s, t] = [
    "10.10.0.9/32 node-1/k8s/shop.web/eth0",
    "192.0.2.7/32 NetworkSet shop/s",
    "192.0.2.9/32 NetworkSet lab/t",
  ];
  const g = ["203.0.113.0/24 GlobalNetworkSet g", "2001:db8::/32 GlobalNetworkSet g"];
  expect(owners).toEqual([[web, s, t, ...g], [web, s], g, [], []]);
});

test("[SEL9] what is wrong in a network set is told, and the rest of it counts", () => {
  const sorted = sortPolicies([
    set("NetworkSet", { name: "s", namespace: "shop", labels: { a: 1, b: "x" } }, [
      "10.0.0.0/33",
      5,
      "10.0.0.1",
    ]),
    set("GlobalNetworkSet", { name: "g" }, "10.0.0.1"),
    set("GlobalNetworkSet", { name: "none" }, undefined),
  ]);
  expect(sorted.networkSets.map(({ nets }) => nets)).toEqual([["10.0.0.1/32"], [], []]);
  expect(sorted.networkSets[0]?.labels).toEqual({ b: "x", "projectcalico.org/namespace": "shop" });
  expect(sorted.problems).toEqual([
    'NetworkSet shop/s: spec.nets[0]: "10.0.0.0/33" is no address or prefix',
    "NetworkSet shop/s: spec.nets[1]: 5 is no address or prefix",
    "GlobalNetworkSet g: spec.nets: must be a list",
  ]);
});

test("[SEL10] kinds whose rules are not worked out are told apart, and so is the set of a service", () => {
  const named = (apiVersion: string, kind: string): PolicyObject => ({
    apiVersion,
    kind,
    metadata: { name: "x" },
  });
  const admin = "policy.networking.k8s.io";
  const { leftOut, policies } = sortPolicies([
    named(`${admin}/v1alpha1`, "AdminNetworkPolicy"),
    named(`${admin}/v1alpha1`, "BaselineAdminNetworkPolicy"),
    named(`${admin}/v1alpha2`, "ClusterNetworkPolicy"),
    named(`${admin}/v1`, "ClusterNetworkPolicy"),
    named("projectcalico.org/v3", "StagedNetworkPolicy"),
    named("crd.projectcalico.org/v1", "GlobalNetworkPolicy"),
    named("apps/v1", "NetworkPolicy"),
  ]);
  expect([leftOut.length, policies.map(({ kind }) => kind)]).toEqual([5, ["GlobalNetworkPolicy"]]);
  const service = { name: "db", namespace: "shop" };
  const egress = [{ action: "Allow", destination: { services: service } }];
  expect(rulesOf(calico({ egress }))).toMatchObject({
    ok: true,
    matches: [],
    notCounted: ["egress[0] destination: the endpoints of service shop/db"],
  });
});

test("[SEL10] a policy that Calico drops for its main selector holds nothing, and says why", () => {
  const ingress = [{ action: "Allow", source: { selector: "a == 'b'" } }];
  for (const field of ["selector", "namespaceSelector", "serviceAccountSelector"])
    expect(selectors(calico({ [field]: "!has(a, b)", ingress }))).toMatch(
      new RegExp(`^spec\\.${field}: expected .*Calico drops the whole policy`),
    );
  expect(
    selectors(calico({ ingress: [{ action: "Allow", source: { namespaceSelector: "a = b" } }] })),
  ).toMatch(/^spec\.ingress\[0\]\.source\.namespaceSelector: expected an operator/);
});

test("[SEL7] null is an absent field of a policy, and an apiVersion without policies is named", () => {
  const nulls = {
    ingress: null,
    egress: [
      {
        action: "Allow",
        protocol: null,
        source: null,
        destination: { selector: "a == 'b'", ports: null },
      },
    ],
  };
  expect(selectors(calico(nulls, "GlobalNetworkPolicy"))).toEqual(["a == 'b'"]);
  expect(selectors(calico({ ingress: {} }))).toBe("spec.ingress: must be an array");
  const none = { kind: "NetworkPolicy", metadata: { name: "p" } } as unknown as PolicyObject;
  expect(selectors(none)).toMatch(/^apiVersion: undefined has no NetworkPolicy that is read/);
});

test("[SEL5] a namespace selector is read by the parser: every spelling of an operator, functions with spaces, quotes that hold syntax", () => {
  const of = (namespaceSelector: string) =>
    selectors(calico({ ingress: [{ action: "Allow", source: { namespaceSelector } }] }));
  for (const [written, meant] of [
    ["a not in {'x'}", 'pcns.a not in {"x"}'],
    ["a notin{'x',}", 'pcns.a not in {"x"}'],
    ["all( )", "has(projectcalico.org/namespace)"],
    ["!all()", "!has(projectcalico.org/namespace)"],
    ["global()", "!has(projectcalico.org/namespace)"],
    ["in == 'x' || has( not )", '(pcns.in == "x" || has(pcns.not))'],
    ["a == 'all()' && b != \"x in {'y'}\"", '(pcns.a == "all()" && pcns.b != "x in {\'y\'}")'],
    ["a starts with 'x'", 'pcns.a starts with "x"'],
    ["(!(a contains 'x'))", '!pcns.a contains "x"'],
  ] as const)
    expect([written, of(written)]).toEqual([written, [meant]]);
});
