import { expect, test } from "vitest";
import fc from "fast-check";

import { computeFacts, isEffective } from "../../../shared/visibility/access.ts";
import type { AccessRegistry, MemberRow } from "../../../shared/visibility/access.ts";

/** A registry over plain lists: members by UID, `reader>origin` RCCs, `origin>reader` grants. */
function registryOf(
  members: readonly string[],
  rccs: readonly string[],
  grants: readonly string[],
  removed: readonly string[] = [],
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
    hasGrant: (origin, reader) => grants.includes(`${origin}>${reader}`),
    ranges: () => ({ pods: ["10.0.0.0/16"], nodes: [] }),
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
