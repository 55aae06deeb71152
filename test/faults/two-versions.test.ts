/**
 * Two relays of one cluster, one of the version before, in front of one Typha: a Felix is moved
 * between them, as an upgrade of one after the other does.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";

import { afterAll, beforeAll, expect, test } from "vitest";

import type { RelayStatus } from "../../relay/status.ts";
import { FelixProcess } from "../support/felix-process.ts";
import { LiveTypha } from "../support/live-typha.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { manyPods } from "./many-pods.ts";

const ROOT = join(import.meta.dirname, "../..");
const PODS_A_STEP = 20;
const LOCAL = Object.fromEntries(
  Array.from({ length: 150 }, (_, n) => [`/calico/v1/netset/${n}`, `{"n":${n}}`]),
);

type Name = "app-old" | "app-new";

const rig = new MeshRig();
/**
 * Inside the repository, so that the old program finds the packages that it was not bundled with.
 */
let programs = "";
let typha: LiveTypha;
let felix: FelixProcess;
const ports = new Map<Name, number>();
const running = new Set<Name>();
let pods = 0;
let locals = Object.keys(LOCAL).length;

beforeAll(async () => {
  mkdirSync(join(ROOT, ".build"), { recursive: true });
  programs = mkdtempSync(join(ROOT, ".build/two-versions-"));
  const program = readFileSync(join(ROOT, "test/fixtures/previous/relay.mjs.br"));
  writeFileSync(join(programs, "relay.mjs"), brotliDecompressSync(program));
  typha = await LiveTypha.start(LOCAL);
  await rig.startHub();
  await rig.createDemo();
  await rig.startRelay("db");
  // Joins with the token, and leaves the identity that both relays have.
  await rig.startRelay("app");
  await expectSeen("app");
  await rig.killRelay("app");
  rig.programs.set("app-old", join(programs, "relay.mjs"));
  for (const name of ["app-old", "app-new"] as const) {
    cpSync(rig.state("app"), rig.state(name), { recursive: true });
    await start(name);
  }
  await addPods();
  felix = new FelixProcess(() => [ports.get("app-old") ?? 0, ports.get("app-new") ?? 0]);
});

afterAll(async () => {
  felix.stop();
  await typha.down();
  await rig.stop();
  rmSync(programs, { recursive: true });
});

/** Where it listened before, if it did. */
async function start(name: Name): Promise<void> {
  const listen = `127.0.0.1:${ports.get(name) ?? 0}`;
  const splice = ["--typha-upstream", typha.address, "--typha-listen", listen];
  const relay = await rig.startRelay(name, "--manifests", rig.folder("app"), ...splice);
  ports.set(name, relay.typhaPort ?? 0);
  await expectSeen(name);
  running.add(name);
  await expectServed();
}

/** It is there, and has the remote's view. */
async function expectSeen(name: string): Promise<void> {
  await eventually(
    () => rig.fromRelay<RelayStatus>(name, "/status"),
    ({ remotes }) => remotes[0]?.connectionStatus === 2,
  );
}

async function addPods(): Promise<void> {
  pods += PODS_A_STEP;
  writeFileSync(join(rig.folder("db"), "many.yaml"), manyPods("many", pods));
  await expectServed();
}

/** Those that run have all that there is. */
async function expectServed(): Promise<void> {
  for (const name of running)
    await eventually(
      () => rig.served(name, "db"),
      (ips) => ips.filter((ip) => /^10\.20\.(8|9)\./.test(ip)).length === pods,
    );
}

/**
 * Felix is at that relay, has everything, hears of what is new there, and lost nothing on the way.
 */
async function expectAt(name: Name, syncs: number): Promise<void> {
  await eventually(
    () => Promise.resolve({ syncs: felix.syncs, at: felix.dialled.at(-1) }),
    (now) => now.syncs === syncs && now.at === ports.get(name),
  );
  await addPods();
  typha.put(`/calico/v1/netset/${locals++}`, "{}");
  await eventually(
    () => Promise.resolve([...felix.kvs.keys()]),
    (keys) =>
      keys.filter((key) => key.includes("shop%2fmany-")).length === pods &&
      keys.filter((key) => key.includes("/netset/")).length === locals,
  );
  // By a deletion, or by an in-sync that came before what another relay had told. Pools go: the
  // version before does not deliver them.
  const lost = felix.deleted.splice(0).filter((key) => !key.startsWith("/calico/v1/ipam/"));
  expect([lost, felix.hasExited]).toEqual([[], false]);
  const one = `/calico/v1/netset/gone-${syncs}`;
  typha.put(one, "{}");
  await eventually(
    () => Promise.resolve(felix.kvs.has(one)),
    (has) => has,
  );
  typha.delete(one);
  await eventually(
    () => Promise.resolve(felix.deleted.splice(0)),
    (deleted) => deleted.join() === one,
  );
}

/** `kill`: SIGKILL. `drain`: SIGTERM, on which this version closes its connections slowly. */
async function leave(name: Name, how: "kill" | "drain"): Promise<void> {
  running.delete(name);
  if (how === "kill") await rig.killRelay(name);
  else await rig.relay(name).stop();
}

test("[VER5] a Felix between a relay of this version and one of the version before is moved to and fro, by SIGKILL and by SIGTERM: nothing that exists is deleted, and changes arrive at each", async () => {
  let syncs = 1;
  await expectAt("app-old", syncs);
  for (const how of ["kill", "drain", "kill"] as const)
    for (const [from, to] of [
      ["app-old", "app-new"],
      ["app-new", "app-old"],
    ] as const) {
      try {
        await leave(from, how);
        await expectAt(to, ++syncs);
        await start(from);
      } catch (error) {
        throw new Error(`${from} to ${to} by ${how}: ${(error as Error).message}`, {
          cause: error,
        });
      }
    }
});
