/** [PUB3..PUB5] What is held back of deletions that were only inferred. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";

import type { EncodedChange } from "../../../shared/record/encoding.ts";
import { LocalState } from "../../../relay/publish/local-state.ts";
import { isMass } from "../../../relay/publish/withdrawals/mass.ts";
import { heldOf } from "../../../relay/publish/withdrawals/obeyed.ts";
import { WithdrawalGuard } from "../../../relay/publish/withdrawals/withdrawal-guard.ts";
import type { Obeyed } from "../../../relay/publish/withdrawals/obeyed.ts";
import { Withdrawals } from "../../../relay/publish/withdrawals/withdrawals.ts";
import { toId } from "../../../shared/lib/bytes.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import { keyHashOf } from "../../../shared/record/encoding.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { CalicoRecord, DeleteCause, WorkloadEndpoint } from "../../../shared/record/record.ts";
import { address, node, pod, pool, putOf } from "../../support/records.ts";

const HOLD_MS = 600_000;

const put = (record: CalicoRecord): EncodedChange => putOf(record);
const gone = (record: CalicoRecord, cause: DeleteCause = "inferred"): EncodedChange => ({
  op: "delete",
  key: keyOf(record),
  cause,
});
const pods = (count: number, from = 0): WorkloadEndpoint[] =>
  Array.from({ length: count }, (_, i) => pod(`p${from + i}`, address(from + i)));

/** A guard over a cluster that has these records. */
function guarded(records: readonly CalicoRecord[], holdMs = HOLD_MS) {
  const local = new LocalState();
  for (const record of records) local.applyChange(put(record));
  const guard = new WithdrawalGuard(local, holdMs);
  const take = (changes: readonly EncodedChange[], nowMs = 0): Obeyed => {
    const obeyed = guard.judgeChanges(changes, nowMs);
    for (const change of obeyed.changes) local.applyChange(change);
    return obeyed;
  };
  return { local, guard, take };
}

const deleted = ({ changes }: Obeyed): string[] =>
  changes.flatMap((change) => (change.op === "delete" ? [change.key] : []));

for (const [lost, left, expected] of [
  [1, 0, true],
  [1, 1, false],
  [49, 0, true],
  [49, 10, false],
  [50, 116, true],
  [50, 117, false],
  [300, 10_000, false],
  [5_000, 10_000, true],
  [0, 0, false],
] as const)
  test(`[PUB3] ${lost} missing where ${left} are left is ${expected ? "a" : "no"} mass`, () => {
    expect(isMass(lost, left)).toBe(expected);
  });

test("[PUB3] a list that is suddenly empty withdraws nothing at once, and everything after ten minutes", () => {
  const all = [...pods(3), pool("10.64.0.0/16"), node("n")];
  const { guard, take, local } = guarded(all);
  expect(take(pods(3).map((record) => gone(record))).changes).toEqual([]);
  expect(take([gone(all[3] as CalicoRecord)]).changes).toEqual([]);
  expect(local.size).toBe(5);
  expect(guard.holds).toEqual([
    { collection: "pods", sinceMs: 0, untilMs: HOLD_MS, keys: 3 },
    { collection: "ippools", sinceMs: 0, untilMs: HOLD_MS, keys: 1 },
  ]);
  expect(guard.expire(HOLD_MS - 1).changes).toEqual([]);
  expect(deleted(guard.expire(HOLD_MS))).toHaveLength(4);
  expect([guard.holds, guard.held()]).toEqual([[], []]);
});

test("[PUB3] what was seen to go is never held, however much it is; nor is a list that lacks a little", () => {
  const { take } = guarded(pods(200));
  expect(take(pods(49).map((record) => gone(record))).changes).toHaveLength(49);
  expect(take(pods(151, 49).map((record) => gone(record, "observed"))).changes).toHaveLength(151);
});

test("[PUB3] namespaces and service accounts are counted apart, and a collection that has others is not empty", () => {
  const profile = (name: string): CalicoRecord => ({ kind: "Profile", name, labels: {} });
  const { guard, take } = guarded([profile("kns.a"), profile("kns.b"), profile("ksa.a.default")]);
  expect(deleted(take([gone(profile("kns.a"))]))).toEqual([keyOf(profile("kns.a"))]);
  expect(take([gone(profile("ksa.a.default"))]).changes).toEqual([]);
  expect(guard.holds.map(({ collection }) => collection)).toEqual(["serviceaccounts"]);
});

