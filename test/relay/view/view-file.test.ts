import {
  copyFileSync,
  fdatasyncSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, expect, test } from "vitest";

import { RemoteView } from "../../../relay/view/remote-view.ts";
import { ViewFile } from "../../../relay/view/view-file.ts";
import type { WriteAt } from "../../../relay/view/view-file.ts";
import { HashTrie } from "../../../shared/log/hash-trie.ts";
import { partitionHas } from "../../../shared/log/partition.ts";
import { encodePayload } from "../../../shared/log/payload.ts";
import { LIMITS } from "../../../shared/protocol/limits.ts";
import type { WatchMessage } from "../../../shared/protocol/messages.ts";
import { FELIX_CHANNELS } from "../../../shared/record/channel.ts";
import { hashKey, hashRecord } from "../../../shared/record/encoding.ts";
import { keyOf } from "../../../shared/record/key.ts";
import { TestPublisher, TestReader } from "../../support/origin-peers.ts";
import { OriginWorld, READER_UID } from "../../support/origin-world.ts";
import { address, pod, pool, put, putOf } from "../../support/records.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "catwalk-view-"));
  folders.push(made);
  return made;
}

const header = { rcc: "db", meshId: "mesh-1", originUid: "b".repeat(32), originName: "db" };

/** Connects a view to the hub as a relay would. */
function attach(world: OriginWorld, view: RemoteView): void {
  view.onConnect();
  const peer = { role: "watch", clusterUid: READER_UID, keyGeneration: 1 } as const;
  const socket = world.connect(peer, (message) => {
    const { answer } = view.onMessage(message as WatchMessage);
    if (answer !== null) world.toOrigin(socket, answer);
  });
  world.toOrigin(socket, {
    type: "watch-hello",
    versions: [1],
    software: "test",
    accessVersion: 0,
    creditBytes: LIMITS.defaultCreditBytes,
    channels: FELIX_CHANNELS,
    cursors: view.cursors(),
  });
  world.advance(1_000);
}

/** A view that was fed what a reader of a small log gets. */
function filled(
  path: string,
  pods: number,
): { readonly view: RemoteView; readonly world: OriginWorld } {
  const world = new OriginWorld();
  const publisher = new TestPublisher(world);
  publisher.change(putOf(pool("10.20.0.0/16")));
  publisher.listed();
  publisher.connect();
  const view = new RemoteView(new ViewFile(path), header);
  attach(world, view);
  for (let n = 0; n < pods; n++) publisher.change(putOf(pod(`p${n}`, address(n))));
  world.advance(1_000);
  return { view, world };
}

const keys = (view: RemoteView): string[] => [...view.records()].map((held) => held.key).toSorted();

test("[VIE5] a view comes back from its file as it was: records, position, proof", () => {
  const path = join(folder(), "db.view");
  const { view } = filled(path, 20);
  view.close();
  const again = new RemoteView(new ViewFile(path), header);
  expect(keys(again)).toEqual(keys(view));
  expect(again.cursors()).toEqual(view.cursors());
  expect(again.isInSync).toBe(true);
  expect(again.damage).toBe(null);
  expect(again.loadedRecords).toBe(21);
});

test("[VIE5] a file that is cut at any byte keeps its intact records and is repaired by what follows", () => {
  const dir = folder();
  const { view, world } = filled(join(dir, "db.view"), 8);
  const whole = readFileSync(join(dir, "db.view"));
  for (let length = 0; length < whole.length; length += 37) {
    const path = join(dir, `cut-${length}.view`);
    writeFileSync(path, whole.subarray(0, length));
    const cut = new RemoteView(new ViewFile(path), header);
    for (const record of cut.records()) expect(keys(view)).toContain(record.key);
    attach(world, cut);
    expect(keys(cut)).toEqual(keys(view));
    cut.close();
    expect(keys(new RemoteView(new ViewFile(path), header))).toEqual(keys(view));
  }
});

test("[VIE5] a flipped bit, a foreign file and an empty one are told and dropped, never believed", () => {
  const dir = folder();
  const { view } = filled(join(dir, "db.view"), 8);
  const whole = readFileSync(join(dir, "db.view"));
  const flipped = Buffer.from(whole);
  const middle = Math.floor(whole.length / 2);
  flipped[middle] = (flipped[middle] ?? 0) ^ 1;
  writeFileSync(join(dir, "flipped.view"), flipped);
  const damaged = new RemoteView(new ViewFile(join(dir, "flipped.view")), header);
  expect(damaged.damage).toMatch(/bytes after \d+ intact records were cut off/);
  expect(keys(damaged).length).toBeLessThan(keys(view).length);
  writeFileSync(join(dir, "foreign.view"), "not a view at all, but long enough to look like one");
  expect(new RemoteView(new ViewFile(join(dir, "foreign.view")), header).damage).toBe(
    "it is not a view file of this version",
  );
  writeFileSync(join(dir, "empty.view"), "");
  expect(keys(new RemoteView(new ViewFile(join(dir, "empty.view")), header))).toEqual([]);
});

