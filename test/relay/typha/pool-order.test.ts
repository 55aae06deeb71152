/** In which order one Felix is told of local pools and of other clusters'. */
import fc from "fast-check";
import { expect, test } from "vitest";

import { encodeKvsAround, encodeKvsValue } from "../../../relay/typha/wire/encode.ts";
import { SERVER_DEFINITIONS } from "../../../relay/typha/wire/encode.ts";
import { GobDecoder } from "../../../relay/typha/wire/gob/decoder.ts";
import { KeySpace } from "../../../relay/typha/splice/key-space.ts";
import { LocalStream } from "../../../relay/typha/splice/local-stream.ts";
import type { Elements } from "../../../relay/typha/wire/encode.ts";
import { readMessage } from "../../../relay/typha/wire/messages.ts";
import type { SerializedUpdate, TyphaMessage } from "../../../relay/typha/wire/messages.ts";
import { PoolOrder, poolKey } from "../../../relay/typha/splice/pool-order.ts";
import type { PoolFeed } from "../../../relay/typha/splice/pool-order.ts";
import { cidrsOverlap, parseCidr } from "../../../shared/ip/cidr.ts";
import type { Cidr } from "../../../shared/ip/cidr.ts";
import { FakeFeed } from "../../support/fake-feed.ts";
import { element } from "../../support/live-typha.ts";
import { spliceRig } from "../../support/splice-rig.ts";

const keyOf = (cidr: string): string =>
  `/calico/v1/ipam/${cidr.includes(":") ? "v6" : "v4"}/pool/${cidr.replace("/", "-")}`;
const cidrOf = (key: string): Cidr =>
  parseCidr((key.split("/").at(-1) ?? "").replace(/-(\d+)$/, "/$1")) as Cidr;

class FakePools implements PoolFeed {
  readonly isRouted = () => false;
  readonly delivered = new Set<string>();
  readonly #listeners = new Set<() => void>();

  set(...cidrs: string[]): void {
    this.delivered.clear();
    for (const cidr of cidrs) this.delivered.add(cidr);
    for (const listener of this.#listeners) listener();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** A Felix in nftables mode: a remote pool beside one that it overlaps ends it. */
class Nftables {
  readonly held = new Map<string, "local" | "remote">();

  hear(kvs: readonly SerializedUpdate[]): void {
    for (const { key, value, updateType } of kvs) {
      if (poolKey(Buffer.from(key), 0, key.length) === null) continue;
      expect(updateType).toBe(value === null ? 3 : this.held.has(key) ? 2 : 1);
      if (value === null) {
        expect(this.held.delete(key)).toBe(true);
        continue;
      }
      const owner = Buffer.from(value).toString() === "local" ? "local" : "remote";
      for (const [other, its] of this.held)
        if (other !== key && (its === "remote" || owner === "remote"))
          expect([key, other, cidrsOverlap(cidrOf(key), cidrOf(other))]).toEqual([
            key,
            other,
            false,
          ]);
      this.held.set(key, owner);
    }
  }
}

function decoded({ count, parts }: Elements): readonly SerializedUpdate[] {
  if (count === 0) return [];
  const decoder = new GobDecoder(1 << 26);
  decoder.feed(SERVER_DEFINITIONS);
  const message = decoder.feed(Buffer.concat(encodeKvsAround(count, parts))).map(readMessage)[0];
  if (message?.type !== "MsgKVs") throw new Error("no MsgKVs");
  return message.kvs;
}

const LOCAL = ["10.65.0.0/16", "10.65.3.0/24", "10.64.0.0/15", "10.67.0.0/16", "fd00::/16"];
/** No two of one choice overlap, as `NatPools` sees to. */
const CHOICES = [
  [],
  ["10.65.0.0/16"],
  ["10.64.0.0/14", "fd00:1::/32"],
  ["10.65.3.0/24", "10.65.4.0/24", "10.67.0.0/16"],
  ["fd00::/8", "10.66.0.0/16"],
];
const step = fc.oneof(
  fc.record({
    op: fc.constant("local" as const),
    pools: fc.array(fc.record({ cidr: fc.constantFrom(...LOCAL), isPut: fc.boolean() })),
  }),
  fc.record({ op: fc.constant("remote" as const), pools: fc.constantFrom(...CHOICES) }),
  fc.record({ op: fc.constant("away" as const), pools: fc.uniqueArray(fc.constantFrom(...LOCAL)) }),
);

test("[TYP32] whichever comes first, at no moment has Felix another cluster's pool beside one that it overlaps", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const pools = new FakePools();
      const order = new PoolOrder(pools, "v3.32.1");
      const stream = new LocalStream(new KeySpace(new FakeFeed()), true, order);
      const felix = new Nftables();
      const local = new Set<string>();
      const hear = (elements: Elements): void => felix.hear(decoded(order.around(elements)));
      pools.subscribe(() => hear({ count: 0, parts: [] }));
      order.complete();
      for (const one of steps) {
        if (one.op === "remote") pools.set(...one.pools);
        else if (one.op === "local") {
          const elements = one.pools.flatMap(({ cidr, isPut }) => {
            const type = isPut ? (local.has(cidr) ? 2 : 1) : 3;
            if (isPut) local.add(cidr);
            else local.delete(cidr);
            return [element(keyOf(cidr), isPut ? "local" : null, type)];
          });
          hear(stream.read(encodeKvsValue(elements), 0));
        } else {
          stream.beginResync();
          local.clear();
          for (const cidr of one.pools) local.add(cidr);
          const told = one.pools.map((cidr) => element(keyOf(cidr), "local", 1));
          hear(stream.read(encodeKvsValue(told), 0));
          hear(stream.endResync());
        }
        const free = [...pools.delivered].filter(
          (cidr) => ![...local].some((own) => cidrsOverlap(parse(own), parse(cidr))),
        );
        const owned = [...local].map((cidr) => [keyOf(cidr), "local"] as const);
        expect(felix.held).toEqual(
          new Map([...owned, ...free.map((cidr) => [keyOf(cidr), "remote"] as const)]),
        );
      }
    }),
    { numRuns: 300 },
  );
});

