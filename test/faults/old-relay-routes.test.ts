/** Routes between clusters beside relays of the version before, which know none. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";

import { afterAll, beforeAll, expect, test } from "vitest";

import { createGrant, deleteGrant } from "../../shared/api/grants.ts";
import { getPreflight } from "../../shared/api/preflight.ts";
import { getStatus } from "../../shared/api/status.ts";
import type { RelayStatus } from "../../relay/status.ts";
import { FelixProcess } from "../support/felix-process.ts";
import { LiveTypha } from "../support/live-typha.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";

const ROOT = join(import.meta.dirname, "../..");
const mesh = "demo";
const rig = new MeshRig();
let programs = "";
let typha: LiveTypha;
let port = 0;
let felix: FelixProcess;

/** With a pool that lets Felix have VXLAN. */
const LOCAL = {
  "/calico/v1/ipam/v4/pool/10.10.0.0-16": JSON.stringify({
    cidr: "10.10.0.0/16",
    ipip_mode: "",
    vxlan_mode: "always",
  }),
};

beforeAll(async () => {
  mkdirSync(join(ROOT, ".build"), { recursive: true });
  // Inside the repository, so that it finds the packages that it was not bundled with.
  programs = mkdtempSync(join(ROOT, ".build/old-relay-routes-"));
  const program = readFileSync(join(ROOT, "test/fixtures/previous/relay.mjs.br"));
  writeFileSync(join(programs, "relay.mjs"), brotliDecompressSync(program));
  typha = await LiveTypha.start(LOCAL);
  await rig.startHub();
  await rig.createDemo();
  rig.programs.set("db", join(programs, "relay.mjs"));
  rig.programs.set("app-old", join(programs, "relay.mjs"));
  await rig.startRelay("db");
  const splice = ["--typha-upstream", typha.address, "--typha-listen", "127.0.0.1:0"];
  port = (await rig.startRelay("app", ...splice)).typhaPort ?? 0;
  felix = new FelixProcess(() => [port]);
  for (const [cluster, remote] of [
    ["app", "db"],
    ["db", "app"],
  ] as const)
    await rig.putRcc(cluster, remote, { syncOptions: { overlayRoutingMode: "Enabled" } });
  await rig.call(createGrant, { params: { mesh }, body: { origin: "app", reader: "db" } });
});

afterAll(async () => {
  felix.stop();
  await typha.down();
  await rig.stop();
  rmSync(programs, { recursive: true });
});

const pair = async () =>
  (await rig.call(getPreflight, { params: { mesh }, query: { cluster: "app", to: "db" } }))
    .items[0];
const routing = (of: FelixProcess) =>
  [...of.kvs.keys()].filter((key) => /\/nodes\/db_|\/block\/|\/config\//.test(key));
const pods = (of: FelixProcess) =>
  [...of.kvs.keys()].filter((key) => /\/host\/db_.*\/endpoint\//.test(key));

test("[OVL1] [OVL7] [VER1] a relay of the version before says nothing of its cluster: identity and no routes, told in words", async () => {
  await eventually(
    () => Promise.resolve(pods(felix).length),
    (count) => count > 0,
  );
  expect((await pair())?.reason).toContain("no relay of db has said what its routes need");
  expect(await pair()).toMatchObject({ state: "NotReady", phase: "none" });
  expect(routing(felix)).toEqual([]);
});

test("[OVL7] [VER1] beside this version it is a straggler that is named; its own Felix has identity and no routes, and loses nothing", async () => {
  await rig.killRelay("db");
  rig.programs.delete("db");
  await rig.startRelay("db");
  await eventually(
    () => Promise.resolve(routing(felix).some((key) => key.includes("/block/10.20."))),
    (has) => has,
  );
  cpSync(rig.state("app"), rig.state("app-old"), { recursive: true });
  const splice = ["--typha-upstream", typha.address, "--typha-listen", "127.0.0.1:0"];
  const source = ["--manifests", rig.folder("app")];
  const old = await rig.startRelay("app-old", ...source, ...splice);
  await eventually(
    () => rig.fromRelay<RelayStatus>("app-old", "/status"),
    ({ remotes }) => remotes[0]?.connectionStatus === 2,
  );
  const other = new FelixProcess(() => [old.typhaPort ?? 0]);
  await eventually(
    () => Promise.resolve(other.isInSync && pods(other).length === pods(felix).length),
    (isSame) => isSame,
  );
  // Both are ordered anew; the old one obeys nothing, and is waited for and named.
  const grant = { origin: "app", reader: "db" };
  await rig.call(deleteGrant, { params: { mesh, ...grant } });
  await rig.call(createGrant, { params: { mesh }, body: grant });
  const overlay = async () =>
    (await rig.call(getStatus, { params: { mesh } })).edges.find(
      ({ cluster }) => cluster.name === "app",
    )?.overlay;
  const named = await eventually(
    overlay,
    (told) => told?.phase === "commit" && told.stragglers.length > 0,
  );
  expect(named?.state).toBe("Ready");
  // A relay of this version says its host besides.
  expect(named?.stragglers).toEqual([expect.stringMatching(/^catwalk-relay\/\S+$/)]);
  expect((await pair())?.stragglers).toEqual(named?.stragglers);
  const { out } = await rig.catwalk("doctor");
  expect(out).toContain("these relays have not followed an order about routes: ");
  await eventually(
    () => Promise.resolve(routing(felix).some((key) => key.includes("/block/10.20."))),
    (has) => has,
  );
  expect(routing(other)).toEqual([]);
  expect(pods(other)).toHaveLength(pods(felix).length);
  expect(other.hasExited).toBe(false);
  other.stop();
});
