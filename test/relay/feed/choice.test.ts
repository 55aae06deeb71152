import { expect, test } from "vitest";

import { contacts, nextRouting, rank, roleOf } from "../../../relay/feed/choice.ts";
import type { Candidate, Role, Routing } from "../../../relay/feed/choice.ts";

const of = (state: Candidate["state"], more: Partial<Candidate> = {}): Candidate => ({
  address: `${state}-${Math.random()}`,
  state,
  feeds: state === "alive" || state === "self",
  hub: true,
  ...more,
});
const SELF = of("self");
const kinds = (role: Role): string =>
  role.kind === "follower" ? `follower of ${role.feeders.length}` : role.kind;

test.each([
  ["alone", [SELF], "feeder"],
  ["first of three", [SELF, of("alive"), of("alive")], "feeder"],
  ["second", [of("alive"), SELF, of("alive")], "feeder"],
  ["third", [of("alive"), of("alive"), SELF], "follower of 2"],
  ["third, one before it dead", [of("dead"), of("alive"), SELF], "feeder"],
  ["third, one before it just back", [of("returning"), of("alive"), SELF], "feeder"],
  ["fourth, one before it dead", [of("alive"), of("dead"), of("alive"), SELF], "follower of 2"],
  ["third, one before it not heard of", [of("unknown"), of("alive"), SELF], "deciding"],
  ["third, one before it follows", [of("alive"), of("alive", { feeds: false }), SELF], "feeder"],
  ["not in the list, two feed", [of("alive"), of("alive")], "follower of 2"],
  ["not in the list, one feeds", [of("dead"), of("alive")], "follower of 1"],
  ["not in the list, nobody feeds", [of("dead"), of("dead")], "feeder"],
  ["behind eight that are dead", [...Array.from({ length: 8 }, () => of("dead")), SELF], "feeder"],
] as const)("[FEE1] the role of a relay that is %s", (_name, ranked, expected) => {
  expect(kinds(roleOf(ranked))).toBe(expected);
});

test("[FEE1] all relays find the same two feeders, and one that comes or goes moves few", () => {
  const all = Array.from({ length: 100 }, (_, n) => `10.0.0.${n}:5474`);
  const ranked = rank("cluster", all);
  expect(rank("cluster", all.toReversed())).toEqual(ranked);
  expect(rank("other", all)).not.toEqual(ranked);
  for (const gone of all) {
    const left = rank(
      "cluster",
      all.filter((one) => one !== gone),
    );
    expect(left).toEqual(ranked.filter((one) => one !== gone));
  }
});

test("[FEE1] a relay is connected to those that decide its role, and to no more", () => {
  const [a, b, c] = [of("alive"), of("alive"), of("alive")];
  expect(contacts([a, b, c, SELF])).toEqual([a.address, b.address]);
  expect(contacts([a, SELF, b])).toEqual([a.address]);
  const dead = of("dead");
  expect(contacts([dead, a, b, c, SELF])).toEqual([dead.address, a.address, b.address]);
  // Whoever may still answer is waited for; one that follows others itself is passed over.
  const [asked, next] = [of("unknown", { feeds: false }), of("unknown", { feeds: false })];
  expect(contacts([dead, a, asked, next, SELF])).toEqual([dead.address, a.address, asked.address]);
  expect(contacts([asked, next, a, SELF])).toEqual([asked.address, next.address]);
  const follower = of("alive", { feeds: false });
  expect(contacts([a, follower, next, b, SELF])).toEqual([
    a.address,
    follower.address,
    next.address,
  ]);
});

const WAITS = { goneMs: 1_000, cutMs: 30_000 };
const NONE: Routing = { route: { kind: "none" }, orphanSinceMs: null };
const follower = (...feeders: Candidate[]): Role => ({ kind: "follower", feeders });

test("[FEE6] a follower stays with its feeder, moves when it loses the hub, and stays there", () => {
  const [a, b] = [of("alive"), of("alive")];
  const first = nextRouting(NONE, follower(a, b), WAITS, 0);
  expect(first.route).toEqual({ kind: "feeder", address: a.address });
  const cut = nextRouting(first, follower({ ...a, hub: false }, b), WAITS, 10);
  expect(cut.route).toEqual({ kind: "feeder", address: b.address });
  expect(nextRouting(cut, follower(a, b), WAITS, 20)).toEqual(cut);
});

test("[FEE6] to the hub it goes after a wait only: short when the feeders are gone, long when they are cut off", () => {
  const a = of("alive");
  const cut = follower({ ...a, hub: false });
  const fed = nextRouting(NONE, follower(a), WAITS, 0);
  for (const [role, waitMs] of [
    [follower(), 1_000],
    [cut, 30_000],
  ] as const) {
    const lost = nextRouting(fed, role, WAITS, 5_000);
    expect(lost.route).toEqual(fed.route);
    const before = nextRouting(lost, role, WAITS, 5_000 + waitMs - 1);
    expect(before.route).toEqual(fed.route);
    const after = nextRouting(before, role, WAITS, 5_000 + waitMs);
    expect(after.route).toEqual({ kind: "hub" });
    // And back.
    expect(nextRouting(after, follower(a), WAITS, 90_000)).toEqual(fed);
  }
});

test("[FEE6] who decides anew stays where it is; who feeds has the hub at once", () => {
  const fed = nextRouting(NONE, follower(of("alive")), WAITS, 0);
  expect(nextRouting(fed, { kind: "deciding" }, WAITS, 1)).toEqual(fed);
  expect(nextRouting(fed, { kind: "feeder" }, WAITS, 1).route).toEqual({ kind: "hub" });
});
