import { expect, test } from "vitest";

import { statusSchema } from "../../shared/api/status.ts";
import { scopeOf } from "../../cli/commands/scope-flags.ts";
import { renderStatus } from "../../cli/commands/status.ts";
import { UsageError } from "../../cli/admin/usage-error.ts";
import { describeScope } from "../../shared/visibility/scope-text.ts";

test("[SCP2] flags are repeatable and take commas; without any, or with what narrows nothing, there is no scope", () => {
  expect(
    scopeOf({
      kind: ["WorkloadEndpoint, Node"],
      namespace: ["shop,pay", "web"],
      selector: ["role in {'a', 'b'}"],
      label: ["role", "app"],
    }),
  ).toEqual({
    kinds: ["WorkloadEndpoint", "Node"],
    namespaces: ["pay", "shop", "web"],
    selector: 'role in {"a", "b"}',
    labels: ["app", "role"],
  });
  expect(scopeOf({})).toBeNull();
  expect(scopeOf({ selector: ["all()"] })).toBeNull();
});

test.each([
  [{ namespace: ["shop,Pay"] }, '--namespace "Pay": must be a Kubernetes namespace name'],
  [{ namespace: [""] }, '--namespace "": must be'],
  [{ kind: ["Pod"] }, '--kind "Pod": must be WorkloadEndpoint, HostEndpoint'],
  [{ label: ["a b"] }, '--label "a b": must be a label key'],
  [{ selector: ["role =="] }, '--selector "role ==": '],
  [{ selector: [""] }, '--selector "": '],
  [{ selector: ["a == 'b'", "all()"] }, "--selector: is given more than once"],
  [{ namespace: Array.from({ length: 257 }, (_, n) => `n${n}`) }, "--namespace: "],
])("[CLI6] %j is a usage error that names the flag and the rule", (flags, told) => {
  expect(() => scopeOf(flags)).toThrow(UsageError);
  expect(() => scopeOf(flags)).toThrow(told);
});

test("[SCP2] a selector that is too long, as written or in normal form, is refused with its flag and its beginning", () => {
  const written = (times: number): string => Array<string>(times).fill("a=='b'").join("||");
  expect(scopeOf({ selector: [written(300)] })?.selector).toHaveLength(300 * 12 - 4 + 2);
  expect(() => scopeOf({ selector: [written(500)] })).toThrow(
    /^--selector "a=='b'.{53}…": must have at most 4096 characters in normal form .*, not 5998$/,
  );
  expect(() => scopeOf({ selector: [written(600)] })).toThrow(
    /^--selector "a=='b'.{53}…": must have at most 4096 characters$/,
  );
});

test("[SCP3] a scope is one short line for people, and says what it leaves out", () => {
  expect(describeScope(null)).toBe("all");
  expect(
    describeScope({
      kinds: ["Node"],
      namespaces: ["pay", "shop"],
      selector: 'role == "db"',
      labels: ["role"],
    }),
  ).toBe('kinds Node; namespaces pay,shop; selector role == "db"; labels role');
  const namespaces = Array.from({ length: 200 }, (_, n) => `namespace-${n}`);
  expect(describeScope({ namespaces })).toMatch(
    /^namespaces namespace-0,.*,namespace-\d and 190 more$/,
  );
  const odd = describeScope({ selector: `a == "\u001b[2J${"😀".repeat(200)}"`, labels: ["x"] });
  expect(odd).toMatch(/^selector a == "\?\[2J😀+…; labels x$/u);
  expect(odd.length).toBeLessThan(150);
});

test("[SCP3] status shows scopes where there are any, and says nothing of them to a hub that knows none", () => {
  const cluster = {
    cluster: { uid: "b", name: "db" },
    joined: true,
    publisher: "connected" as const,
    ageMs: 1_000,
    quarantined: 0,
    factsAcknowledged: true,
    refusedClaims: 0,
    channels: [],
  };
  const status = {
    mesh: { name: "demo", id: "m", accessVersion: 1 },
    at: "",
    clusters: [cluster],
    edges: [],
  };
  expect(renderStatus(statusSchema.parse(status), undefined)).toMatch(
    /nobody asks to see anybody\n\nCLUSTER.*\ndb .*\n$/,
  );
  const scopes = [
    {
      id: "0123456789abcdef",
      scope: { namespaces: ["shop"] },
      state: "ready" as const,
      records: 12,
      digest: "9f3c0123456789ab",
    },
  ];
  const shown = renderStatus(
    statusSchema.parse({ ...status, clusters: [{ ...cluster, scopes }] }),
    undefined,
  );
  expect(shown.split("\n\n")[2]).toBe(
    "CLUSTER  SHOWS            STATE  RECORDS  DIGEST\ndb       namespaces shop  ready  12       9f3c01234567\n",
  );
});
