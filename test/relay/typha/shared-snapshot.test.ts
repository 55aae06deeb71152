import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";

import { SERVER_DEFINITIONS } from "../../../relay/typha/wire/encode.ts";
import { GobDecoder } from "../../../relay/typha/wire/gob/decoder.ts";
import { KeySpace } from "../../../relay/typha/splice/key-space.ts";
import { readMessage } from "../../../relay/typha/wire/messages.ts";
import { RemoteSide } from "../../../relay/typha/splice/remote-side.ts";
import { SnapshotMaker } from "../../../relay/typha/splice/shared-snapshot.ts";
import { FakeFeed } from "../../support/fake-feed.ts";

afterEach(() => {
  vi.useRealTimers();
});

const key = (n: number): string => `/calico/v1/host/db_n1/workload/k8s/shop%2fp-${n}/endpoint/eth0`;

test("[TYP15] what changes while a new snapshot is made is told behind it, though the one before expires in that moment", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const feed = new FakeFeed();
  for (let n = 0; n < 900; n++) feed.put(key(n), "{}");
  const maker = new SnapshotMaker(feed);
  await maker.get();
  // More than may lie beside it: the next one that is asked for is made anew.
  for (let n = 0; n < 600; n++) feed.put(key(n), '{"changed":1}');
  const making = maker.get();
  // The first part of it is taken; the one before would be forgotten now.
  vi.advanceTimersByTime(60_000);
  feed.delete(key(0));
  const snapshot = await making;
  expect([...snapshot.changes()].map(([changed]) => changed)).toEqual([key(0)]);
  maker.stop();
});

test("[TYP15] a snapshot is made once, for whoever asks while it is made, and for a minute after the last one has", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const feed = new FakeFeed();
  for (let n = 0; n < 900; n++) feed.put(key(n), "{}");
  const maker = new SnapshotMaker(feed);
  const [first, second] = await Promise.all([maker.get(), maker.get()]);
  expect(second).toBe(first);
  vi.advanceTimersByTime(59_000);
  feed.put(key(0), '{"changed":1}');
  expect(await maker.get()).toBe(first);
  vi.advanceTimersByTime(59_000);
  expect(await maker.get()).toBe(first);
  expect(maker.bytes).toBeGreaterThan(0);
  vi.advanceTimersByTime(60_000);
  expect(maker.bytes).toBe(0);
  expect(await maker.get()).not.toBe(first);
  maker.stop();
});

/**
 * Remote keys as a Felix has them: a put is new exactly where it has not the key, a deletion is of
 * one that it has.
 */
function tell(felix: Map<string, string>, chunks: readonly Uint8Array[]): void {
  const decoder = new GobDecoder(1 << 26);
  decoder.feed(SERVER_DEFINITIONS);
  for (const chunk of chunks)
    for (const message of decoder.feed(chunk).map(readMessage)) {
      if (message.type !== "MsgKVs") continue;
      for (const { key: of, value, updateType } of message.kvs) {
        expect([of, updateType]).toEqual([of, value === null ? 3 : felix.has(of) ? 2 : 1]);
        if (value === null) expect(felix.delete(of)).toBe(true);
        else felix.set(of, Buffer.from(value).toString());
      }
    }
}

test("[TYP28] whatever changes while a snapshot is made, kept and sent, each Felix is told the right types", async () => {
  const change = fc.record({ n: fc.nat(1_200), isPut: fc.boolean(), turns: fc.nat(2) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { maxLength: 60 }),
      fc.array(change, { maxLength: 12 }),
      fc.array(fc.tuple(change, fc.boolean()), { maxLength: 20 }),
      async (during, kept, after) => {
        const feed = new FakeFeed();
        for (let n = 0; n < 900; n++) feed.put(key(n), "{}");
        const apply = ({ n, isPut }: { n: number; isPut: boolean }, value: string): void => {
          if (isPut) feed.put(key(n), value);
          else if (feed.find(key(n)) !== null) feed.delete(key(n));
        };
        const maker = new SnapshotMaker(feed);
        const making = maker.get();
        for (const one of during) {
          apply(one, "during");
          for (let turn = 0; turn < one.turns; turn++) await new Promise(setImmediate);
        }
        const snapshot = await making;
        for (const one of kept) apply(one, "kept");
        const felix = new Map<string, string>();
        const space = new KeySpace(feed);
        const side = new RemoteSide({
          space,
          hides: () => false,
          write: (bytes) => tell(felix, [bytes]),
        });
        side.setSnapshot(snapshot);
        let isOpen = false;
        space.subscribe((batch) => side.deliver(batch, isOpen));
        side.startSnapshot(false);
        while (side.sendPart());
        for (const [one, opens] of after) {
          apply(one, "after");
          if (opens && !isOpen) side.flushWaiting();
          isOpen = opens;
        }
        side.flushWaiting();
        const all = new Set([...feed.snapshot()].flat().map((update) => update.key));
        expect(new Set(felix.keys())).toEqual(all);
        maker.stop();
        space.stop();
      },
    ),
    { numRuns: 60 },
  );
});
