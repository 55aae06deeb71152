/**
 * A node that is new to its cluster: its relay has no view, and asks the cluster's other relays.
 * Real relays as processes; the hub is away.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { deleteGrant } from "../../shared/api/grants.ts";
import type { RelayStatus } from "../../relay/status.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { startFakeTypha } from "../support/typha.ts";
import type { FakeTypha } from "../support/typha.ts";
import { Felix } from "./felix.ts";
import { manyPods } from "./many-pods.ts";
import { TcpProxy } from "./tcp-proxy.ts";

const PODS = 200;
const rig = new MeshRig();
let identity = "";
let typha: FakeTypha;
const felixes: Felix[] = [];
const proxies: TcpProxy[] = [];

beforeAll(async () => {
  const recorded = join(import.meta.dirname, "../fixtures/golden/typha/b1-felix-plain.s2c.bin");
  typha = await startFakeTypha(readFileSync(recorded));
  await rig.startHub();
  await rig.createDemo();
  identity = join(rig.root, "identity");
  writeFileSync(join(rig.folder("db"), "many.yaml"), manyPods("many", PODS));
  await rig.startRelay("db");
  const made = await rig.catwalk("cluster", "identity", "app", "--out", identity);
  expect([made.status, made.err]).toEqual([0, ""]);
  await startApp("app-1");
  await untilInSync("app-1");
});

afterAll(async () => {
  for (const felix of felixes) felix.stop();
  await typha.close();
  await rig.stop();
  for (const proxy of proxies) await proxy.close();
});

/** A relay of app on a node of its own. @returns What Felix there is told. */
async function startApp(name: string, ...peers: readonly string[]): Promise<Felix> {
  return startAppBy([], name, ...peers);
}

async function startAppBy(
  more: readonly string[],
  name: string,
  ...peers: readonly string[]
): Promise<Felix> {
  const own = ["--manifests", rig.folder("app"), "--identity", identity];
  const splice = ["--typha-upstream", typha.address, "--typha-listen", "127.0.0.1:0"];
  const others = peers.length === 0 ? [] : ["--peers", peers.join(",")];
  const listen = ["--peers-listen", "127.0.0.1:0"];
  const args = [...own, ...splice, ...listen, ...others, ...more];
  const { typhaPort } = await rig.startRelay(name, ...args);
  const felix = new Felix(() => typhaPort ?? 0, "db_");
  felixes.push(felix);
  return felix;
}

async function untilInSync(name: string): Promise<void> {
  await eventually(
    () => rig.fromRelay<RelayStatus>(name, "/status"),
    ({ remotes }) => remotes[0]?.connectionStatus === 2,
  );
}

const at = (name: string): string => `127.0.0.1:${rig.relay(name).peersPort}`;

/** Long before the wait for views is over (30 s). */
async function untilSync(felix: Felix): Promise<void> {
  await eventually(
    () => Promise.resolve(felix.syncs),
    (syncs) => syncs > 0,
  );
}

test("[PEE1] a new node while the hub is away: Felix is in sync with all remote members", async () => {
  const before = (await rig.served("app-1", "db")).toSorted();
  await rig.stopHub();
  const felix = await startApp("app-2", at("app-1"));
  await untilSync(felix);
  expect(felix.count("shop%2fmany-")).toBe(PODS);
  expect((await rig.served("app-2", "db")).toSorted()).toEqual(before);
  const status = await rig.fromRelay<RelayStatus>("app-2", "/status");
  expect(status).toMatchObject({
    hub: "down",
    accessVersion: (await rig.fromRelay<RelayStatus>("app-1", "/status")).accessVersion,
    peers: {
      asked: 1,
      answered: 1,
      facts: { peer: at("app-1") },
      views: [{ rcc: "db", peer: at("app-1") }],
      lacking: [],
      message: null,
    },
  });
});

test("[PEE1] it starts again from its own disk, and asks nobody", async () => {
  await rig.killRelay("app-2");
  const felix = await startApp("app-2", at("app-1"));
  await untilSync(felix);
  expect(felix.count("shop%2fmany-")).toBe(PODS);
  expect((await rig.fromRelay<RelayStatus>("app-2", "/status")).peers).toBe(null);
});

