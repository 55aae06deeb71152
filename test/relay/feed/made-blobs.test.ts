/** Blobs that are made once for all followers. */
import { expect, test } from "vitest";

import { BlobRoom, KEPT_BYTES, MadeBlobs } from "../../../relay/feed/made-blobs.ts";
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
  const made = new MadeBlobs(new BlobRoom());
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

test("[FEE9] all who are sent a blob at one revision are sent one message", () => {
  const channel = new Channel(300);
  const made = new MadeBlobs(new BlobRoom());
  const [leaf] = channel.trie.leaves();
  if (leaf === undefined) throw new Error("no leaf");
  const { bits, prefix } = leaf;
  const messageAt = (revision: number): unknown =>
    made.message(channel.confirmed, { channel: "identity", bits, prefix, revision });
  const first = messageAt(7);
  expect(first).toMatchObject({ type: "blob", channel: "identity", bits, prefix, revision: 7 });
  expect(messageAt(7)).toBe(first);
  expect(messageAt(8)).toMatchObject({ revision: 8 });
});

test("[FEE9] what is kept is let go when nobody is repaired", () => {
  const channel = new Channel(300);
  const made = new MadeBlobs(new BlobRoom());
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

test("[FEE9] what all remotes keep together is bounded, the oldest goes first, and all is given back", () => {
  const channels = Array.from({ length: 20 }, () => new Channel(2_000));
  const sizes = channels.map((channel) => sizeOf(channel));
  const most = (sizes[0] ?? 0) + (sizes[1] ?? 0) / 2;
  expect(most).toBeLessThan(KEPT_BYTES);
  const room = new BlobRoom(most);
  const made = channels.map(() => new MadeBlobs(room));
  for (const [i, channel] of channels.entries()) {
    for (const leaf of channel.trie.leaves()) {
      made[i]?.payload(channel.confirmed, leaf);
      expect(room.bytes).toBeLessThanOrEqual(most);
    }
    // The last one's are there whole: the next follower costs no reading.
    expect(channel.reads).toBe(2_000);
    for (const leaf of channel.trie.leaves()) made[i]?.payload(channel.confirmed, leaf);
    expect(channel.reads).toBe(2_000);
  }
  const [first, firstMade] = [channels[0], made[0]];
  if (first === undefined || firstMade === undefined) throw new Error("no channel");
  for (const leaf of first.trie.leaves()) firstMade.payload(first.confirmed, leaf);
  expect(first.reads).toBe(4_000);
  for (const one of made) one.clear();
  expect(room.bytes).toBe(0);
});

/** Of all its blobs. */
function sizeOf(channel: Channel): number {
  const room = new BlobRoom();
  const made = new MadeBlobs(room);
  for (const leaf of channel.trie.leaves()) made.payload(channel.confirmed, leaf);
  channel.reads = 0;
  return room.bytes;
}
