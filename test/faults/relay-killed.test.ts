/**
 * Relays that are killed at any moment, with what happens to the files of processes that end so.
 */
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { randomInt } from "node:crypto";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { RelayStatus } from "../../relay/status.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { startFakeTypha } from "../support/typha.ts";
import type { FakeTypha } from "../support/typha.ts";
import { Felix } from "./felix.ts";
import { addressesOf, manyPods } from "./many-pods.ts";
import { TcpProxy } from "./tcp-proxy.ts";
import { rounds } from "../support/rounds.ts";

const KILLS = rounds(6, 24);
const PODS_A_ROUND = 20;

const rig = new MeshRig();
let typha: FakeTypha;
let felixPort = 0;
let felix: Felix;
/** So far that a relay which says in-sync before it has heard the hub is caught at it. */
const HUB_DELAY_MS = 150;
let line: TcpProxy;

beforeAll(async () => {
  const recorded = join(import.meta.dirname, "../fixtures/golden/typha/b1-felix-plain.s2c.bin");
  typha = await startFakeTypha(readFileSync(recorded));
  await rig.startHub();
  await rig.createDemo();
  line = await TcpProxy.start({
    target: () => new URL(rig.hubUrl).host,
    delayMs: HUB_DELAY_MS,
  });
  await rig.startRelay("db");
  await startApp();
  felix = new Felix(() => felixPort, "db_");
  await eventually(
    () => Promise.resolve(felix.syncs),
    (syncs) => syncs > 0 && felix.has("/host/db_"),
  );
});

afterAll(async () => {
  felix.stop();
  await typha.close();
  await rig.stop();
  await line.close();
});

/** At the same port each time, as in a cluster: Felix is there in the first moment. */
async function startApp(): Promise<void> {
  const listen = `127.0.0.1:${felixPort}`;
  const hub = ["--hub", `http://${line.host}`];
  const splice = ["--typha-upstream", typha.address, "--typha-listen", listen];
  felixPort = (await rig.startRelay("app", ...hub, ...splice)).typhaPort ?? 0;
}

/** The cluster only grows: whatever goes away was lost. */
function writePods(count: number): string[] {
  writeFileSync(join(rig.folder("db"), "grown.yaml"), manyPods("grown", count));
  return addressesOf(count);
}

/** What a disk, a half write, or somebody who cleans up does to a view file. */
const DAMAGES: readonly [string, (file: string) => void][] = [
  ["whole", () => undefined],
  ["cut off", (file) => truncateSync(file, randomInt(0, statSync(file).size))],
  ["a bit flipped", flipBit],
  ["another file", (file) => writeFileSync(file, Buffer.alloc(4_096, 7))],
  ["empty", (file) => truncateSync(file, 0)],
  ["gone", (file) => rmSync(file)],
];

function flipBit(file: string): void {
  const bytes = readFileSync(file);
  const at = randomInt(0, bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << randomInt(0, 8));
  writeFileSync(file, bytes);
}

async function untilEqual(ips: readonly string[]): Promise<void> {
  await eventually(
    () => rig.served("app", "db"),
    (served) => ips.every((ip) => served.includes(ip)),
  );
  await eventually(
    () => rig.fromRelay<RelayStatus>("app", "/status"),
    ({ remotes }) => remotes[0]?.connectionStatus === 2,
  );
}

test(`[VIE5] the reading relay is killed ${KILLS} times and its view damaged in every way: Felix loses nothing`, async () => {
  for (let kill = 0; kill < KILLS; kill++) {
    const ips = writePods((kill + 1) * PODS_A_ROUND);
    await new Promise((resolve) => setTimeout(resolve, randomInt(60, 250)));
    await rig.killRelay("app");
    const [name, damage] = DAMAGES[kill % DAMAGES.length] as (typeof DAMAGES)[number];
    damage(join(rig.state("app"), "views/db.view"));
    const syncs = felix.syncs;
    await startApp();
    await untilEqual(ips);
    await eventually(
      () => Promise.resolve(felix.syncs),
      (now) => now > syncs,
    );
    expect({ after: name, lost: felix.lost }).toEqual({ after: name, lost: [] });
    await eventually(
      () => Promise.resolve(felix.count("shop%2fgrown-")),
      (count) => count === ips.length,
    );
  }
});

test(`[PUB2] the publishing relay is killed ${KILLS} times: Felix loses nothing, and what came meanwhile arrives`, async () => {
  for (let kill = 0; kill < KILLS; kill++) {
    const ips = writePods((KILLS + kill + 1) * PODS_A_ROUND);
    await new Promise((resolve) => setTimeout(resolve, randomInt(60, 250)));
    await rig.killRelay("db");
    await rig.startRelay("db");
    await untilEqual(ips);
    expect(felix.lost).toEqual([]);
  }
});