test("[PUB7] a namespace that pods name which are still there is held, until the last of them goes", () => {
  const shop: CalicoRecord = { kind: "Profile", name: "kns.shop", labels: { tier: "gold" } };
  const other: CalicoRecord = { kind: "Profile", name: "kns.default", labels: {} };
  const third: CalicoRecord = { kind: "Profile", name: "kns.empty", labels: {} };
  const { guard, take } = guarded([shop, other, third, ...pods(2)]);
  expect(deleted(take([gone(shop), gone(third)]))).toEqual([keyOf(third)]);
  const [first, second] = pods(2) as [WorkloadEndpoint, WorkloadEndpoint];
  expect(deleted(take([gone(first, "observed")], 2_000))).toEqual([keyOf(first)]);
  expect(deleted(take([gone(second, "observed")], 4_000))).toEqual([keyOf(second), keyOf(shop)]);
  expect(guard.holds).toEqual([]);
});

test("[PUB7] an API server with nothing but its own namespaces takes no labels from the pods that are held", () => {
  const profile = (name: string): CalicoRecord => ({ kind: "Profile", name, labels: {} });
  const all = [...pods(2), ...["kns.shop", "kns.default", "ksa.shop.web"].map(profile)];
  const { guard, take } = guarded(all);
  take([gone(profile("kns.shop"))]);
  take([gone(profile("ksa.shop.web"))]);
  take(pods(2).map((record) => gone(record)));
  expect(guard.held()).toHaveLength(4);
  expect(deleted(guard.expire(HOLD_MS))).toHaveLength(4);
});

test("[PUB3] new objects beside the missing ones count: a rolling update while nobody looked is no mass", () => {
  const { take } = guarded(pods(40));
  const changes = [...pods(40, 100).map(put), ...pods(40).map((record) => gone(record))];
  expect(deleted(take(changes))).toHaveLength(40);
});

test("[PUB3] what a held list lacks further is held with it, and ends with it", () => {
  const { guard, take } = guarded(pods(100));
  take(pods(60).map((record) => gone(record)));
  expect(take([gone(pods(1, 60)[0] as CalicoRecord)], HOLD_MS - 1).changes).toEqual([]);
  expect(deleted(guard.expire(HOLD_MS))).toHaveLength(61);
  // Afterwards nothing stays armed.
  expect(take([gone(pods(1, 61)[0] as CalicoRecord)], HOLD_MS).changes).toHaveLength(1);
});

test("[PUB3] with a hold of 0 s nothing is held", () => {
  const { take } = guarded(pods(3), 0);
  expect(take(pods(3).map((record) => gone(record))).changes).toHaveLength(3);
});

test("[PUB4] an object that comes back is held no more", () => {
  const { guard, take } = guarded(pods(2));
  take(pods(2).map((record) => gone(record)));
  expect(take([put(pod("p0", address(0)))]).changes).toHaveLength(1);
  expect(guard.held().map(({ object }) => object)).toEqual(["shop/p1/eth0"]);
  take([put(pod("p1", address(1), { new: "label" }))]);
  expect([guard.holds, guard.expire(HOLD_MS).changes]).toEqual([[], []]);
});

test("[PUB4] a held pod goes when it comes back on another node, and when its address is another's", () => {
  const [a, b, c] = pods(3) as [WorkloadEndpoint, WorkloadEndpoint, WorkloadEndpoint];
  const { guard, take, local } = guarded([a, b, c]);
  take([gone(a), gone(b), gone(c)]);
  const moved = { ...a, node: "node-2", ips: ["10.9.9.9"] };
  expect(take([put(moved)]).changes).toEqual([gone(a), put(moved)]);
  const heir = pod("heir", b.ips[0] ?? "");
  expect(take([put(heir)]).changes).toEqual([gone(b), put(heir)]);
  expect(guard.held().map(({ key }) => key)).toEqual([keyOf(c)]);
  const owners = [...local.records()].filter(({ record }) => "ips" in record);
  const ips = owners.flatMap(({ record }) => (record as WorkloadEndpoint).ips);
  expect(ips.length).toBe(new Set(ips).size);
});