const parse = (cidr: string): Cidr => parseCidr(cidr) as Cidr;

test("[TYP32] only the keys of pools are taken for pools", () => {
  const key = (text: string): string | null =>
    poolKey(Buffer.from(`x${text}y`), 1, text.length + 1);
  expect(key(keyOf("10.65.0.0/16"))).toBe(keyOf("10.65.0.0/16"));
  expect(key(keyOf("fd00::/64"))).toBe("/calico/v1/ipam/v6/pool/fd00::-64");
  expect(key("/calico/v1/ipam/v4/host/n/10.65.0.0-26")).toBe(null);
  expect(key("/calico/v1/ipam/v4")).toBe(null);
  expect(key("/calico/v1/ipam/v5/pool/10.65.0.0-16")).toBe(null);
  expect(key("/calico/ipam/v2/assignment/ipv4/block/10.65.0.0-26")).toBe(null);
});

test("[TYP32] other clusters' pools come behind the local ones and before in-sync; none where a local one overlaps it", async () => {
  const pools = new FakePools();
  pools.set("10.65.0.0/16", "10.67.0.0/16");
  const own = keyOf("10.65.3.0/24");
  const { typha, client } = await spliceRig({ [own]: "local" }, { pools });
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
  const told = felix.messages.flatMap((message) =>
    message.type === "MsgKVs"
      ? message.kvs.map(({ key }) => key)
      : message.type === "MsgSyncStatus"
        ? [`status ${message.status}`]
        : [],
  );
  expect(told.filter((it) => it !== "status 1")).toEqual([own, keyOf("10.67.0.0/16"), "status 2"]);
  // The local one goes: the deletion and what it stood in the way of are one message.
  typha.delete(own);
  await felix.until("the other's", () => felix.kvs.has(keyOf("10.65.0.0/16")));
  expect(lastKvs(felix.messages)).toEqual([own, keyOf("10.65.0.0/16")]);
  // It comes before the relay has heard of it elsewhere: the deletion goes in front of it.
  typha.put(own, "local");
  await felix.until("the local one", () => felix.kvs.has(own));
  expect(lastKvs(felix.messages)).toEqual([keyOf("10.65.0.0/16"), own]);
  expect([...felix.kvs.keys()].toSorted()).toEqual([own, keyOf("10.67.0.0/16")]);
});

function lastKvs(messages: readonly TyphaMessage[]): string[] {
  const last = messages.findLast((message) => message.type === "MsgKVs");
  return last?.type === "MsgKVs" ? last.kvs.map(({ key }) => key) : [];
}

test("[TYP32] a Felix that is slow gets the pools of the moment when it takes something again", async () => {
  const pools = new FakePools();
  const { typha, client } = await spliceRig({}, { pools });
  const felix = client();
  await felix.until("in-sync", () => felix.hasSync);
  felix.setPaused(true);
  const big = JSON.stringify("x".repeat(100_000));
  for (let n = 0; n < 300; n++) typha.put(`/calico/v1/netset/${n % 50}`, big);
  const other = client();
  await other.until("in-sync", () => other.hasSync, 20_000);
  // Of 30 MB the kernel takes some; for the rest Felix is not ready.
  expect(typha.backlogBytes).toBeGreaterThan(10_000_000);
  pools.set("10.64.0.0/14");
  pools.set("10.65.0.0/16", "10.66.0.0/16");
  await other.until("the pools", () => other.kvs.has(keyOf("10.66.0.0/16")));
  felix.setPaused(false);
  await felix.until("the pools", () => felix.kvs.has(keyOf("10.66.0.0/16")), 20_000);
  typha.put(keyOf("10.66.8.0/24"), "local");
  await felix.until("the local one", () => felix.kvs.has(keyOf("10.66.8.0/24")), 20_000);
  const nft = new Nftables();
  for (const message of felix.messages) if (message.type === "MsgKVs") nft.hear(message.kvs);
  expect([...nft.held.keys()].toSorted()).toEqual([keyOf("10.65.0.0/16"), keyOf("10.66.8.0/24")]);
  expect(felix.deleted).toEqual([keyOf("10.66.0.0/16")]);
});
