/**
 * A whole hub under the load of a large mesh, in one process of plain workerd: *star*, few clusters that see all others (twice the size of Cilium's
 * scale test), and *mesh*, every cluster sees its neighbours. All clusters are in one other process here, on the same two cores.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "../../relay/cli/client.ts";
import { Credentials } from "../../relay/hub/credentials.ts";
import type { MockReader } from "../../relay/mock/mock-reader.ts";
import { addEdge, MockMesh } from "../../relay/mock/mock-mesh.ts";
import { openFiles } from "../../relay/launch/open-files.ts";
import type { MockOptions } from "../../relay/mock/mock-mesh.ts";
import { figure, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { BenchRig } from "./rig.ts";

const STAR = { clusters: 500, endpoints: 1_000, rate: 650, sees: 0, prefix: "origin" } as const;
const STAR_READERS = 8;
const MESH = { clusters: 512, endpoints: 50, sees: 20, prefix: "c" } as const;
/** A little more than is to be reached: what is delivered is counted over the clock, not over what was offered. */
const DELIVERIES = 13_200;
const DELIVERIES_TARGET = 13_000;
const RUN_MS = 20_000;
/** Changes a second tried to find the ceiling. */
const CEILING_RATES = [800, 1_000, 1_500, 2_000];

export async function* benchStar(): AsyncGenerator<Figure> {
  const { rig, mesh } = await start(STAR);
  const client = clientOf(rig);
  const readers: MockReader[] = [];
  const began: number[] = [];
  for (let n = 0; n < STAR_READERS; n++) {
    const credentials = await joinReader(rig, client, `reader-${n}`);
    for (const origin of mesh.clusters) await addEdge(client, `reader-${n}`, origin.name);
    began.push(performance.now());
    for (const origin of mesh.clusters)
      readers.push(mesh.read(origin, () => credentials.headers()));
    while (!readers.every((reader) => reader.isCaughtUp)) await sleep(20);
    began[n] = (performance.now() - (began[n] ?? 0)) / 1000;
    progress(
      `reader ${n + 1} has all of ${mesh.clusters.length} clusters after ${began[n]?.toFixed(1)} s`,
    );
  }
  // All of them anew at once, as after a long time away.
  for (const reader of readers) reader.stop();
  await sleep(1_000);
  const all = performance.now();
  for (const reader of readers) reader.start();
  while (!readers.every((reader) => reader.isCaughtUp)) await sleep(20);
  const together = (performance.now() - all) / 1000;
  yield figure(
    `star: first view of 500,000 endpoints, ${STAR_READERS} readers at once`,
    together,
    "s",
    30,
  );
  const { latencies, delivered, offered } = await runChanges(mesh, RUN_MS);
  yield figure("star: p50 at 650 changes/s", quantile(latencies, 0.5), "ms", null);
  yield figure("star: p99 at 650 changes/s", quantile(latencies, 0.99), "ms", 1_000);
  yield figure(
    "star: delivered of offered",
    (100 * delivered) / (offered * STAR_READERS),
    "%",
    99,
    false,
  );
  yield figure("star: resident memory of the hub", rig.hubResidentBytes() / 2 ** 20, "MiB", null);
  await mesh.stop(false);
  await rig.stop();
}

export async function* benchMesh(): AsyncGenerator<Figure> {
  // Where a process may not open so many files, as many neighbours as fit.
  const room = Math.floor(openFiles().sockets / MESH.clusters) - 1;
  const sees = Math.min(MESH.sees, room);
  if (sees < MESH.sees)
    progress(`a process may open ${openFiles().limit} files here: each cluster sees ${sees}`);
  const { rig, mesh } = await start({ ...MESH, sees, rate: DELIVERIES / sees });
  const began = performance.now();
  await mesh.startReaders();
  progress(
    `${mesh.stats().readers} sockets caught up in ${((performance.now() - began) / 1000).toFixed(1)} s`,
  );
  const { latencies, delivered, offered, seconds } = await runChanges(mesh, RUN_MS);
  yield figure(
    "mesh of 512, each sees 20: sockets",
    mesh.stats().readers,
    "sockets",
    10_000,
    false,
  );
  yield figure("mesh: deliveries", delivered / seconds, "1/s", DELIVERIES_TARGET, false);
  yield figure("mesh: delivered of offered", (100 * delivered) / (offered * sees), "%", 99, false);
  yield figure("mesh: p50", quantile(latencies, 0.5), "ms", null);
  yield figure("mesh: p99", quantile(latencies, 0.99), "ms", null);
  yield figure("mesh: resident memory of the hub", rig.hubResidentBytes() / 2 ** 20, "MiB", null);
  let ceiling = delivered / seconds;
  for (const rate of CEILING_RATES) {
    mesh.setRate(rate);
    const run = await runChanges(mesh, RUN_MS / 2);
    progress(
      `${rate} changes/s: ${Math.round(run.delivered / run.seconds)} deliveries/s, p99 ${quantile(run.latencies, 0.99).toFixed(0)} ms`,
    );
    ceiling = Math.max(ceiling, run.delivered / run.seconds);
    if (run.delivered < run.offered * sees * 0.9) break;
  }
  yield figure("mesh: ceiling of one process", ceiling, "deliveries/s", null);
  await mesh.stop(false);
  await rig.stop();
}

async function start(options: MockOptions): Promise<{ rig: BenchRig; mesh: MockMesh }> {
  const rig = await BenchRig.start();
  await clientOf(rig).request("POST", "/v1/meshes", { name: "scale" });
  const mesh = new MockMesh(clientOf(rig), options);
  const began = performance.now();
  await mesh.start((text) =>
    progress(`${((performance.now() - began) / 1000).toFixed(1)} s: ${text}`),
  );
  return { rig, mesh };
}

function clientOf(rig: BenchRig): Client {
  return new Client({ server: rig.hub.url, token: rig.hub.adminToken, mesh: "scale", relays: {} });
}

async function joinReader(rig: BenchRig, client: Client, name: string): Promise<Credentials> {
  const path = client.meshPath("clusters");
  const { joinToken } = await client.request<{ joinToken: string }>("POST", path, { name });
  const credentials = await Credentials.open(join(rig.root, name));
  await credentials.join(rig.hub.url, joinToken);
  return credentials;
}

interface Run {
  readonly latencies: readonly number[];
  readonly delivered: number;
  readonly offered: number;
  readonly seconds: number;
}

async function runChanges(mesh: MockMesh, ms: number): Promise<Run> {
  mesh.takeLatencies();
  const before = mesh.stats();
  const began = performance.now();
  mesh.startChanges();
  await sleep(ms);
  mesh.stopChanges();
  const seconds = (performance.now() - began) / 1000;
  await sleep(500);
  const after = mesh.stats();
  return {
    latencies: mesh.takeLatencies(),
    delivered: after.frames - before.frames,
    offered: after.changes - before.changes,
    seconds,
  };
}
