/**
 * This version and the one before it, hub and relays mixed in every order, upgraded in place and
 * put back.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { RelayStatus } from "../../relay/status.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { startFakeTypha } from "../support/typha.ts";
import type { FakeTypha } from "../support/typha.ts";
import { Felix } from "./felix.ts";
import { manyPods } from "./many-pods.ts";

const ROOT = join(import.meta.dirname, "../..");
const FIXTURES = join(ROOT, "test/fixtures/previous");
const PODS_A_STEP = 10;

type Version = "old" | "new";

const rig = new MeshRig();
/**
 * Inside the repository, so that the old program finds the packages that it was not bundled with.
 */
let programs = "";
let typha: FakeTypha;
let felixPort = 0;
let felix: Felix;
let pods = 0;
let hubVersion: Version = "old";

function unpack(name: string): string {
  const path = join(programs, name);
  writeFileSync(path, brotliDecompressSync(readFileSync(join(FIXTURES, `${name}.br`))));
  return path;
}

beforeAll(async () => {
  mkdirSync(join(ROOT, ".build"), { recursive: true });
  programs = mkdtempSync(join(ROOT, ".build/previous-"));
  unpack("worker.js");
  unpack("relay.mjs");
  const recorded = join(ROOT, "test/fixtures/golden/typha/b1-felix-plain.s2c.bin");
  typha = await startFakeTypha(readFileSync(recorded));
  await rig.startHub(join(programs, "worker.js"));
  await rig.createDemo();
  writePods();
  await startRelay("db", "old");
  await startRelay("app", "old");
  felix = new Felix(() => felixPort, "db_");
});

afterAll(async () => {
  felix.stop();
  await typha.close();
  await rig.stop();
  rmSync(programs, { recursive: true });
});

function writePods(): void {
  pods += PODS_A_STEP;
  writeFileSync(join(rig.folder("db"), "many.yaml"), manyPods("many", pods));
}

async function startRelay(cluster: "app" | "db", version: Version): Promise<void> {
  if (version === "old") rig.programs.set(cluster, join(programs, "relay.mjs"));
  else rig.programs.delete(cluster);
  if (cluster === "db") await rig.startRelay("db");
  else {
    const listen = `127.0.0.1:${felixPort}`;
    const splice = ["--typha-upstream", typha.address, "--typha-listen", listen];
    felixPort = (await rig.startRelay("app", ...splice)).typhaPort ?? 0;
  }
}

/**
 * What is there arrives, what comes now does, it is proven equal, and nothing went away meanwhile.
 */
async function expectWorks(): Promise<void> {
  writePods();
  await eventually(
    () => Promise.resolve(felix.count("shop%2fmany-")),
    (count) => count === pods,
  );
  await eventually(
    () => rig.fromRelay<RelayStatus>("app", "/status"),
    ({ remotes }) => remotes[0]?.connectionStatus === 2,
  );
  expect(felix.lost).toEqual([]);
  // That they are what they are said to be.
  const isOldHub = readFileSync(join(rig.root, "hub/worker.js")).equals(
    readFileSync(join(programs, "worker.js")),
  );
  const format = readFileSync(join(rig.state("app"), "views/db.view"), "latin1").slice(0, 14);
  expect({ isOldHub, format }).toEqual({
    isOldHub: hubVersion === "old",
    format: rig.programs.has("app") ? "catwalk-view-1" : "catwalk-view-2",
  });
}

async function replaceRelay(cluster: "app" | "db", version: Version): Promise<void> {
  const syncs = felix.syncs;
  await rig.killRelay(cluster);
  await startRelay(cluster, version);
  if (cluster === "app")
    await eventually(
      () => Promise.resolve(felix.syncs),
      (now) => now > syncs,
    );
}

async function replaceHub(version: Version): Promise<void> {
  hubVersion = version;
  await rig.stopHub();
  await rig.startHub(version === "old" ? join(programs, "worker.js") : undefined);
}

/** Each step begins where the one before has ended. */
const STEPS: readonly (readonly [what: string, step: () => Promise<void>])[] = [
  ["everything is of the version before", () => Promise.resolve()],
  ["the hub is upgraded in place, under old relays", () => replaceHub("new")],
  [
    "the reading relay is upgraded: its old view file is taken over",
    () => replaceRelay("app", "new"),
  ],
  ["the publishing relay is upgraded", () => replaceRelay("db", "new")],
  [
    "the hub is put back on the storage that the new one has written, under new relays",
    () => replaceHub("old"),
  ],
  ["the publishing relay is put back", () => replaceRelay("db", "old")],
  [
    "the reading relay is put back, beside a view file that it does not know",
    () => replaceRelay("app", "old"),
  ],
  [
    "the relays are upgraded before the hub",
    async () => {
      await replaceRelay("app", "new");
      await replaceRelay("db", "new");
    },
  ],
  ["the hub is upgraded again", () => replaceHub("new")],
];

test("[VER1] [VER2] hub and relays of this version and the one before work together in every order of upgrading and putting back; Felix loses nothing", async () => {
  for (const [what, step] of STEPS) {
    try {
      await step();
      await expectWorks();
    } catch (error) {
      throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
    }
  }
});
