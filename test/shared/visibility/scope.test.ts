import { describe, expect, test } from "vitest";

import type { CalicoRecord, HostEndpoint, Labels, Profile } from "../../../shared/record/record.ts";
import { keyOf } from "../../../shared/record/key.ts";
import { parseScope, projectorOf, scopeId } from "../../../shared/visibility/scope.ts";
import type { Scope } from "../../../shared/visibility/scope.ts";
import { node, pod, pool } from "../../support/records.ts";

const profile = (name: string, labels: Labels): Profile => ({ kind: "Profile", name, labels });
const HOST: HostEndpoint = {
  kind: "HostEndpoint",
  node: "n",
  name: "h",
  interfaceName: "",
  ips: [],
  labels: { role: "db" },
  profiles: [],
  ports: [],
};
const DB = { ...pod("db", "10.0.0.1", { role: "db", secret: "x" }), namespace: "shop" };
const WEB = { ...pod("web", "10.0.0.2", { role: "web" }), namespace: "web" };
const ALL: readonly CalicoRecord[] = [
  DB,
  WEB,
  HOST,
  profile("kns.shop", { "pcns.team": "a" }),
  profile("ksa.shop.default", { "pcsa.app": "b" }),
  profile("kns.web", {}),
  profile("allow", { x: "y" }),
  pool("10.0.0.0/16"),
  node("n"),
  { kind: "IPAMBlock", cidr: "10.0.0.0/26", node: "n", borrowed: [] },
  { kind: "ClusterConfig", params: {} },
];

function scope(value: unknown): Scope {
  const parsed = parseScope(value);
  if (!parsed.ok || parsed.scope === null) throw new Error(JSON.stringify(parsed));
  return parsed.scope;
}

const shown = (value: unknown, before: Scope | null = null): string[] =>
  ALL.flatMap((record) => projectorOf(scope(value), before)(record) ?? []).map(keyOf);
const keys = (...indices: number[]): string[] =>
  indices.map((at) => keyOf(ALL[at] as CalicoRecord));

describe("what a scope shows", () => {
  test("[SCP1] kinds: profiles go with endpoints, the cluster's settings with its nodes", () => {
    expect(shown({ kinds: ["WorkloadEndpoint"] })).toEqual(keys(0, 1, 3, 4, 5, 6));
    expect(shown({ kinds: ["Node", "IPPool"] })).toEqual(keys(7, 8, 10));
  });

  test("[SCP1] [SCP9] namespaces: only endpoints of these, and no host endpoint; pools and nodes have none and stay", () => {
    expect(shown({ namespaces: ["shop"] })).toEqual(keys(0, 3, 4, 7, 8, 9, 10));
  });

  test("[SCP1] a selector asks for an endpoint's own labels", () => {
    expect(
      shown({ selector: "role == 'db'", kinds: ["WorkloadEndpoint", "HostEndpoint"] }),
    ).toEqual(keys(0, 2, 3, 4, 5, 6));
  });

  test("[SCP1] labels: others are taken from endpoints and profiles, and nothing else is changed", () => {
    const project = projectorOf(scope({ labels: ["role"] }));
    expect(project(DB)).toEqual({ ...DB, labels: { role: "db" } });
    expect(project(profile("kns.shop", { "pcns.team": "a" }))).toEqual(profile("kns.shop", {}));
    expect(project(node("n"))).toEqual(node("n"));
  });

  test("[SCP1] a selector matches the labels that are there, also those that are not shown", () => {
    expect(projectorOf(scope({ selector: "role == 'db'", labels: ["x"] }))(DB)?.kind).toBe(
      "WorkloadEndpoint",
    );
  });

  test("[SCP1] a selector of a later version, which cannot be read here, shows no endpoint and stops nothing", () => {
    const project = projectorOf({ selector: "role resembles 'db'" });
    expect(ALL.flatMap((record) => project(record) ?? []).map(keyOf)).toEqual(
      keys(3, 4, 5, 6, 7, 8, 9, 10),
    );
  });

  test("[SCP4] what was shown without a label is not asked for it again, and does not match", () => {
    const before = scope({ labels: ["secret"], selector: "role == 'db'" });
    expect(projectorOf(scope({ selector: "role != 'web'" }), before)(DB)).toBeNull();
    expect(projectorOf(scope({ selector: 'role == "db"', labels: ["other"] }), before)(DB)).toEqual(
      { ...DB, labels: {} },
    );
    expect(projectorOf(scope({ selector: "secret == 'x'" }), before)(DB)).toEqual(DB);
  });
});

describe("how a scope is written", () => {
  test("[SCP2] equal scopes are one, however they are written", () => {
    const one = scope({
      namespaces: ["b", "a", "a"],
      kinds: ["Node", "HostEndpoint"],
      selector: "a=='b'",
    });
    const other = scope({
      selector: 'a == "b"',
      kinds: ["HostEndpoint", "Node"],
      namespaces: ["a", "b"],
    });
    expect(one).toEqual(other);
    expect(scopeId(one)).toBe(scopeId(other));
    expect(scopeId(one)).toMatch(/^[0-9a-f]{16}$/);
    expect(scopeId(scope({ kinds: ["Node"] }))).not.toBe(scopeId(one));
  });

  test("[SCP2] one that narrows nothing is none", () => {
    expect(parseScope({})).toEqual({ ok: true, scope: null });
    expect(parseScope({ selector: "all()" })).toEqual({ ok: true, scope: null });
  });

  test.each([
    [{ kinds: [] }, "scope.kinds"],
    [{ kinds: ["Profile"] }, "scope.kinds.0"],
    [{ namespaces: ["Shop"] }, "scope.namespaces.0"],
    [{ labels: ["a b"] }, "scope.labels.0"],
    [{ selector: "role ==" }, "scope.selector"],
    [{ pods: [] }, "scope.pods"],
    ["shop", "scope"],
  ])("[SCP2] [SCP10] %j is refused with its field", (value, field) => {
    const parsed = parseScope(value);
    expect(parsed.ok ? [] : parsed.problems.map((problem) => problem.field)).toEqual([field]);
  });
});
