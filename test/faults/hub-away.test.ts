/**
 * The hub is away for long, and meanwhile every relay is started anew: what Felix has stays, what
 * changes meanwhile comes when the hub does.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Server } from "node:net";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { RelayStatus } from "../../relay/status.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { startFakeTypha } from "../support/typha.ts";
import type { FakeTypha } from "../support/typha.ts";
import { Felix } from "./felix.ts";
import { manyPods } from "./many-pods.ts";
import { rounds } from "../support/rounds.ts";

const RESTARTS = rounds(2, 6);
const PODS = 50;
const rig = new MeshRig();
let typha: FakeTypha;
let felixPort = 0;
let felix: Felix;

beforeAll(async () => {
  const recorded = join(import.meta.dirname, "../fixtures/golden/typha/b1-felix-plain.s2c.bin");
  typha = await startFakeTypha(readFileSync(recorded));
  await rig.startHub();
  await rig.createDemo();
  writePods(PODS);
  await rig.startRelay("db");
  await startApp();
  felix = new Felix(() => felixPort, "db_");
  await untilFelixHas(PODS);
  await eventually(
    () => rig.fromRelay<RelayStatus>("app", "/status"),
    ({ remotes }) => remotes[0]?.connectionStatus === 2,
  );
});

afterAll(async () => {
  felix.stop();
  await typha.close();
  await rig.stop();
});

async function startApp(): Promise<void> {
  const splice = ["--typha-upstream", typha.address, "--typha-listen", `127.0.0.1:${felixPort}`];
  felixPort = (await rig.startRelay("app", ...splice)).typhaPort ?? 0;
}

function writePods(count: number): void {
  writeFileSync(join(rig.folder("db"), "many.yaml"), manyPods("many", count));
}

async function untilFelixHas(count: number): Promise<void> {
  await eventually(
    () => Promise.resolve(felix.count("shop%2fmany-")),
    (has) => has === count,
  );
}

async function restartAll(): Promise<void> {
  const syncs = felix.syncs;
  await Promise.all(["app", "db"].map((cluster) => rig.killRelay(cluster)));
  await rig.startRelay("db");
  await startApp();
  // Not the bounded wait for a view (30 s): the one on disk is whole.
  await eventually(
    () => Promise.resolve(felix.syncs),
    (now) => now > syncs,
  );
  expect(await rig.fromRelay<RelayStatus>("app", "/status")).toMatchObject({
    hub: "down",
    remotes: [{ connectionStatus: 0 }],
  });
  expect(felix.lost).toEqual([]);
  expect(felix.count("shop%2fmany-")).toBe(PODS);
}

/** Takes connections and says nothing on them, as a dead address behind a load balancer. */
async function startSilence(port: number): Promise<Server> {
  const server = createServer((socket) => socket.on("error", () => undefined));
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return server;
}

test(`[VIE3] while the hub is away every relay is killed and started ${RESTARTS} times: Felix comes in sync each time and loses nothing`, async () => {
  await rig.stopHub();
  for (let restart = 0; restart < RESTARTS; restart++) await restartAll();

  // Something that answers nothing is in its place.
  const silence = await startSilence(Number(new URL(rig.hubUrl).port));
  await restartAll();

  // db changes while nobody hears it: one more, and one less.
  writePods(PODS + 1);
  const without = manyPods("many", PODS + 1)
    .split("---\n")
    .slice(1)
    .join("---\n");
  writeFileSync(join(rig.folder("db"), "many.yaml"), without);
  await eventually(
    () => rig.fromRelay<RelayStatus>("db", "/status"),
    ({ source }) => source.records > PODS,
  );
  expect(felix.lost).toEqual([]);

  await Promise.all(["app", "db"].map((cluster) => rig.killRelay(cluster)));
  silence.close();
  await rig.startHub();
  await rig.startRelay("db");
  await startApp();
  await eventually(
    () => Promise.resolve([felix.has(`many-${PODS}/`), felix.has("many-0/")]),
    ([added, removed]) => added === true && removed === false,
  );
  expect(felix.lost).toHaveLength(1);
  expect(felix.lost[0]).toContain("shop%2fmany-0/");
});
