/** Every way into an Origin is one event: it has its own budget, and what throws gives it up. */
import { expect, test } from "vitest";

import { EventBudget } from "../../../worker/origin/budgets/event-budget.ts";
import { EventDoor } from "../../../worker/origin/event-door.ts";
import { Origin } from "../../../worker/origin/origin.ts";
import type { OriginPorts } from "../../../worker/origin/ports.ts";
import { compareShown } from "../../../worker/origin/scopes/shown-difference.ts";
import { Timers } from "../../../worker/origin/timers.ts";
import type { TimerName } from "../../../worker/origin/timers.ts";
import { facts, OriginWorld } from "../../support/origin-world.ts";

test("[LOG18] each event has a budget of its own", () => {
  const budget = new EventBudget();
  const door = new EventDoor(budget, { giveUp: () => undefined, ended: () => undefined });
  door.run("first", () => budget.spend(1e9));
  expect(budget.hasTime).toBe(false);
  expect(door.run("second", () => budget.hasTime)).toBe(true);
});

test("[LOG13] an event that throws gives the instance up, and its caller hears why", () => {
  const given: unknown[] = [];
  const door = new EventDoor(new EventBudget(), {
    giveUp: (...event) => void given.push(event),
    ended: () => undefined,
  });
  const error = new Error("disk full");
  const broken = (): never =>
    door.run("message", () => {
      throw error;
    });
  expect(broken).toThrow(error);
  expect(given).toEqual([["message", error]]);
});

/** Everything that comes into an Origin: one that is missing does not compile. */
const WAYS_IN: Record<
  Exclude<keyof Origin, "load" | "inFlightBytes" | "ledgerBytes" | "silentCount">,
  (origin: Origin) => unknown
> = {
  onOpen: (origin) => origin.onOpen("s", PEER),
  onRestore: (origin) => origin.onRestore("s", PEER, "{}"),
  onClose: (origin) => origin.onClose("s"),
  onText: (origin) => origin.onText("s", "no heartbeat"),
  onMessage: (origin) => origin.onMessage("s", new Uint8Array(9)),
  closeSilent: (origin) => origin.closeSilent(),
  onTimer: (origin) => origin.onTimer("pull"),
  onPullFailed: (origin) => origin.onPullFailed("away"),
  onUnknown: (origin) => origin.onUnknown(),
  onClaimFailed: (origin) => origin.onClaimFailed([], "away"),
  onHealth: (origin) => origin.onHealth("failed"),
  onNoteFailed: (origin) => origin.onNoteFailed("away"),
  onFacts: (origin) => origin.onFacts(facts({ accessVersion: 9 })),
  onAnswer: (origin) => origin.onAnswer(facts({ accessVersion: 9 })),
  keyPermit: (origin) => origin.keyPermit(PEER),
  mayDial: (origin) => origin.mayDial({ originUid: "x", keyGeneration: 1 }),
  status: (origin) => origin.status(),
  quarantine: (origin) => origin.quarantine(10),
  read: (origin) => origin.read((logs) => compareShown(logs, "nothing", "all", [])).next(),
  refreshDigests: (origin) => origin.refreshDigests(),
};
const PEER = { role: "watch", clusterUid: "c", keyGeneration: 1 } as const;

/** Ports that throw from the moment on that they are broken. */
function breakable(ports: OriginPorts): { readonly ports: OriginPorts; breakNow(): void } {
  let isBroken = false;
  const wrap = <T extends object>(port: T): T =>
    new Proxy(port, {
      get: (target, name) => {
        if (isBroken && name !== "giveUp") throw new Error("broken port");
        const value: unknown = Reflect.get(target, name);
        return typeof value === "object" && value !== null
          ? wrap(value)
          : typeof value === "function"
            ? value.bind(target)
            : value;
      },
    });
  return { ports: wrap(ports), breakNow: () => (isBroken = true) };
}

test("[LOG13] whatever throws, and wherever it came in, gives the instance up once", () => {
  const thrown: string[] = [];
  for (const [name, enter] of Object.entries(WAYS_IN)) {
    const given: string[] = [];
    const world = new OriginWorld();
    const broken = breakable({ ...world.ports(), giveUp: (event) => given.push(event) });
    const origin = new Origin(broken.ports);
    for (const _ of origin.load());
    origin.onAnswer(facts());
    origin.onOpen("s", PEER);
    world.nowMs += 60_000;
    broken.breakNow();
    try {
      enter(origin);
    } catch {
      thrown.push(name);
    }
    expect(given, name).toHaveLength(thrown.includes(name) ? 1 : 0);
  }
  expect(thrown).toEqual(expect.arrayContaining(["onPullFailed", "onClaimFailed", "status"]));
  expect(thrown.length).toBeGreaterThan(10);
});

test("[LOG18] a timer has one owner, which handles it", () => {
  const set: [TimerName, number][] = [];
  const timers = new Timers((name, delayMs) => set.push([name, delayMs]));
  const run: string[] = [];
  const setFold = timers.own("fold", () => run.push("fold"));
  setFold(7);
  timers.run("fold");
  expect([set, run]).toEqual([[["fold", 7]], ["fold"]]);
  expect(() => timers.own("fold", () => undefined)).toThrow("two owners of the timer fold");
  expect(() => timers.run("commit")).toThrow("no owner of the timer commit");
});
