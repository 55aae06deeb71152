import { randomBytes } from "node:crypto";

import { expect, test } from "vitest";

import { encodeRecord, hashKey } from "../../shared/record/encoding.ts";
import { BUDGETS } from "../../worker/origin/budgets/limits.ts";
import { brokenQuota } from "../../worker/origin/publisher/origin-quota.ts";
import type { HeldLog } from "../../worker/origin/publisher/origin-quota.ts";
import { packKept, unpackKept } from "../../worker/origin/log/kept-bytes.ts";
import { populatedWorld } from "../support/origin-peers.ts";
import { rawHome } from "../support/raw-home.ts";
import { address, pod, put } from "../support/records.ts";

const FOREIGN = "172.16.0.1";

function rawPublisher() {
  const rig = populatedWorld(1);
  return { ...rig, ...rawHome(rig.world, rig.publisher) };
}

/** Labels of about 60 KiB. @param value Of each label. */
function labels(value: (n: number) => string): Record<string, string> {
  return Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`l${n}`, value(n)]));
}

const zeros = labels(() => "0".repeat(1_000));
const random = () => labels(() => randomBytes(500).toString("hex"));

function bytesOf(rig: ReturnType<typeof rawPublisher>) {
  const identity = rig.world.origin.status().channels.find(({ channel }) => channel === "identity");
  if (identity === undefined) throw new Error("no identity channel");
  return identity;
}

test("[LOG69] a refused record is kept as small as it came, and is what it was", () => {
  const small = encodeRecord(pod("small", FOREIGN));
  expect(packKept(small)).toBe(small);
  expect(unpackKept(small)).toBe(small);
  const large = encodeRecord(pod("large", FOREIGN, zeros));
  expect(packKept(large).length).toBeLessThan(large.length / 20);
  expect(unpackKept(packKept(large))).toEqual(large);
  const noise = encodeRecord(pod("noise", FOREIGN, random()));
  expect(unpackKept(packKept(noise))).toEqual(noise);
});

test("[LOG69] refused records that deflate to nothing cost the hub next to nothing, and are admitted later as they were", () => {
  const rig = rawPublisher();
  for (let n = 0; n < 200; n++) {
    rig.publish([put(pod(`x${n}`, FOREIGN, zeros))]);
    rig.world.settle();
  }
  const { refusedBytes } = bytesOf(rig);
  expect(refusedBytes).toBeGreaterThan(0);
  expect(refusedBytes).toBeLessThan(200 * 3_000);
  rig.world.evict();
  expect(bytesOf(rig).refusedBytes).toBe(refusedBytes);
  const { facts } = rig.world;
  if (facts === null) throw new Error("no facts");
  rig.world.push({
    ...facts,
    accessVersion: facts.accessVersion + 1,
    ranges: { pods: ["0.0.0.0/0"], nodes: [] },
  });
  rig.world.advance(60_000);
  expect(bytesOf(rig).refusedBytes).toBe(0);
  expect(rig.reader.ips()).toContain(FOREIGN);
});

test("[LOG68] beyond its bytes of refused records a publisher is told so; what is there stays, and deletes are taken", () => {
  const rig = rawPublisher();
  const { world, socket, publish, reader } = rig;
  let sent = 0;
  while (world.closedWith(socket) === null && sent < 2_000) {
    publish([put(pod(`x${sent++}`, FOREIGN, random()))]);
    world.settle();
  }
  expect(world.closedWith(socket)).toBe("over-quota");
  expect(world.closeMessage(socket)).toMatch(/bytes of identity are refused by admission/);
  const { refusedBytes } = bytesOf(rig);
  expect(refusedBytes).toBeGreaterThan(BUDGETS.refusedBytes);
  expect(refusedBytes).toBeLessThan(BUDGETS.refusedBytes + 1024 * 1024);
  expect(reader.ips()).toEqual([address(0)]);
});

test("[LOG68] a refused record that is replaced or withdrawn is counted once, or no longer", () => {
  const rig = rawPublisher();
  const { world, publish } = rig;
  for (let n = 0; n < 20; n++) publish([put(pod("x", FOREIGN, random()))]);
  world.settle();
  expect(bytesOf(rig).refusedBytes).toBeLessThan(66_000);
  publish([put(pod("x", address(9)))]);
  world.settle();
  expect(bytesOf(rig).refusedBytes).toBe(0);
});

test("[LOG68] status counts the bytes of admitted records", () => {
  const rig = rawPublisher();
  const before = bytesOf(rig).admittedBytes;
  rig.publish([put(pod("large", address(3), random()))]);
  rig.world.settle();
  expect(bytesOf(rig).admittedBytes - before).toBeGreaterThan(30_000);
});

test("[LOG68] beyond its bytes of admitted records an origin may add nothing, and take away anything", () => {
  const keyHash = hashKey("some key");
  const change = { op: "delete", keyHash, cause: "observed" } as const;
  const put = { change, keyHash, recordHash: keyHash };
  const taken = { change, keyHash, recordHash: null };
  const logOf = (storedBytes: number): HeldLog => ({
    channel: "identity",
    keys: 10,
    received: { refused: 0, keptBytes: 0 },
    folding: { storedBytes },
    admitted: { tagOf: () => undefined },
  });
  const [most, over] = [logOf(BUDGETS.admittedBytes), logOf(BUDGETS.admittedBytes + 1)];
  expect(brokenQuota(most, [put], 0)).toBeNull();
  expect(brokenQuota(over, [put], 0)).toMatch(
    /may have 268435456 bytes in identity, and has 268435457/,
  );
  expect(brokenQuota(over, [taken], 0)).toBeNull();
});