test("[PEE4] a relay that is cut off in the middle of its answer, and one that is no relay, cost the next one's time only", async () => {
  const cut = await TcpProxy.start({ target: () => at("app-1"), maxBytes: 20_000 });
  const silent = await TcpProxy.start({ target: () => typha.address });
  proxies.push(cut, silent);
  const felix = await startApp("app-3", silent.host, cut.host, at("app-2"), "127.0.0.1:1");
  await untilSync(felix);
  expect(felix.count("shop%2fmany-")).toBe(PODS);
  const { peers } = await rig.fromRelay<RelayStatus>("app-3", "/status");
  expect(peers).toMatchObject({ asked: 4, lacking: [], views: [{ rcc: "db", peer: at("app-2") }] });
});

test("[PEE1] with nobody to ask it starts without, and says so", async () => {
  const felix = await startApp("app-4", "127.0.0.1:1");
  expect(felix.syncs).toBe(0);
  const { peers } = await eventually(
    () => rig.fromRelay<RelayStatus>("app-4", "/status"),
    (status) => status.peers !== null,
  );
  expect(peers).toMatchObject({ answered: 0, views: [], message: "no other relay answered" });
  await rig.killRelay("app-4");
});

test("[PEE1] [PEE7] the hub comes back: a new node asks others all the same, and only what has changed comes from the hub", async () => {
  await rig.startHub();
  await untilInSync("app-1");
  rmSync(rig.state("app-4"), { recursive: true, force: true });
  const felix = await startApp("app-4", at("app-1"));
  await untilInSync("app-4");
  await untilSync(felix);
  const { transfers, peers } = await rig.fromRelay<RelayStatus>("app-4", "/status");
  expect(peers?.views).toHaveLength(1);
  expect(transfers).toMatchObject([{ rcc: "db", changes: 0 }]);
});

test("[PEE1] while others are asked the relay is connected to the hub, and publishes: only its views wait", async () => {
  const silence = createServer((socket) => socket.on("error", () => undefined));
  await new Promise<void>((resolve) => silence.listen(0, "127.0.0.1", resolve));
  const { port } = silence.address() as AddressInfo;
  const felix = await startApp("app-6", `127.0.0.1:${port}`);
  await untilInSync("app-6");
  await untilSync(felix);
  const log = readFileSync(rig.logFile("app-6"), "utf8");
  const connected = log.indexOf("connected to the hub");
  expect(connected).toBeGreaterThan(0);
  expect(log.indexOf("did not give all")).toBeGreaterThan(connected);
  expect(felix.count("shop%2fmany-")).toBe(PODS);
  await rig.killRelay("app-6");
  silence.close();
});

test("[PEE4] what was revoked while a relay did not hear of it comes to a new node from that relay, and goes when the hub is heard", async () => {
  // app-2 hears nothing any more; the others are gone.
  await rig.stopHub();
  for (const name of ["app-1", "app-2", "app-3", "app-4"]) await rig.killRelay(name);
  await startApp("app-2");
  const stale = (await rig.fromRelay<RelayStatus>("app-2", "/status")).accessVersion;
  expect((await rig.served("app-2", "db")).length).toBeGreaterThan(0);
  await rig.killRelay("app-2");
  await startAppBy(["--hub", "http://127.0.0.1:1"], "app-2");
  await rig.startHub();
  await rig.call(deleteGrant, { params: { mesh: "demo", origin: "db", reader: "app" } });
  // So far away that the other relay has answered before.
  const far = await TcpProxy.start({ target: () => new URL(rig.hubUrl).host, delayMs: 300 });
  proxies.push(far);
  const felix = await startAppBy(["--hub", `http://${far.host}`], "app-5", at("app-2"));
  const status = await eventually(
    () => rig.fromRelay<RelayStatus>("app-5", "/status"),
    ({ hub, accessVersion, peers }) =>
      hub === "connected" && accessVersion > stale && peers !== null,
  );
  expect(status.peers).toMatchObject({
    facts: { accessVersion: stale },
    views: [{ rcc: "db", peer: at("app-2") }],
  });
  await eventually(
    () => rig.served("app-5", "db"),
    (ips) => ips.length === 0,
  );
  await untilSync(felix);
  await eventually(
    () => Promise.resolve(felix.count("db_")),
    (count) => count === 0,
  );
  // The other way round: who has heard of it does not learn the old again.
  await rig.killRelay("app-5");
  await startApp("app-5", at("app-2"));
  expect(await rig.served("app-5", "db")).toEqual([]);
  expect((await rig.fromRelay<RelayStatus>("app-5", "/status")).peers).toBe(null);
});
