import fc from "fast-check";
import { expect, test } from "vitest";

import { encodeKvs, encodeKvsValue, SERVER_DEFINITIONS } from "../../../relay/typha/wire/encode.ts";
import { encodeKvsAround } from "../../../relay/typha/wire/encode.ts";
import { viewOf } from "../../../relay/typha/wire/byte-hash.ts";
import { GobDecoder } from "../../../relay/typha/wire/gob/decoder.ts";
import { KeySpace } from "../../../relay/typha/splice/key-space.ts";
import { KeyTable } from "../../../relay/typha/splice/key-table.ts";
import { LocalStream } from "../../../relay/typha/splice/local-stream.ts";
import type { Elements } from "../../../relay/typha/wire/encode.ts";
import { readMessage } from "../../../relay/typha/wire/messages.ts";
import { FakeFeed } from "../../support/fake-feed.ts";
import { element } from "../../support/live-typha.ts";

/** What a Felix has that is told `elements`, in order. */
class Told {
  readonly kvs = new Map<string, string>();
  /** Every type has to be right. */
  isStrict = false;
  readonly deleted: string[] = [];

  hear({ count, parts }: Elements): void {
    if (count === 0) return;
    const decoder = new GobDecoder(1 << 26);
    decoder.feed(SERVER_DEFINITIONS);
    const message = decoder.feed(Buffer.concat(encodeKvsAround(count, parts))).map(readMessage)[0];
    if (message?.type !== "MsgKVs") throw new Error("no MsgKVs");
    expect(message.kvs.length).toBe(count);
    for (const { key, value, updateType } of message.kvs) {
      // Felix counts by these types.
      const type = value === null ? 3 : this.kvs.has(key) ? 2 : 1;
      if (this.isStrict && updateType !== 0) expect([key, updateType]).toEqual([key, type]);
      if (this.isStrict && value === null) expect(this.kvs.has(key)).toBe(true);
      if (value !== null) this.kvs.set(key, Buffer.from(value).toString());
      else if (updateType === 3) {
        this.kvs.delete(key);
        this.deleted.push(key);
      }
    }
  }
}

const KEYS = Array.from({ length: 6 }, (_, n) => `/calico/v1/netset/${"k".repeat(n)}${n}`);
const step = fc.oneof(
  fc.record({
    op: fc.constant("local" as const),
    key: fc.constantFrom(...KEYS),
    value: fc.option(fc.integer({ min: 0, max: 3 })),
  }),
  fc.record({
    op: fc.constant("remote" as const),
    key: fc.constantFrom(...KEYS),
    value: fc.option(fc.integer({ min: 0, max: 3 })),
  }),
  // Typha goes away and comes back with these.
  fc.record({
    op: fc.constant("away" as const),
    keys: fc.uniqueArray(fc.constantFrom(...KEYS)),
    isCut: fc.boolean(),
  }),
);

test("[TYP11] [TYP14] [TYP28] after any history Felix has the local key/values, and the remote ones where there is no local one", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const feed = new FakeFeed();
      const space = new KeySpace(feed);
      const stream = new LocalStream(space, true);
      const felix = new Told();
      felix.isStrict = true;
      space.subscribe((batch) => {
        const shown = batch.updates.filter((u) => !stream.hides(batch.shadowed.get(u) ?? -1));
        felix.hear({ count: shown.length, parts: shown.map((u) => u.encoded) });
      });
      const local = new Map<string, string>();
      const remote = new Map<string, string>();
      const hear = (elements: Uint8Array[]): void =>
        felix.hear(stream.read(encodeKvsValue(elements), 0));
      for (const one of steps) {
        if (one.op === "local") {
          const value = one.value === null ? null : `local ${one.value}`;
          const type = value === null ? 3 : local.has(one.key) ? 2 : 1;
          hear([element(one.key, value, type)]);
          if (value === null) local.delete(one.key);
          else local.set(one.key, value);
        } else if (one.op === "remote") {
          if (one.value === null && remote.has(one.key)) feed.delete(one.key);
          else if (one.value !== null) feed.put(one.key, `remote ${one.value}`);
          if (one.value === null) remote.delete(one.key);
          else remote.set(one.key, `remote ${one.value}`);
        } else {
          const before = new Map(felix.kvs);
          stream.beginResync();
          if (one.isCut) {
            hear(one.keys.slice(0, 1).map((key) => element(key, local.get(key) ?? "new", 1)));
            for (const key of one.keys.slice(0, 1)) local.set(key, local.get(key) ?? "new");
            stream.beginResync();
          }
          const after = new Map(one.keys.map((key) => [key, local.get(key) ?? "new"]));
          hear([...after].map(([key, value]) => element(key, value, 1)));
          // Nothing goes before it has told everything.
          for (const key of before.keys()) expect(felix.kvs.has(key)).toBe(true);
          felix.hear(stream.endResync());
          local.clear();
          for (const [key, value] of after) local.set(key, value);
        }
        expect(felix.kvs).toEqual(new Map([...remote, ...local]));
        expect(stream.size).toBe(local.size);
      }
    }),
    { numRuns: 300 },
  );
});

