/** Blobs that are made once for all followers. */
import { expect, test } from "vitest";

import { MadeBlobs } from "../../../relay/feed/made-blobs.ts";
import { confirmedChannel } from "../../../relay/view/confirmed.ts";
import { HashTrie } from "../../../shared/log/hash-trie.ts";
import { decodePayload } from "../../../shared/log/payload.ts";
import { address, pod, putOf } from "../../support/records.ts";

/** A channel of so many pods, which counts how often a record is read. */
class Channel {
  readonly trie = new HashTrie();
  readonly #records: Uint8Array[] = [];
  reads = 0;
  readonly confirmed = confirmedChannel(this.trie, (tag) => {
    this.reads++;
    const bytes = this.#records[tag];
    if (bytes === undefined) throw new Error("no such record");
    return { bytes } as never;
  });

  constructor(pods: number) {
    for (let n = 0; n < pods; n++) this.put(n, "v1");
  }

  put(n: number, version: string): void {
    const change = putOf(pod(`pod-${n}`, address(n), { version }));
    if (change.op !== "put") throw new Error("no put");
    this.trie.set(change.keyHash, change.recordHash, this.#records.push(change.bytes) - 1);
  }
}

test("[FEE9] a blob is made once, and anew when something of its partition has changed", () => {
  const channel = new Channel(3_000);
  const made = new MadeBlobs();
  const all = (): Uint8Array[] =>
    channel.trie.leaves().map((leaf) => made.payload(channel.confirmed, leaf));
  const first = all();
  expect(channel.reads).toBe(3_000);
  expect(all().every((payload, i) => payload === first[i])).toBe(true);
  expect(channel.reads).toBe(3_000);
  channel.put(7, "v2");
  const second = all();
  expect(second.filter((payload, i) => payload !== first[i])).toHaveLength(1);
  const decoded = second.map((payload) => decodePayload(payload));
  expect(decoded.reduce((sum, one) => sum + (one.ok ? one.changes.length : 0), 0)).toBe(3_000);
});

test("[FEE9] what is kept is let go when nobody is repaired", () => {
  const channel = new Channel(300);
  const made = new MadeBlobs();
  const [leaf] = channel.trie.leaves();
  if (leaf === undefined) throw new Error("no leaf");
  const payload = made.payload(channel.confirmed, leaf);
  expect(made.payload(channel.confirmed, leaf)).toBe(payload);
  made.clear();
  expect(made.payload(channel.confirmed, leaf)).not.toBe(payload);
  // A partition within a leaf has no digest of its own, and is not kept.
  const half = { bits: leaf.bits + 1, prefix: leaf.prefix };
  expect(made.payload(channel.confirmed, half)).not.toBe(made.payload(channel.confirmed, half));
});
