/** Yesterday's backup: the hub is put back as it was, the relays have lived on. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { setClusterRanges } from "../../shared/api/clusters.ts";
import { applyGrant, createGrant, deleteGrant } from "../../shared/api/grants.ts";
import { applyRcc } from "../../shared/api/rccs.ts";
import { getStatus } from "../../shared/api/status.ts";
import { memberRcc } from "../../shared/visibility/rcc.ts";
import type { RelayStatus } from "../../relay/status.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { startFakeTypha } from "../support/typha.ts";
import type { FakeTypha } from "../support/typha.ts";
import { Felix } from "./felix.ts";
import { manyPods } from "./many-pods.ts";

const rig = new MeshRig();
let typha: FakeTypha;
let felix: Felix;

beforeAll(async () => {
  const recorded = join(import.meta.dirname, "../fixtures/golden/typha/b1-felix-plain.s2c.bin");
  typha = await startFakeTypha(readFileSync(recorded));
  const splice = ["--typha-upstream", typha.address, "--typha-listen", "127.0.0.1:0"];
  const app = await rig.startDemo(...splice);
  felix = new Felix(() => app.typhaPort ?? 0, "db_");
});

afterAll(async () => {
  felix.stop();
  await typha.close();
  await rig.stop();
});

function writePods(count: number): void {
  writeFileSync(join(rig.folder("db"), "many.yaml"), manyPods("many", count));
}

async function untilFelixHas(count: number): Promise<void> {
  await eventually(
    () => Promise.resolve(felix.count("shop%2fmany-")),
    (has) => has === count,
  );
}

function remoteOf(cluster: string): Promise<RelayStatus["remotes"][number] | undefined> {
  return rig.fromRelay<RelayStatus>(cluster, "/status").then(({ remotes }) => remotes[0]);
}

test("[BAK3] [BAK7] a hub that is restored to an older state costs nobody a key; what is missing comes from the publishers; what is decided later counts", async () => {
  writePods(20);
  await untilFelixHas(20);
  // In the middle of things: the backup needs no quiet hub.
  writePods(60);
  const data = join(rig.root, "hub");
  const backup = join(rig.root, "yesterday");
  expect(await rig.catwalk("hub", "backup", "--data", data, backup)).toMatchObject({ status: 0 });
  await untilFelixHas(60);

  writePods(120);
  await untilFelixHas(120);
  // An edge that the backup does not know: db sees app.
  await rig.call(applyRcc, {
    params: { mesh: "demo", cluster: "db", rcc: "app" },
    body: memberRcc("app"),
  });
  await rig.call(createGrant, {
    params: { mesh: "demo" },
    body: { origin: "app", reader: "db" },
  });
  await eventually(
    () => remoteOf("db"),
    (remote) => remote?.connectionStatus === 2,
  );
  const seenByDb = await rig.served("db", "app");
  expect(seenByDb.length).toBeGreaterThan(0);

  await rig.stopHub();
  rmSync(data, { recursive: true });
  const restored = await rig.catwalk("hub", "restore", "--data", data, backup);
  expect(restored).toMatchObject({ status: 0 });
  expect(restored.err).toContain("access is as it was at 20");
  await rig.startHub();

  await eventually(
    () => remoteOf("app"),
    (remote) => remote?.connectionStatus === 2,
  );
  expect(felix.lost).toEqual([]);
  expect(felix.count("shop%2fmany-")).toBe(120);
  // The hub holds all 120 again: a reader that never saw one of them gets them from it.
  const view = await rig.catwalk("view", "--cluster", "db", "-o", "json");
  expect(view.out.match(/many-\d+/g)?.length).toBeGreaterThanOrEqual(120);
  writePods(121);
  await untilFelixHas(121);
  // Not known to the registry any more, and not withdrawn by it either.
  expect(await rig.served("db", "app")).toEqual(seenByDb);

  await rig.call(deleteGrant, { params: { mesh: "demo", origin: "db", reader: "app" } });
  await untilFelixHas(0);
  expect(await rig.served("app", "db")).toEqual([]);
});

test("[BAK4] a grant that was narrowed after the backup stays narrow until the operator confirms what the restored hub permits", async () => {
  const data = join(rig.root, "hub");
  const backup = join(rig.root, "before-the-grant-was-narrowed");
  const params = { mesh: "demo", origin: "db", reader: "app" };
  // Of the restore above.
  await rig.call(applyGrant, { params, body: {} });
  expect(await rig.catwalk("mesh", "confirm-restore")).toMatchObject({ status: 0 });
  await untilFelixHas(121);
  expect(await rig.catwalk("hub", "backup", "--data", data, backup)).toMatchObject({ status: 0 });
  await rig.call(applyGrant, { params, body: { scope: { namespaces: ["nowhere"] } } }, "*");
  await untilFelixHas(0);

  await rig.stopHub();
  rmSync(data, { recursive: true });
  await rig.catwalk("hub", "restore", "--data", data, backup);
  await rig.startHub();
  const status = () => rig.call(getStatus, { params: { mesh: "demo" } });
  await eventually(status, ({ mesh }) => mesh.unconfirmedRestore !== null);
  await eventually(
    () => rig.fromRelay<RelayStatus>("app", "/status"),
    ({ hub }) => hub === "connected",
  );
  // A later decision, which counts at once, widens nothing of this either.
  await rig.call(setClusterRanges, {
    params: { mesh: "demo", cluster: "app" },
    body: { sharedCidrs: ["172.31.0.0/16"] },
  });
  const version = (await rig.fromRelay<RelayStatus>("app", "/status")).accessVersion;
  await eventually(
    () => rig.fromRelay<RelayStatus>("app", "/status"),
    ({ accessVersion }) => accessVersion >= version,
  );
  expect(felix.count("shop%2fmany-")).toBe(0);
  expect(await rig.catwalk("mesh", "confirm-restore")).toMatchObject({ status: 0 });
  await untilFelixHas(121);
});
