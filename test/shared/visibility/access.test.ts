import { expect, test } from "vitest";
import fc from "fast-check";

import { computeFacts, isEffective } from "../../../shared/visibility/access.ts";
import type { AccessRegistry, MemberRow } from "../../../shared/visibility/access.ts";
import { POOLS_ANNOTATION } from "../../../shared/visibility/rcc.ts";
import type { ExportReport } from "../../../shared/visibility/export-report.ts";
import type { Scope } from "../../../shared/visibility/scope.ts";

/**
 * A registry over plain lists: members by UID, `reader>origin` RCCs, `origin>reader` grants, with a
 * scope where `scopes` has one.
 */
function registryOf(
  members: readonly string[],
  rccs: readonly string[],
  grants: readonly string[],
  removed: readonly string[] = [],
  scopes: Readonly<Record<string, Scope>> = {},
  exports: Readonly<Record<string, ExportReport>> = {},
): AccessRegistry {
  const rows = new Map<string, MemberRow>(
    members.map((uid) => [
      uid,
      {
        uid,
        name: `name-${uid}`,
        meshId: "m",
        meshName: "demo",
        keyGeneration: 1,
        removed: removed.includes(uid),
        factsVersion: 7,
      },
    ]),
  );
  const rcc = (remoteUid: string) =>
    ({
      name: `rcc-${remoteUid}`,
      remoteUid,
      overlayRoutingMode: "Disabled",
      annotations: {},
    }) as const;
  const after = (pairs: readonly string[], first: string): readonly string[] =>
    pairs
      .filter((pair) => pair.startsWith(`${first}>`))
      .map((pair) => pair.slice(first.length + 1));
  return {
    member: (uid) => rows.get(uid),
    rccsOf: (uid) => after(rccs, uid).map(rcc),
    rccTo: (uid, remote) => (rccs.includes(`${uid}>${remote}`) ? rcc(remote) : undefined),
    readersGrantedBy: (uid) => after(grants, uid),
    grantOf: (origin, reader) => {
      const pair = `${origin}>${reader}`;
      return grants.includes(pair) ? { scope: scopes[pair] ?? null } : undefined;
    },
    ranges: () => ({ pods: ["10.0.0.0/16"], nodes: [] }),
    poolsOf: () => [],
    exportsOf: (uid) => exports[uid],
    overlayHashOf: () => undefined,
    overlayOrder: () => undefined,
    refusedClaims: () => [],
  };
}

test("[VIS20] effective needs the RCC and the grant, in the right directions, of members", () => {
  const all = ["a", "b"];
  expect(isEffective(registryOf(all, ["a>b"], ["b>a"]), "a", "b")).toBe(true);
  expect(isEffective(registryOf(all, ["a>b"], []), "a", "b")).toBe(false);
  expect(isEffective(registryOf(all, [], ["b>a"]), "a", "b")).toBe(false);
  expect(isEffective(registryOf(all, ["b>a"], ["a>b"]), "a", "b")).toBe(false);
  expect(isEffective(registryOf(all, ["a>b"], ["b>a"], ["b"]), "a", "b")).toBe(false);
  expect(isEffective(registryOf(all, ["a>b"], ["b>a"], ["a"]), "a", "b")).toBe(false);
  expect(isEffective(registryOf(["a"], ["a>b"], ["b>a"]), "a", "b")).toBe(false);
});

test("[VIS20] what an origin is told of its readers, and readers of their remotes, is exactly what is effective", () => {
  const uid = fc.constantFrom("a", "b", "c", "d");
  const pairs = fc.uniqueArray(
    fc.tuple(uid, uid).map(([x, y]) => `${x}>${y}`),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(pairs, pairs, fc.subarray(["a", "b", "c"]), (rccs, grants, removed) => {
      const members = ["a", "b", "c", "d"];
      const registry = registryOf(members, rccs, grants, removed);
      for (const origin of members) {
        const facts = computeFacts(registry, origin);
        const expected = members.filter((reader) => isEffective(registry, reader, origin));
        expect(facts?.readers.map((reader) => reader.cluster.uid)).toEqual(expected);
        for (const remote of facts?.remotes ?? [])
          expect(remote.state === "granted").toBe(isEffective(registry, origin, remote.origin.uid));
      }
    }),
  );
});

test("[VIS29] a removed cluster's facts say so and name nobody; an unknown one has none", () => {
  const facts = computeFacts(registryOf(["a", "b"], ["a>b"], ["b>a"], ["b"]), "b");
  expect(facts).toMatchObject({
    removed: true,
    accessVersion: 7,
    readers: [],
    remotes: [],
    ranges: { pods: [], nodes: [] },
  });
  expect(computeFacts(registryOf(["a"], [], []), "x")).toBeNull();
});