test("[VIE13] [VER4] a file of the first format is taken over as it is: nothing is withdrawn by an upgrade while the hub is away", () => {
  const path = join(folder(), "db.view");
  copyFileSync(join(import.meta.dirname, "../../fixtures/previous/view-1.view"), path);
  const view = new RemoteView(new ViewFile(path), header);
  expect(view.damage).toBe(null);
  expect(keys(view)).toHaveLength(30);
  expect(view.isInSync).toBe(true);
  view.close();
  const again = new RemoteView(new ViewFile(path), header);
  expect(keys(again)).toEqual(keys(view));
  expect(again.cursors()).toEqual(view.cursors());
  expect(again.isInSync).toBe(true);
});

test("[VIE10] a file is rewritten when most of it is past, and holds the same", () => {
  const path = join(folder(), "db.view");
  const world = new OriginWorld();
  const publisher = new TestPublisher(world);
  publisher.change(putOf(pool("10.20.0.0/16")));
  publisher.listed();
  publisher.connect();
  const view = new RemoteView(new ViewFile(path), header, 1 << 20);
  const reader = new TestReader(world);
  reader.connect();
  let taken = 0;
  const feed = () => {
    for (const message of reader.received.slice(taken))
      if ("channel" in message) view.onMessage(message as WatchMessage);
    taken = reader.received.length;
  };
  let largest = 0;
  for (let round = 0; round < 30; round++) {
    const noise = Array.from({ length: 64 }, (_, i) =>
      ((round * 31 + i * 7919) % 36).toString(36),
    ).join("");
    publisher.change(
      ...Array.from({ length: 1_500 }, (_, n) =>
        putOf(
          pod(`p${n}`, address(n), {
            round: `${noise}${(n * 2654435761) % 4294967296}${round}`,
          }),
        ),
      ),
    );
    feed();
    largest = Math.max(largest, readFileSync(path).length);
  }
  world.advance(1_000);
  feed();
  expect(view.isInSync).toBe(true);
  view.close();
  const again = new RemoteView(new ViewFile(path), header);
  expect(keys(again)).toEqual(keys(view));
  expect(again.cursors()).toEqual(view.cursors());
  expect(largest).toBeLessThan(4 * 1024 * 1024);
});

/**
 * A repair of the identity channel, half of it: the plan names two blobs, the second is still to
 * come.
 */
function halfRepaired(path: string, slackBytes: number) {
  const view = new RemoteView(new ViewFile(path), header, slackBytes);
  const records = Array.from({ length: 200 }, (_, n) => pod(`p${n}`, address(n)));
  const trie = new HashTrie();
  for (const record of records) trie.set(hashKey(keyOf(record)), hashRecord(put(record).bytes), 0);
  const common = { origin: 0, channel: "identity", epoch: "e" } as const;
  const half = (prefix: number): WatchMessage => ({
    type: "blob",
    origin: 0,
    channel: "identity",
    bits: 1,
    prefix,
    revision: 1,
    payload: encodePayload(
      records
        .filter((record) => partitionHas({ bits: 1, prefix }, hashKey(keyOf(record))))
        .map(put),
    ),
  });
  const chain = new Uint8Array(16);
  view.onMessage({ ...common, type: "repair-plan", head: 1, blobs: 2, after: 1, chain });
  view.onMessage(half(0));
  const finish = (): void => {
    view.onMessage(half(0x8000_0000));
    view.onMessage({
      ...common,
      type: "checkpoint",
      revision: 1,
      digest: trie.digest(),
      populated: true,
      sweep: false,
    });
  };
  return { view, finish };
}

/** The other channels, populated and empty. */
function fillOthers(view: RemoteView, populated: boolean): void {
  for (const channel of FELIX_CHANNELS.filter((each) => each !== "identity")) {
    const common = { origin: 0, channel, epoch: "e" } as const;
    const chain = new Uint8Array(16);
    view.onMessage({ ...common, type: "repair-plan", head: 0, blobs: 0, after: 0, chain });
    const digest = new HashTrie().digest();
    view.onMessage({
      ...common,
      type: "checkpoint",
      revision: 0,
      digest,
      populated,
      sweep: false,
    });
  }
}

test("[VIE11] a file is not rewritten in the middle of a repair, so that a restart has what the repair brought", () => {
  const path = join(folder(), "db.view");
  const { view, finish } = halfRepaired(path, 256);
  expect(keys(new RemoteView(new ViewFile(path), header))).toEqual(keys(view));
  expect(keys(view).length).toBeGreaterThan(50);
  finish();
  view.close();
  expect(keys(new RemoteView(new ViewFile(path), header))).toHaveLength(200);
});

