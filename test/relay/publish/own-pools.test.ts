/**
 * Which pools are the cluster's own, in every order in which a source tells of pools, blocks and
 * pods.
 */
import fc from "fast-check";
import { expect, test } from "vitest";

import { OwnPools } from "../../../relay/publish/own-pools.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { EncodedChange, EncodedRecord } from "../../../shared/record/encoding.ts";
import type { CalicoRecord, IPPool } from "../../../shared/record/record.ts";
import { pod, pool, putOf } from "../../support/records.ts";

const disabled = (cidr: string): IPPool => ({ ...pool(cidr), disabled: true });
const forUses = (cidr: string, ...allowedUses: string[]): IPPool => ({
  ...pool(cidr),
  allowedUses,
});
const block = (cidr: string): CalicoRecord => ({
  kind: "IPAMBlock",
  cidr,
  node: "n",
  borrowed: [],
});
const puts = (...records: CalicoRecord[]): EncodedChange[] =>
  records.map((record) => putOf(record));

/** What is published, as the relay keeps it. */
class Published {
  readonly pools = new OwnPools();
  readonly records = new Map<string, EncodedRecord>();

  see(changes: readonly EncodedChange[]): this {
    for (const change of this.pools.publishable(changes, () => this.records.values()))
      if (change.op === "put") this.records.set(change.key, change);
      else this.records.delete(change.key);
    return this;
  }

  get cidrs(): string[] {
    return [...this.records.values()]
      .flatMap(({ record }) => (record.kind === "IPPool" ? [record.cidr] : []))
      .toSorted();
  }
}

const after = (...records: CalicoRecord[]): Published => new Published().see(puts(...records));

test.each([
  ["an enabled pool", [pool("10.1.0.0/16")], ["10.1.0.0/16"]],
  ["a disabled pool over another cluster's range", [disabled("10.2.0.0/16")], []],
  [
    "a disabled pool over all private space",
    [disabled("10.0.0.0/8"), pool("10.1.0.0/16"), pod("p", "10.1.0.5")],
    ["10.1.0.0/16"],
  ],
  ["a pool for load balancers", [forUses("10.9.0.0/24", "LoadBalancer")], []],
  ["a pool for tunnels", [forUses("10.9.0.0/24", "Tunnel")], ["10.9.0.0/24"]],
  [
    "a pool for pods and load balancers",
    [forUses("10.9.0.0/24", "LoadBalancer", "Workload")],
    ["10.9.0.0/24"],
  ],
  [
    "a disabled pool with a pod in it",
    [disabled("10.3.0.0/16"), pod("p", "10.3.0.5")],
    ["10.3.0.0/16"],
  ],
  [
    "a disabled pool with a block in it",
    [disabled("10.3.0.0/16"), block("10.3.7.0/26")],
    ["10.3.0.0/16"],
  ],
  [
    "a disabled IPv6 pool with one address of a pod in it",
    [
      disabled("fd00:3::/48"),
      { ...pod("p", "10.1.0.5"), ips: ["10.1.0.5", "fd00:3::5"] },
      pool("10.1.0.0/16"),
    ],
    ["10.1.0.0/16", "fd00:3::/48"],
  ],
  ["a pod beside a disabled pool", [disabled("10.3.0.0/16"), pod("p", "10.4.0.5")], []],
] as const)("[SRC22] %s", (_, records, own) => {
  const published = after(...records);
  expect(published.cidrs).toEqual(own);
  const all = records.flatMap((record) => (record.kind === "IPPool" ? [record.cidr] : []));
  expect(
    published.pools
      .notOwn()
      .map(({ cidr }) => cidr)
      .toSorted(),
  ).toEqual(all.filter((cidr) => !(own as readonly string[]).includes(cidr)).toSorted());
});

test("[SRC22] a disabled pool is published with the first pod in it, and withdrawn with the last", () => {
  const published = after(disabled("10.3.0.0/16"));
  expect(published.cidrs).toEqual([]);
  published.see(puts(pod("a", "10.3.0.1"), pod("b", "10.3.0.2")));
  expect(published.cidrs).toEqual(["10.3.0.0/16"]);
  published.see([{ op: "delete", key: keyOf(pod("a", "")), cause: "observed" }]);
  expect(published.cidrs).toEqual(["10.3.0.0/16"]);
  published.see(puts(pod("b", "10.4.0.2")));
  expect(published.cidrs).toEqual([]);
});

test("[SRC22] a pool that is disabled while it has pods stays the cluster's own, and one that goes is deleted as it was seen", () => {
  const published = after(pool("10.3.0.0/16"), pod("a", "10.3.0.1"));
  published.see(puts(disabled("10.3.0.0/16")));
  expect([...published.records.values()].map(({ record }) => record)).toContainEqual(
    disabled("10.3.0.0/16"),
  );
  const gone: EncodedChange = { op: "delete", key: keyOf(pool("10.3.0.0/16")), cause: "inferred" };
  expect(published.pools.publishable([gone], () => published.records.values())).toEqual([gone]);
});

test("[SRC22] what is published does not depend on the order in which it is told", () => {
  const all: CalicoRecord[] = [
    disabled("10.0.0.0/8"),
    disabled("10.3.0.0/16"),
    pool("10.3.8.0/24"),
    forUses("10.5.0.0/16", "LoadBalancer"),
    pod("a", "10.3.8.1"),
    pod("b", "10.3.9.1"),
    block("10.3.8.64/26"),
    pod("c", "10.7.0.1"),
  ];
  const expected = after(...all).cidrs;
  const order = fc.shuffledSubarray(all, { minLength: all.length });
  fc.assert(
    fc.property(order, fc.nat(all.length), (records, cut) => {
      const published = new Published();
      published.see(puts(...records.slice(0, cut))).see(puts(...records.slice(cut)));
      expect(published.cidrs).toEqual(expected);
    }),
  );
});