test("[PUB4] a pod whose address is already another's is not held in the first place", () => {
  const heir = pod("heir", address(0));
  const { take } = guarded([...pods(100), heir]);
  expect(deleted(take(pods(100).map((record) => gone(record))))).toEqual([
    keyOf(pods(1)[0] as never),
  ]);
});

test("[PUB4] an observed deletion of what is held ends it", () => {
  const { guard, take } = guarded(pods(2));
  take(pods(2).map((record) => gone(record)));
  expect(deleted(take([gone(pods(1)[0] as CalicoRecord, "observed")]))).toHaveLength(1);
  expect(guard.held()).toHaveLength(1);
});

test("[PUB6] an operator confirms or rejects all, or one collection", () => {
  const { guard, take } = guarded([...pods(2), node("n")]);
  take([...pods(2), node("n")].map((record) => gone(record)));
  expect(deleted(guard.confirm("nodes"))).toEqual([keyOf(node("n"))]);
  guard.reject("pods");
  expect(guard.expire(10 * HOLD_MS).changes).toEqual([]);
  expect(guard.holds).toMatchObject([{ collection: "pods", untilMs: null, keys: 2 }]);
  expect(deleted(guard.confirm(null))).toHaveLength(2);
  expect(guard.holds).toEqual([]);
});

test("[PUB6] after a rejection, what is missing one by one is obeyed again", () => {
  const { guard, take } = guarded(pods(100));
  take(pods(60).map((record) => gone(record)));
  guard.reject(null);
  expect(take([gone(pods(1, 70)[0] as CalicoRecord)]).changes).toHaveLength(1);
});

test("[PUB3] whatever happens, each key is published as long as it is there or held, and no address has two", () => {
  const names = fc.integer({ min: 0, max: 7 });
  const step = fc.oneof(
    fc.record({ op: fc.constant("put" as const), name: names, ip: names, node: fc.boolean() }),
    fc.record({ op: fc.constant("list" as const), keep: fc.array(names, { maxLength: 3 }) }),
    fc.record({ op: fc.constant("observed" as const), name: names }),
    fc.record({ op: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: HOLD_MS }) }),
    fc.record({ op: fc.constantFrom("confirm" as const, "reject" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { guard, take, local } = guarded([]);
      const cluster = new Map<string, WorkloadEndpoint>();
      let nowMs = 0;
      const obey = ({ changes }: Obeyed): void => {
        for (const change of changes) local.applyChange(change);
      };
      for (const one of steps) {
        if (one.op === "put") {
          const record = { ...pod(`p${one.name}`, address(one.ip)), node: one.node ? "a" : "b" };
          // As a cluster has it: a name once, an address once.
          for (const [key, other] of cluster)
            if (
              key !== keyOf(record) &&
              (other.name === record.name || other.ips[0] === record.ips[0])
            ) {
              cluster.delete(key);
              take([gone(other, "observed")], nowMs);
            }
          cluster.set(keyOf(record), record);
          take([put(record)], nowMs);
        } else if (one.op === "list") {
          const kept = new Set(one.keep.map((n) => `p${n}`));
          const lost = [...cluster.values()].filter(({ name }) => !kept.has(name));
          for (const record of lost) cluster.delete(keyOf(record));
          take(
            lost.map((record) => gone(record)),
            nowMs,
          );
        } else if (one.op === "observed") {
          const found = [...cluster.values()].find(({ name }) => name === `p${one.name}`);
          if (found === undefined) continue;
          cluster.delete(keyOf(found));
          take([gone(found, "observed")], nowMs);
        } else if (one.op === "wait") obey(guard.expire((nowMs += one.ms)));
        else if (one.op === "confirm") obey(guard.confirm(null));
        else guard.reject(null);
        const held = new Set(guard.held().map(({ key }) => key));
        const published = [...local.records()];
        expect(new Set(published.map(({ key }) => key))).toEqual(
          new Set([...cluster.keys(), ...held]),
        );
        const ips = published.flatMap(({ record }) => (record as WorkloadEndpoint).ips);
        expect(ips.length).toBe(new Set(ips).size);
      }
      obey(guard.confirm(null));
      expect(new Set([...local.records()].map(({ key }) => key))).toEqual(new Set(cluster.keys()));
    }),
  );
});

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catwalk-withdrawals-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