test("[VIE10] a first view is long, and nothing of it is past: it is not rewritten", () => {
  const path = join(folder(), "db.view");
  const { view, finish } = halfRepaired(path, 256);
  const { ino } = statSync(path);
  finish();
  fillOthers(view, true);
  expect(view.isLoaded).toBe(true);
  expect(statSync(path).size).toBeGreaterThan(2 * 256);
  expect(statSync(path).ino).toBe(ino);
});

test("[VIE12] a view counts as loaded once every channel was complete: not with a plan, half a repair or a log that nobody populated", () => {
  const dir = folder();
  const { view, finish } = halfRepaired(join(dir, "db.view"), 1 << 20);
  fillOthers(view, true);
  expect(view.isLoaded).toBe(false);
  finish();
  expect(view.isLoaded).toBe(true);
  const other = halfRepaired(join(dir, "other.view"), 1 << 20);
  fillOthers(other.view, false);
  other.finish();
  expect(other.view.isLoaded).toBe(false);
});

test("[VIE12] loaded stays loaded: over a new repair, a restart and a rewritten file", () => {
  const path = join(folder(), "db.view");
  const { view, finish } = halfRepaired(path, 256);
  finish();
  fillOthers(view, true);
  const chain = new Uint8Array(16);
  view.onMessage({
    type: "repair-plan",
    origin: 0,
    channel: "identity",
    epoch: "f",
    head: 0,
    blobs: 0,
    after: 0,
    chain,
  });
  expect(view.isLoaded).toBe(true);
  view.rebind({ ...header, originUid: "c".repeat(32) });
  view.close();
  const again = new RemoteView(new ViewFile(path), header);
  expect(again.isLoaded).toBe(true);
  expect(again.isInSync).toBe(false);
  expect(keys(again)).toHaveLength(200);
});

test("[VIE10] a rewritten file is where a loss of power leaves it before it takes the other's place; one that cannot be is dropped", () => {
  const path = join(folder(), "db.view");
  const atSync: Buffer[] = [];
  let isBroken = false;
  const sync = (descriptor: number): void => {
    if (isBroken) throw new Error("EIO: i/o error, fdatasync");
    fdatasyncSync(descriptor);
    atSync.push(readFileSync(path));
  };
  const writeAt: WriteAt = (descriptor, bytes, at) => {
    writeSync(descriptor, bytes, 0, bytes.length, at);
  };
  const world = new OriginWorld();
  const publisher = new TestPublisher(world);
  publisher.change(putOf(pool("10.20.0.0/16")));
  publisher.listed();
  publisher.connect();
  const view = new RemoteView(new ViewFile(path, writeAt, sync), header, 20_000);
  attach(world, view);
  const churn = (): void => {
    for (let n = 0; n < 150; n++) {
      const labels = { change: `${n}`.repeat(60) };
      publisher.change(putOf(pod(`p${n % 5}`, address(n % 5), labels)));
      world.advance(300);
    }
  };
  isBroken = true;
  churn();
  // The old file goes on, and what was written beside it is gone.
  expect(view.isInSync).toBe(true);
  expect(readdirSync(dirname(path))).toEqual(["db.view"]);
  const long = readFileSync(path).length;
  expect(long).toBeGreaterThan(40_000);
  isBroken = false;
  churn();
  // Until it was synced, the name was the old file's.
  expect(atSync[0]?.length).toBeGreaterThan(long);
  expect(readFileSync(path).length).toBeLessThan(long);
  expect(keys(new RemoteView(new ViewFile(path), header))).toEqual(keys(view));
});

test("[VIE10] [VIE18] a full disk costs the file, not the view; with room again the file holds everything", () => {
  const path = join(folder(), "db.view");
  const world = new OriginWorld();
  const publisher = new TestPublisher(world);
  publisher.change(putOf(pool("10.20.0.0/16")));
  publisher.listed();
  publisher.connect();
  let isFull = false;
  const file = new ViewFile(path, (descriptor, bytes, at) => {
    if (isFull)
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    writeSync(descriptor, bytes, 0, bytes.length, at);
  });
  const view = new RemoteView(file, header);
  attach(world, view);
  publisher.change(putOf(pod("before", "10.20.0.1")));
  isFull = true;
  publisher.change(putOf(pod("during", "10.20.0.2")));
  expect(view.writeError).toMatch(/ENOSPC/);
  expect(keys(view)).toHaveLength(3);
  isFull = false;
  publisher.change(putOf(pod("after", "10.20.0.3")));
  world.advance(1_000);
  expect(view.writeError).toBe(null);
  expect(view.isInSync).toBe(true);
  view.close();
  expect(keys(new RemoteView(new ViewFile(path), header))).toEqual(keys(view));
});
