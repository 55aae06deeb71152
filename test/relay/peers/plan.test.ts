/** Whom a relay asks, and for what. Pure. */
import { expect, test } from "vitest";

import type { Positions, ViewPosition } from "../../../relay/peers/messages.ts";
import { factsOrder, lackedRemotes, nextQuestion } from "../../../relay/peers/plan.ts";
import { peerAddresses, withoutSelf } from "../../../relay/peers/find-peers.ts";
import { accessFacts } from "../../support/stored-view.ts";

const uid = (name: string): string => name.repeat(32).slice(0, 32);
const view = (rcc: string, revision: number, isLoaded = true): ViewPosition => ({
  rcc,
  originUid: uid(rcc),
  isLoaded,
  revision,
});
const peer = (accessVersion: number, ...views: ViewPosition[]): Positions => ({
  type: "positions",
  facts: { meshId: "mesh-1", accessVersion },
  views,
});
const remotes = (...names: string[]) =>
  accessFacts(
    1,
    names.map((name) => ({ rcc: name, origin: { uid: uid(name), name } })),
  ).remotes;
const anybody = (): boolean => true;

test("[PEE1] what is lacking is granted and not there", () => {
  const facts = accessFacts(1, [{ rcc: "a" }, { rcc: "b" }, { rcc: "c", state: "not-granted" }]);
  const lacked = lackedRemotes(facts, (rcc) => rcc === "a");
  expect(lacked.map(({ rcc }) => rcc)).toEqual(["b"]);
});

test("[PEE4] facts are taken of who has the newest of this mesh, then of who has more views", () => {
  const answers = new Map<string, Positions>([
    ["old", peer(6, view("a", 9), view("b", 9))],
    ["new", peer(7)],
    ["fuller", peer(7, view("a", 1))],
    ["other", { ...peer(99), facts: { meshId: "mesh-2", accessVersion: 99 } }],
    ["none", { ...peer(0), facts: null }],
  ]);
  expect(factsOrder(answers, "mesh-1")).toEqual(["fuller", "new", "old"]);
});

test("[PEE4] a view is wanted of who has it complete, then of who is furthest", () => {
  const wanted = remotes("a");
  const answers = new Map([
    ["half", peer(1, view("a", 100, false))],
    ["behind", peer(1, view("a", 5))],
    ["ahead", peer(1, view("a", 6))],
    ["stranger", peer(1, { ...view("a", 200), originUid: uid("z") })],
  ]);
  const asked: string[] = [];
  for (;;) {
    const next = nextQuestion(wanted, answers, (address) => !asked.includes(address));
    if (next === null) break;
    asked.push(next.address);
  }
  expect(asked).toEqual(["ahead", "behind", "half"]);
});

test("[PEE4] whoever is wanted for most is asked first", () => {
  const answers = new Map([
    ["one", peer(1, view("a", 9), view("b", 1), view("c", 1))],
    ["two", peer(1, view("a", 1), view("b", 9), view("c", 9))],
  ]);
  expect(nextQuestion(remotes("a", "b", "c"), answers, anybody)).toEqual({
    address: "two",
    rccs: ["b", "c"],
  });
  expect(nextQuestion(remotes("d"), answers, anybody)).toBe(null);
});

const at = (address: string, ready?: boolean) => ({
  addresses: [address],
  ...(ready !== undefined && { conditions: { ready } }),
});

test("[PEE6] of a service the port named catwalk-peers counts, those that are not ready come last", () => {
  const slice = {
    endpoints: [at("10.0.0.1", false), at("10.0.0.2"), at("10.0.0.3", true), at("fd00::1", false)],
    ports: [
      { name: "calico-typha", port: 5473, protocol: "TCP" },
      { name: "catwalk-peers", port: 5475, protocol: "TCP" },
    ],
  };
  const addresses = peerAddresses([slice, null, { endpoints: 7 }], Math.random);
  expect(addresses.slice(0, 2).toSorted()).toEqual(["10.0.0.2:5475", "10.0.0.3:5475"]);
  expect(addresses.slice(2).toSorted()).toEqual(["10.0.0.1:5475", "[fd00::1]:5475"]);
});

test("[PEE6] a relay does not ask itself", () => {
  const all = ["10.0.0.1:5475", "10.0.0.2:5475", "10.0.0.1:5476", "[fd00::1]:5475"];
  const own = new Set(["10.0.0.1", "fd00::1"]);
  expect(withoutSelf(all, 5475, own)).toEqual(["10.0.0.2:5475", "10.0.0.1:5476"]);
  expect(withoutSelf(all, null, own)).toEqual(all);
});