/** A process of a relay: what it lists, and then compares with what the hub has. */
function process(records: readonly CalicoRecord[], wallMs: { now: number }) {
  const local = new LocalState();
  const obeyed: Obeyed[] = [];
  const lines: string[] = [];
  const messages = (): string[] => lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
  const timers: { readonly atMs: number; readonly run: () => void }[] = [];
  const withdrawals = new Withdrawals({
    stateDir: folder,
    local,
    holdMs: HOLD_MS,
    ports: {
      wallMs: () => wallMs.now,
      after: (ms, run) => {
        const timer = { atMs: wallMs.now + ms, run };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer), 1);
      },
    },
    log: pino({ level: "info" }, { write: (line: string) => lines.push(line) }),
    onObeyed: (some) => obeyed.push(some),
  });
  const take = (changes: readonly EncodedChange[]): void => {
    for (const change of withdrawals.judgeChanges(changes).changes) local.applyChange(change);
  };
  take(records.map(put));
  /** @returns Names of what stays for now of what the hub has. */
  const compare = (hub: readonly CalicoRecord[]): string[] => {
    const names = new Map(hub.map((record) => [toId(keyHashOf(record)), keyOf(record)]));
    const stay = CHANNELS.flatMap((channel) => {
      const missing = hub.filter(
        (record) =>
          heldOfRecord(record).channel === channel && local.byKey(keyOf(record)) === undefined,
      );
      return [...withdrawals.review(channel, missing.map(keyHashOf))];
    });
    return stay.map((id) => names.get(id) ?? "").toSorted();
  };
  const runTimers = (): void => {
    for (const timer of timers.filter(({ atMs }) => atMs <= wallMs.now)) timer.run();
  };
  return { withdrawals, local, obeyed, take, compare, runTimers, messages };
}

function heldOfRecord(record: CalicoRecord) {
  const local = new LocalState();
  local.applyChange(put(record));
  return heldOf([...local.records()][0] as never);
}

const keys = (records: readonly CalicoRecord[]): string[] => records.map(keyOf).toSorted();

test("[PUB5] an API server that was emptied while the relay was away: what is missing is held by the next process, no longer than by one", () => {
  const wall = { now: 1_000_000 };
  const all = [...pods(3), node("n")];
  const first = process(all, wall);
  first.compare([]);
  first.withdrawals.stop();
  const second = process([], wall);
  expect(second.compare(all)).toEqual(keys(all));
  expect(second.withdrawals.report().map(({ collection, keys: n }) => [collection, n])).toEqual([
    ["pods", 3],
    ["nodes", 1],
  ]);
  second.withdrawals.stop();
  expect(second.messages()).toHaveLength(2);
  // Restarts do not make it longer.
  wall.now += HOLD_MS - 1;
  const third = process([], wall);
  expect(third.compare(all)).toEqual(keys(all));
  wall.now += 1;
  third.runTimers();
  expect(third.obeyed.flatMap(({ withdrawn }) => withdrawn)).toHaveLength(4);
  third.withdrawals.stop();
  expect(process([], wall).withdrawals.report()).toEqual([]);
});

test("[PUB7] profiles are held with the pods over a restart too", () => {
  const wall = { now: 1_000_000 };
  const profile = (name: string): CalicoRecord => ({ kind: "Profile", name, labels: {} });
  const [shop, kept] = [profile("kns.shop"), profile("kns.default")];
  const first = process([...pods(2), shop, kept], wall);
  first.compare([]);
  first.withdrawals.stop();
  const second = process([kept], wall);
  expect(second.compare([...pods(2), shop, kept])).toEqual(keys([...pods(2), shop]));
});

test("[PUB5] a hold whose time was over while no process ran is obeyed", () => {
  const wall = { now: 1_000_000 };
  const first = process(pods(3), wall);
  first.compare([]);
  first.withdrawals.stop();
  const second = process([], wall);
  second.compare(pods(3));
  second.withdrawals.stop();
  wall.now += HOLD_MS + 1;
  expect(process([], wall).compare(pods(3))).toEqual([]);
});

