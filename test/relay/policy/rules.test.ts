import { expect, test } from "vitest";

import { holdPolicy } from "../../../relay/policy/holding.ts";
import { rulesOf } from "../../../relay/policy/rules.ts";
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
  ).toEqual(["(pcns.env in {'prod'} && has(pcns.team)) && (a == 'x')"]);
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
  ).toEqual(["(projectcalico.org/serviceaccount in { 'web' }) && (pcsa.role == 'front')"]);
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
    policies: () => Promise.resolve([]),
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