test("[TYP13] what goes on is, byte for byte, what came", () => {
  const stream = new LocalStream(new KeySpace(new FakeFeed()), true);
  const elements = KEYS.map((key, n) => element(key, `v${n}`, 1));
  const message = encodeKvs(elements);
  const { count, parts } = stream.read(encodeKvsValue(elements), 0);
  expect(Buffer.concat(encodeKvsAround(count, parts)).equals(message)).toBe(true);
  // As one part: nothing was taken apart.
  expect(parts.length).toBe(1);
});

test("[TYP11] a Typha that came back with nothing new sends nothing", () => {
  const stream = new LocalStream(new KeySpace(new FakeFeed()), true);
  const all = encodeKvsValue(KEYS.map((key) => element(key, "v", 1)));
  stream.read(all, 0);
  stream.beginResync();
  expect(stream.read(all, 0).count).toBe(0);
  expect(stream.endResync().count).toBe(0);
});

test("[TYP13] the key table finds what is held, whatever came and went", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: 3_000 }), fc.boolean()), { maxLength: 5_000 }),
      (steps) => {
        const table = new KeyTable();
        const held = new Map<number, number>();
        // Few different hashes: long runs of neighbours.
        const hashOf = (n: number): number => (n * 7) % 97;
        for (const [n, isPut] of steps) {
          const view = viewOf(Buffer.from(`/key/${n}`));
          const id = table.find(view, 0, view.byteLength, hashOf(n));
          if (held.has(n)) expect(id).toBe(held.get(n));
          if (isPut && !held.has(n)) {
            const added = id >= 0 ? id : table.add(view, 0, view.byteLength, hashOf(n));
            table.hold(added);
            held.set(n, added);
          } else if (!isPut && held.has(n)) {
            if (n % 2 === 0) table.drop(held.get(n) ?? -1);
            else table.letGo(held.get(n) ?? -1);
            held.delete(n);
          }
        }
        expect(new Set(held.values()).size).toBe(held.size);
        for (const [n, id] of held) expect(Buffer.from(table.key(id)).toString()).toBe(`/key/${n}`);
      },
    ),
    { numRuns: 30 },
  );
});

for (const [how, idle] of [
  ["drop", 0],
  ["letGo", 131_072],
] as const)
  test(`[TYP13] keys that come and go for ever do not make the key table grow for ever: ${how}`, () => {
    const table = new KeyTable();
    const ids: number[] = [];
    let after = 0;
    for (let n = 0; n < 600_000; n++) {
      const view = viewOf(
        Buffer.from(`/calico/v1/host/node/workload/k8s/shop%2fweb-${n}/endpoint/eth0`),
      );
      const id = table.add(view, 0, view.byteLength, Math.imul(n, 0x9e37_79b1) >>> 0);
      table.hold(id);
      ids.push(id);
      if (ids.length > 1_000) table[how](ids.shift() ?? -1);
      if (n === 300_000) after = table.bytes;
    }
    expect(table.bytes).toBe(after);
    expect(table.size).toBe(1_000 + idle);
  });

test("[TYP13] keys that are let go and told again, round after round, keep their numbers", () => {
  const table = new KeyTable();
  const views = Array.from({ length: 50_000 }, (_, n) => viewOf(Buffer.from(`/key/${n}`)));
  const hashOf = (n: number): number => Math.imul(n, 0x9e37_79b1) >>> 0;
  const ids = views.map((view, n) => table.add(view, 0, view.byteLength, hashOf(n)));
  for (let round = 0; round < 7; round++) {
    for (const id of ids) table.hold(id);
    for (const id of ids) table.letGo(id);
  }
  expect(views.map((view, n) => table.find(view, 0, view.byteLength, hashOf(n)))).toEqual(ids);
});
