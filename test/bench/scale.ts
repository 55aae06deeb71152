/**
 * A whole hub under the load of a large mesh, in one process of plain workerd: *star*, few clusters
 * that see all others (twice the size of Cilium's scale test), *mesh*, every cluster sees its
 * neighbours, and *nodes*, the same for clusters of 100 nodes, as far as the hub sees them. All
 * clusters are in one other process here, on the same two cores.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { addCluster } from "../../shared/api/clusters.ts";
import { createMesh } from "../../shared/api/meshes.ts";
import { Client } from "../../cli/admin/client.ts";
import { Credentials } from "../../relay/hub/credentials.ts";
import type { MockReader } from "../../cli/mock/mock-reader.ts";
import { addEdge, MockMesh } from "../../cli/mock/mock-mesh.ts";
import { openFiles } from "../../cli/launch/open-files.ts";
import type { MockOptions } from "../../cli/mock/mock-mesh.ts";
import { figure, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { BenchRig } from "./rig.ts";

const STAR = { clusters: 500, endpoints: 1_000, rate: 650, sees: 0, prefix: "origin" } as const;
const STAR_READERS = 8;
const MESH = { clusters: 512, endpoints: 50, sees: 20, prefix: "c" } as const;
/** Of 100 nodes each: two relays of a cluster have sockets at the hub and feed the other 98. */
const NODES = { clusters: 100, endpoints: 1_000, sees: 20, prefix: "n" } as const;
const FEEDERS = 2;
/**
 * A little more than is to be reached: what is delivered is counted over the clock, not over what
 * was offered.
 */
const DELIVERIES = 13_200;
const DELIVERIES_TARGET = 13_000;
const RUN_MS = 20_000;
/**
 * Objects that slept are awake then, what is to be compiled is, and publishers know how late the
 * hub is.
 */
const WARM_UP_MS = 10_000;
const DRAIN_MS = 10_000;
/** Changes a second tried to find the ceiling. */
const CEILING_RATES = [1_000, 2_000, 4_000, 8_000];

export async function* benchStar(): AsyncGenerator<Figure> {
  const { rig, mesh } = await start(STAR);
  const client = rig.admin("scale");
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
  const { latencies, share } = await runChanges(mesh, RUN_MS, STAR_READERS);
  yield figure("star: p50 at 650 changes/s", quantile(latencies, 0.5), "ms", null);
  yield figure("star: p99 at 650 changes/s", quantile(latencies, 0.99), "ms", 1_000);
  yield figure("star: delivered of offered", share, "%", 99, false);
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
  const { latencies, delivered, frames, share } = await runChanges(mesh, RUN_MS, sees);
  yield figure(
    "mesh of 512, each sees 20: sockets",
    mesh.stats().readers,
    "sockets",
    10_000,
    false,
  );
  yield figure("mesh: deliveries", delivered, "1/s", DELIVERIES_TARGET, false);
  yield figure("mesh: frames that bring them", frames, "1/s", null);
  yield figure("mesh: delivered of offered", share, "%", 99, false);
  yield figure("mesh: p50", quantile(latencies, 0.5), "ms", null);
  yield figure("mesh: p99", quantile(latencies, 0.99), "ms", null);
  yield figure("mesh: resident memory of the hub", rig.hubResidentBytes() / 2 ** 20, "MiB", null);
  let ceiling = delivered;
  for (const rate of CEILING_RATES) {
    mesh.setRate(rate);
    const run = await runChanges(mesh, RUN_MS / 2, sees);
    progress(
      `${rate} changes/s: ${Math.round(run.delivered)} deliveries/s in ${Math.round(run.frames)} frames, p99 ${quantile(run.latencies, 0.99).toFixed(0)} ms`,
    );
    ceiling = Math.max(ceiling, run.delivered);
    if (run.delivered < rate * sees * 0.9) break;
  }
  yield figure("mesh: ceiling of one process", ceiling, "deliveries/s", null);
  await mesh.stop(false);
  await rig.stop();
}

export async function* benchNodes(): AsyncGenerator<Figure> {
  const copies = NODES.sees * FEEDERS;
  const { rig, mesh } = await start({ ...NODES, rate: DELIVERIES / copies });
  for (let feeder = 0; feeder < FEEDERS; feeder++) await mesh.startReaders();
  const { latencies, delivered, share } = await runChanges(mesh, RUN_MS, copies);
  const what = "100 clusters of 100 nodes, each sees 20";
  yield figure(`${what}: sockets`, mesh.stats().readers + NODES.clusters, "sockets", null);
  yield figure(`${what}: deliveries`, delivered, "1/s", DELIVERIES_TARGET, false);
  yield figure(`${what}: delivered of offered`, share, "%", 99, false);
  yield figure(`${what}: p50`, quantile(latencies, 0.5), "ms", null);
  yield figure(`${what}: p99`, quantile(latencies, 0.99), "ms", null);
  yield figure(
    `${what}: resident memory of the hub`,
    rig.hubResidentBytes() / 2 ** 20,
    "MiB",
    null,
  );
  await mesh.stop(false);
  await rig.stop();
}

async function start(options: MockOptions): Promise<{ rig: BenchRig; mesh: MockMesh }> {
  const rig = await BenchRig.start();
  await rig.admin("scale").call(createMesh, { body: { name: "scale" } });
  const mesh = new MockMesh(rig.admin("scale"), options);
  const began = performance.now();
  await mesh.start((text) =>
    progress(`${((performance.now() - began) / 1000).toFixed(1)} s: ${text}`),
  );
  return { rig, mesh };
}

async function joinReader(rig: BenchRig, client: Client, name: string): Promise<Credentials> {
  const { joinToken } = await client.call(addCluster, {
    params: { mesh: client.mesh },
    body: { name },
  });
  const credentials = await Credentials.open(join(rig.root, name));
  await credentials.join(rig.hub.url, joinToken);
  return credentials;
}

interface Run {
  /** ms, of those within the time that is measured. */
  readonly latencies: readonly number[];
  /** Changes delivered a second, over all readers, and the frames that brought them. */
  readonly delivered: number;
  readonly frames: number;
  /** Of all changes that were made, over all readers, how many came in the end: %. */
  readonly share: number;
}

/**
 * Changes go on before the time that is measured, and what is late at its end is waited for.
 * @param readers Of each origin.
 */
async function runChanges(mesh: MockMesh, ms: number, readers: number): Promise<Run> {
  const first = mesh.stats();
  mesh.startChanges();
  await sleep(WARM_UP_MS);
  mesh.takeLatencies();
  const [before, began] = [mesh.stats(), performance.now()];
  await sleep(ms);
  const [after, seconds] = [mesh.stats(), (performance.now() - began) / 1000];
  const latencies = mesh.takeLatencies();
  mesh.stopChanges();
  const made = (mesh.stats().changes - first.changes) * readers;
  const came = (): number => mesh.stats().delivered - first.delivered;
  const patience = AbortSignal.timeout(DRAIN_MS);
  while (came() < made && !patience.aborted) await sleep(100);
  return {
    latencies,
    delivered: (after.delivered - before.delivered) / seconds,
    frames: (after.frames - before.frames) / seconds,
    share: (100 * came()) / made,
  };
}
