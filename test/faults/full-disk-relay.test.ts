/**
 * A relay whose disk is full: what it sees goes on, what it may not see any more goes, and the disk
 * has it all when there is room.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { createJoinToken } from "../../shared/api/clusters.ts";
import { createGrant, deleteGrant } from "../../shared/api/grants.ts";
import { AccessState } from "../../relay/access/access-state.ts";
import type { AccessFacts } from "../../shared/visibility/facts.ts";
import type { RelayStatus } from "../../relay/status.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { accessFacts } from "../support/stored-view.ts";
import { startCatwalk } from "./catwalk-process.ts";
import type { CatwalkProcess } from "./catwalk-process.ts";
import { addressesOf, manyPods } from "./many-pods.ts";
import { canMount, SmallDisk } from "./small-disk.ts";

const HAS_DISK = canMount();
const rig = new MeshRig();
let disk: SmallDisk;
let app: CatwalkProcess | null = null;

beforeAll(async () => {
  if (!HAS_DISK) return;
  disk = await SmallDisk.mount(512);
  await rig.startHub();
  await rig.createDemo();
  await rig.startRelay("db");
  const { joinToken } = await rig.call(createJoinToken, {
    params: { mesh: "demo", cluster: "app" },
  });
  await startApp("--join-token", joinToken);
});

afterAll(async () => {
  await app?.stop();
  await rig.stop();
  if (HAS_DISK) await disk.remove();
});

async function startApp(...more: readonly string[]): Promise<void> {
  const options = ["--state", join(disk.path, "app"), "--manifests", rig.folder("app")];
  const net = ["--hub", rig.hubUrl, "--http-listen", "127.0.0.1:0"];
  app = await startCatwalk((...c) => disk.wrap(...c), "relay", ...options, ...net, ...more);
}

async function status(): Promise<RelayStatus> {
  return (await (
    await fetch(new URL("/status", String(app?.ready["http"])))
  ).json()) as RelayStatus;
}

async function served(): Promise<string[]> {
  const text = await (await fetch(new URL("/view", String(app?.ready["http"])))).text();
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { origin?: string; record?: { ips?: string[] } })
    .filter(({ origin }) => origin === "db")
    .flatMap(({ record }) => record?.ips ?? []);
}

async function untilServed(count: number): Promise<void> {
  writeFileSync(join(rig.folder("db"), "many.yaml"), manyPods("many", count));
  const ips = addressesOf(count);
  await eventually(served, (now) => ips.every((ip) => now.includes(ip)));
}

function factsOnDisk(): AccessFacts {
  return JSON.parse(readFileSync(disk.outside("app/access.json"), "utf8")) as AccessFacts;
}

test("[VIE15] facts that cannot be written hold in memory, and are written once they can be", () => {
  const state = join(rig.root, "states");
  const access = new AccessState(state);
  expect(access.keep(accessFacts(3, [{}])).kind).toBe("newer");
  expect(access.facts?.accessVersion).toBe(3);
  expect(access.writeError).toContain("ENOENT");
  expect(access.save()).toBe(false);
  mkdirSync(state);
  expect(access.save()).toBe(true);
  expect(access.writeError).toBe(null);
  expect(new AccessState(state).facts?.accessVersion).toBe(3);
});

const onDisk: (name: string, run: () => Promise<void>, timeoutMs: number) => void = HAS_DISK
  ? test
  : () => undefined;

onDisk(
  "[VIE10] [VIE15] with a full disk what is seen goes on and what is revoked goes; both are said, and on disk when there is room",
  async () => {
    await untilServed(20);
    disk.fill();
    await untilServed(120);
    const full = await eventually(status, (now) => now.diskProblem !== null);
    expect(full.diskProblem).toContain("ENOSPC");

    disk.fill();
    await rig.call(deleteGrant, { params: { mesh: "demo", origin: "db", reader: "app" } });
    await eventually(served, (ips) => ips.length === 0);
    // The view's file is gone, and its complaint with it: this is about the facts.
    const { accessVersion, diskProblem } = await status();
    expect(diskProblem).toContain("ENOSPC");
    expect(factsOnDisk().accessVersion).toBeLessThan(accessVersion);

    disk.free();
    await eventually(status, (now) => now.diskProblem === null);
    expect(factsOnDisk()).toMatchObject({ accessVersion, remotes: [{ state: "not-granted" }] });

    await rig.call(createGrant, {
      params: { mesh: "demo" },
      body: { origin: "db", reader: "app" },
    });
    await untilServed(121);
    disk.fill();
    await untilServed(160);
    await eventually(status, (now) => now.diskProblem !== null);
    disk.free();
    // The next thing that comes takes what waits along.
    await untilServed(161);
    await eventually(status, (now) => now.diskProblem === null);

    await app?.kill();
    await rig.stopHub();
    await startApp();
    const ips = addressesOf(161);
    expect(await served()).toEqual(expect.arrayContaining(ips));
    expect((await status()).hub).not.toBe("connected");
  },
  120_000,
);
