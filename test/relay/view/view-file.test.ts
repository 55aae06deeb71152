import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test } from "vitest";

import { RemoteView } from "../../../relay/view/remote-view.ts";
import { ViewFile } from "../../../relay/view/view-file.ts";
import { LIMITS } from "../../../shared/protocol/limits.ts";
import type { WatchMessage } from "../../../shared/protocol/messages.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import { OriginWorld, READER_UID, TestPublisher, TestReader } from "../../support/origin-world.ts";
import { address, pod, pool } from "../../support/records.ts";

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
    channels: CHANNELS,
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
  publisher.change({ op: "put", record: pool("10.20.0.0/16") });
  publisher.listed();
  publisher.connect();
  const view = new RemoteView(new ViewFile(path), header);
  attach(world, view);
  for (let n = 0; n < pods; n++) publisher.change({ op: "put", record: pod(`p${n}`, address(n)) });
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

test("[VIE10] a file is rewritten when most of it is past, and holds the same", () => {
  const path = join(folder(), "db.view");
  const world = new OriginWorld();
  const publisher = new TestPublisher(world);
  publisher.change({ op: "put", record: pool("10.20.0.0/16") });
  publisher.listed();
  publisher.connect();
  const view = new RemoteView(new ViewFile(path), header);
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
      ...Array.from({ length: 1_500 }, (_, n) => ({
        op: "put" as const,
        record: pod(`p${n}`, address(n), {
          round: `${noise}${(n * 2654435761) % 4294967296}${round}`,
        }),
      })),
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
  expect(largest).toBeLessThan(8 * 1024 * 1024);
}, 60_000);
