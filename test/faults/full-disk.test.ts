/**
 * A hub whose disk is full: it says so, acknowledges nothing that is not on it, loses nothing, and
 * goes on when there is room.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { addCluster } from "../../shared/api/clusters.ts";
import { adminOf } from "../support/hub-api.ts";
import { Explainer } from "../../cli/launch/explain.ts";
import { eventually } from "../support/mesh-rig.ts";
import { AckDriver } from "./ack-driver.ts";
import type { Life } from "./ack-driver.ts";
import { startHubProcess } from "./catwalk-process.ts";
import type { HubProcess } from "./catwalk-process.ts";
import { readAll } from "./log-reader.ts";
import { register } from "./registered.ts";
import type { Registered } from "./registered.ts";
import { canMount, SmallDisk, workerdBelow } from "./small-disk.ts";

const HAS_DISK = canMount();
const onDisk: (name: string, run: () => Promise<void>, timeoutMs: number) => void = HAS_DISK
  ? test
  : () => undefined;
const root = mkdtempSync(join(tmpdir(), "catwalk-full-"));
let disk: SmallDisk;
let hub: HubProcess;
let adminToken = "";
let mesh: Registered;
const driver = new AckDriver();

beforeAll(async () => {
  if (!HAS_DISK) return;
  disk = await SmallDisk.mount(16 * 1024);
  await startHub("127.0.0.1:0");
  adminToken = readFileSync(disk.outside("hub/admin-token"), "utf8").trim();
  mesh = await register({ url: hub.url, adminToken }, root);
});

afterAll(async () => {
  if (!HAS_DISK) return;
  await hub.stop();
  await disk.remove();
  rmSync(root, { recursive: true, force: true });
});

async function startHub(listen: string): Promise<void> {
  const data = join(disk.path, "hub");
  hub = await startHubProcess((...c) => disk.wrap(...c), "--listen", listen, "--data", data);
}

/**
 * Publishes until the connection ends, by whoever ends it; `null` when it ended before the welcome.
 */
async function publish(then: () => void, forMs: number): Promise<Life | null> {
  return driver
    .publish(mesh.homeUrl, await mesh.origin.headers(), {
      depth: 4,
      onWelcome: (socket) => {
        then();
        setTimeout(() => socket.terminate(), forMs);
      },
    })
    .catch(() => null);
}

async function expectAllHeld(): Promise<void> {
  const { head } = await driver.head(mesh.homeUrl, await mesh.origin.headers());
  const held = await readAll(mesh.watchUrl, await mesh.reader.headers(), head);
  expect(driver.acknowledged.flatMap(({ entries }) => entries.filter((e) => !held.has(e)))).toEqual(
    [],
  );
}

onDisk(
  "[LOG13] with a full disk nothing is lost that was acknowledged; the hub says what is the matter, and goes on when there is room",
  async () => {
    await publish(() => undefined, 300);
    const before = driver.acknowledged.length;
    expect(before).toBeGreaterThan(0);

    disk.fill();
    // Where there is room left inside the databases some commits may still succeed: until one does
    // not.
    await eventually(
      () => publish(() => undefined, 200).then(() => hub.log()),
      (log) => log.includes("is full: nothing is committed"),
    );
    expect(await fetch(new URL("/healthz", hub.url)).then(({ status }) => status)).toBe(200);
    const addLate = () =>
      adminOf({ url: hub.url, adminToken }, "m").call(addCluster, {
        params: { mesh: "m" },
        body: { name: "late" },
      });
    await expect(addLate()).rejects.toThrow(/a full disk/);

    disk.free();
    const full = driver.acknowledged.length;
    await eventually(
      () => publish(() => undefined, 200).then(() => driver.acknowledged.length),
      (count) => count > full + 10,
    );
    await expectAllHeld();
    await addLate();
  },
  120_000,
);

onDisk(
  "[LOG13] killed while its disk is full, and started again with no room, it holds what it acknowledged",
  async () => {
    const life = publish(() => disk.fill(), 500);
    await life;
    process.kill(workerdBelow(hub.pid), "SIGKILL");
    const { host } = new URL(hub.url);
    await hub.stop();
    await startHub(host);
    expect(await fetch(new URL("/healthz", hub.url)).then(({ status }) => status)).toBe(200);
    disk.free();
    const full = driver.acknowledged.length;
    await eventually(
      () => publish(() => undefined, 200).then(() => driver.acknowledged.length),
      (count) => count > full,
    );
    await expectAllHeld();
  },
  120_000,
);

test("[LOG13] what workerd says of a disk becomes a sentence, once a minute", () => {
  const explainer = new Explainer("/data");
  const line = "x.c++:1: failed: SQLite failed; database or disk is full: SQLITE_FULL";
  expect(explainer.explain("a line", 0)).toBe(null);
  expect(explainer.explain(line, 0)).toContain("the disk of /data is full: nothing is committed");
  expect(explainer.explain(line, 59_000)).toBe(null);
  expect(explainer.explain("… SQLITE_CORRUPT", 59_000)).toContain("catwalk hub restore");
  expect(explainer.explain(line, 60_000)).not.toBe(null);
});