test("[PUB5] a few deletions while the relay was away are obeyed at once", () => {
  const wall = { now: 1_000_000 };
  const first = process(pods(20), wall);
  first.compare([]);
  first.withdrawals.stop();
  expect(process(pods(18), wall).compare(pods(20))).toEqual([]);
});

test("[PUB5] a rejected withdrawal stays rejected over a restart, and a confirmed one is over", () => {
  const wall = { now: 1_000_000 };
  const first = process([...pods(3), node("n")], wall);
  first.compare([]);
  first.take([...pods(3), node("n")].map((record) => gone(record)));
  expect(first.withdrawals.decide("reject", "pods")).toBe(3);
  expect(first.withdrawals.decide("confirm", "nodes")).toBe(1);
  first.withdrawals.stop();
  wall.now += 10 * HOLD_MS;
  const second = process([], wall);
  expect(second.compare(pods(3))).toEqual(keys(pods(3)));
  expect(second.withdrawals.report()).toMatchObject([{ collection: "pods", until: null, keys: 3 }]);
});

test("[PUB5] what an earlier process published gives way too: to its object, and to who has its address", () => {
  const wall = { now: 1_000_000 };
  const [a, b, c] = pods(3) as [WorkloadEndpoint, WorkloadEndpoint, WorkloadEndpoint];
  const first = process([a, b, c], wall);
  first.compare([]);
  first.withdrawals.stop();
  const second = process([], wall);
  second.compare([a, b, c]);
  const moved = { ...a, node: "node-2", ips: ["10.9.9.9"] };
  const withdrawn = second.withdrawals.judgeChanges([
    put(moved),
    put(pod("heir", b.ips[0] ?? "")),
  ]).withdrawn;
  expect(withdrawn.map(({ keyHash }) => toId(keyHash))).toEqual(
    [a, b].map((r) => toId(keyHashOf(r))),
  );
  expect(second.withdrawals.report()).toMatchObject([{ collection: "pods", keys: 1 }]);
});

test("[PUB5] without knowledge of an earlier process the channel counts, and an unknown key gives way to any new address", () => {
  const wall = { now: 1_000_000 };
  writeFileSync(join(folder, "published"), "not ours");
  const relay = process([], wall);
  expect(relay.compare(pods(2))).toEqual(keys(pods(2)));
  expect(relay.withdrawals.report()).toMatchObject([{ collection: "unknown", keys: 2 }]);
  expect(relay.withdrawals.judgeChanges([put(pod("new", "10.9.9.9"))]).withdrawn).toHaveLength(2);
  const other = process(pods(100, 10), wall);
  expect(other.compare([...pods(40), ...pods(100, 10)])).toEqual([]);
});

test("[PUB5] only the first comparison is judged: later ones find what was obeyed while the hub was away", () => {
  const wall = { now: 1_000_000 };
  const relay = process(pods(80), wall);
  relay.compare(pods(80));
  relay.take(pods(80).map((record) => gone(record, "observed")));
  expect(relay.compare(pods(80))).toEqual([]);
});

test("[PUB6] the log tells a hold once, with what and until when, and its end", () => {
  const wall = { now: Date.parse("2026-01-01T00:00:00Z") };
  const relay = process(pods(3), wall);
  relay.compare(pods(3));
  expect(relay.messages()).toEqual([]);
  relay.take(pods(3).map((record) => gone(record)));
  relay.take([put(node("n"))]);
  expect(relay.messages()).toEqual([
    "3 of pods are missing from a complete list: they stay published until 2026-01-01T00:10:00.000Z, or until `catwalk relay withdrawal confirm` (or reject) says",
  ]);
  wall.now += HOLD_MS;
  relay.runTimers();
  expect(relay.messages().slice(1)).toEqual([
    "3 keys are withdrawn: their time is over",
    "no withdrawal is held any more",
  ]);
});

test("[PUB5] what a standby saw go is obeyed when it takes over", () => {
  const wall = { now: 1_000_000 };
  const standby = process(pods(80), wall);
  standby.take(pods(80).map((record) => gone(record, "observed")));
  expect(standby.compare(pods(80))).toEqual([]);
});