test("[TYP22] an RCC's wish for prefixed labels is told to its own cluster, and others' facts stay what they were", () => {
  const asked = registryOf(["a", "b", "c"], ["a>b", "a>c"], ["b>a", "c>a"]);
  const withWish: typeof asked = {
    ...asked,
    rccsOf: (uid) =>
      asked.rccsOf(uid).map((rcc) => ({
        ...rcc,
        annotations: rcc.remoteUid === "b" ? { "catwalk.dev/labels": "prefixed" } : {},
      })),
  };
  const remotes = computeFacts(withWish, "a")?.remotes ?? [];
  expect(remotes.map((remote) => [remote.origin.uid, remote.labels])).toEqual([
    ["b", "prefixed"],
    ["c", undefined],
  ]);
  expect(Object.keys(remotes[1] ?? {})).not.toContain("labels");
});

test("[SCP3] facts of a mesh without scopes are, byte for byte, what they were before there were scopes", () => {
  const facts = computeFacts(
    registryOf(["a", "b", "c"], ["a>b", "b>a", "c>b"], ["b>c", "b>a"]),
    "b",
  );
  expect(JSON.stringify(facts)).toBe(
    '{"meshId":"m","meshName":"demo","accessVersion":7,"cluster":{"uid":"b","name":"name-b"},"keyGeneration":1,"removed":false,' +
      '"readers":[{"cluster":{"uid":"a","name":"name-a"},"keyGeneration":1,"rcc":"rcc-b"},{"cluster":{"uid":"c","name":"name-c"},"keyGeneration":1,"rcc":"rcc-b"}],' +
      '"remotes":[{"rcc":"rcc-a","origin":{"uid":"a","name":"name-a"},"state":"not-granted","overlayRoutingMode":"Disabled"}],' +
      '"ranges":{"pods":["10.0.0.0/16"],"nodes":[]},"refusedClaims":[]}',
  );
});

test("[SCP3] who may read a part is a scoped reader and not a reader, in order; its remote names the scope", () => {
  const scopes = { "b>a": { namespaces: ["shop"] }, "b>d": { labels: ["role"] } };
  const all = ["a", "b", "c", "d"];
  const registry = registryOf(all, ["d>b", "c>b", "a>b"], ["b>d", "b>c", "b>a"], [], scopes);
  const facts = computeFacts(registry, "b");
  expect(isEffective(registry, "a", "b")).toBe(true);
  expect(facts?.readers.map(({ cluster }) => cluster.uid)).toEqual(["c"]);
  expect(facts?.readers[0]).not.toHaveProperty("scope");
  expect(facts?.scopedReaders?.map(({ cluster, scope }) => [cluster.uid, scope])).toEqual([
    ["a", { namespaces: ["shop"] }],
    ["d", { labels: ["role"] }],
  ]);
  expect(computeFacts(registry, "a")?.remotes).toMatchObject([
    { state: "granted", scope: { namespaces: ["shop"] } },
  ]);
  expect(computeFacts(registry, "c")?.remotes[0]).not.toHaveProperty("scope");
});

test("[SCP3] a scoped grant without its RCC, or of a removed cluster, is in nobody's facts", () => {
  const scopes = { "b>a": { namespaces: ["shop"] } };
  for (const registry of [
    registryOf(["a", "b"], [], ["b>a"], [], scopes),
    registryOf(["a", "b"], ["a>b"], ["b>a"], ["a"], scopes),
    registryOf(["a", "b"], ["a>b"], ["b>a"], ["b"], scopes),
    registryOf(["b"], ["a>b"], ["b>a"], [], scopes),
  ])
    for (const uid of ["a", "b"])
      expect(JSON.stringify(computeFacts(registry, uid))).not.toMatch(/scope/);
});

test("[VIS32] the pools of a reader are told to the origin on an effective edge, unless the RCC keeps them", () => {
  const pools = { a: ["10.1.0.0/16"], b: ["10.2.0.0/16"] } as Readonly<Record<string, string[]>>;
  const told = (registry: AccessRegistry, annotations: Readonly<Record<string, string>> = {}) => {
    const with_: AccessRegistry = {
      ...registry,
      poolsOf: (uid) => pools[uid] ?? [],
      rccTo: (uid, remote) => {
        const rcc = registry.rccTo(uid, remote);
        return rcc && { ...rcc, annotations };
      },
    };
    return computeFacts(with_, "b");
  };
  const effective = registryOf(["a", "b"], ["a>b"], ["b>a"]);
  expect(told(effective)?.readerPools).toEqual([
    { cluster: { uid: "a", name: "name-a" }, pools: ["10.1.0.0/16"] },
  ]);
  expect(told(effective)?.pools).toEqual(["10.2.0.0/16"]);
  expect(told(effective, { [POOLS_ANNOTATION]: "false" })?.readerPools).toBe(undefined);
  expect(told(registryOf(["a", "b"], ["a>b"], []))?.readerPools).toBe(undefined);
  expect(told(registryOf(["a", "b"], [], ["b>a"]))?.readerPools).toBe(undefined);
  // One-way: the reader learns nothing by it.
  expect(told(registryOf(["a", "b"], ["b>a"], ["a>b"]))?.readerPools).toBe(undefined);
  expect(told(registryOf(["a", "b"], ["a>b"], ["b>a"], ["a"]))?.readerPools).toBe(undefined);
});
