/** What a relay makes of the facts of a hub that was restored to an older state. */
import { expect, test } from "vitest";

import { heldBackBy, holdBack } from "../../../relay/access/hold-back.ts";
import type { AccessFacts, Remote } from "../../../shared/visibility/facts.ts";
import { accessFacts } from "../../support/stored-view.ts";

const shop = { namespaces: ["shop"] };
const role = { labels: ["role"] };
const facts = (version: number, remotes: Partial<Remote>[], more: Partial<AccessFacts> = {}) => ({
  ...accessFacts(version, remotes, "mesh-1"),
  ...more,
});
const restored = (remotes: Partial<Remote>[], more: Partial<AccessFacts> = {}) =>
  facts(1_000, remotes, { unconfirmedRestore: 5, ...more });
const held = (after: AccessFacts, heard: AccessFacts | null) =>
  holdBack(after, heard).remotes.map(({ state, scope, heldBack = false }) => ({
    state,
    scope,
    heldBack,
  }));

test.each([
  [
    "a scope that was narrowed since stays",
    [{}],
    [{ scope: shop }],
    { state: "granted", scope: shop, heldBack: true },
  ],
  [
    "another scope than the one heard since is not taken",
    [{ scope: role }],
    [{ scope: shop }],
    { state: "granted", scope: shop, heldBack: true },
  ],
  [
    "a grant that was taken away since stays away",
    [{}],
    [{ state: "not-granted" as const }],
    { state: "not-granted", scope: undefined, heldBack: true },
  ],
  [
    "an RCC that was deleted since stays without effect",
    [{}],
    [],
    { state: "not-granted", scope: undefined, heldBack: true },
  ],
  [
    "an RCC that names another cluster since stays without effect",
    [{}],
    [{ origin: { uid: "f".repeat(32), name: "x" } }],
    { state: "not-granted", scope: undefined, heldBack: true },
  ],
  [
    "what is the same is served",
    [{ scope: shop }],
    [{ scope: shop }],
    { state: "granted", scope: shop, heldBack: false },
  ],
  [
    "what was widened since becomes narrow again",
    [{ scope: shop }],
    [{}],
    { state: "granted", scope: shop, heldBack: false },
  ],
  [
    "what is not granted is not granted",
    [{ state: "not-granted" as const }],
    [{}],
    { state: "not-granted", scope: undefined, heldBack: false },
  ],
])("[BAK4] %s", (_, after, before, expected) => {
  expect(held(restored(after), facts(9, before))).toEqual([expected]);
});

test("[BAK4] what is held back stays so with each further fact, until the restore is confirmed", () => {
  const first = holdBack(restored([{}]), facts(9, [{ scope: shop }]));
  const second = holdBack(restored([{}], { accessVersion: 1_001 }), first);
  expect(second.remotes).toMatchObject([{ scope: shop, heldBack: true }]);
  expect(holdBack(facts(1_002, [{}]), second)).toEqual(facts(1_002, [{}]));
});

test("[BAK4] a relay that has heard nothing, or of another mesh, takes the facts as they are", () => {
  expect(held(restored([{}]), null)).toMatchObject([{ heldBack: false }]);
  expect(held(restored([{}]), facts(9, [], { meshId: "other" }))).toMatchObject([
    { heldBack: false },
  ]);
});

test("[BAK4] pools of a reader that was heard of no more since are not told to Felix again", () => {
  const pools = (uid: string) => [{ cluster: { uid, name: uid }, pools: ["10.1.0.0/16"] }];
  const after = restored([], { readerPools: [...pools("a"), ...pools("b")] });
  expect(holdBack(after, facts(9, [], { readerPools: pools("b") })).readerPools).toEqual(
    pools("b"),
  );
  expect(holdBack(after, facts(9, [])).readerPools).toEqual([]);
});

test("[BAK4] under a number that is known already a restored hub changes nothing but what it would show more of", () => {
  const heard = facts(90, [
    { scope: shop },
    { rcc: "web", origin: { uid: "c".repeat(32), name: "web" } },
  ]);
  const older = facts(50, [{}], { unconfirmedRestore: 5 });
  expect(heldBackBy(older, heard)).toMatchObject({
    accessVersion: 90,
    remotes: [
      { rcc: "db", scope: shop, heldBack: true },
      { rcc: "web", state: "granted" },
    ],
  });
  expect(heldBackBy(facts(50, [{ scope: shop }], { unconfirmedRestore: 5 }), heard)).toBe(heard);
  expect(heldBackBy(facts(50, [{}]), heard)).toBe(heard);
});
