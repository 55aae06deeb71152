/**
 * A grant is taken away from a cluster of 22 nodes, each with a relay and a Felix, while one of the
 * remote's endpoints changes all the time: when the last Felix has none of them left. Two relays
 * have sockets at the hub and feed the others; each is a process as it is shipped, and all share
 * the machine's cores, so that the remote is as large as these can withdraw on all nodes at once.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { createGrant, deleteGrant } from "../../shared/api/grants.ts";
import { startRelay } from "../../cli/demo/relay-process.ts";
import type { RelayProcess } from "../../cli/demo/relay-process.ts";
import { rank } from "../../relay/feed/choice.ts";
import { pod, putOf } from "../support/records.ts";
import { startFakeTypha, SyncClient } from "../support/typha.ts";
import { freePorts, hubSockets } from "./feeders-relays.ts";
import { addEndpoints } from "./first-view.ts";
import { figure, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { BenchRig } from "./rig.ts";

const NODES = 22;
const FEEDERS = 2;
const ENDPOINTS = 500;
const ROUNDS = 20;
const CHANGE_MS = 50;
/** Relays that start at once. */
const AT_ONCE = 4;
const PATIENCE_MS = 60_000;
const STREAM = new URL("../fixtures/golden/typha/b1-felix-plain.s2c.bin", import.meta.url);

interface Node {
  readonly relay: RelayProcess;
  readonly felix: SyncClient;
}

export async function* benchRevocationNodes(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start();
  const typha = await startFakeTypha(readFileSync(STREAM));
  addEndpoints(rig, ENDPOINTS);
  const home = await rig.publish();
  const nodes = await startNodes(rig, typha.address);
  let at = 0;
  const churn = setInterval(() => {
    home.publisher.onSource([putOf(pod("moving", "10.200.0.1", { at: String(at++) }))]);
  }, CHANGE_MS);
  try {
    yield* measure(rig, nodes);
  } finally {
    clearInterval(churn);
    for (const { felix } of nodes) felix.close();
    await Promise.all(nodes.map(({ relay }) => relay.stop()));
    await typha.close();
    await rig.stop();
  }
}

async function startNodes(rig: BenchRig, typhaUpstream: string): Promise<readonly Node[]> {
  const ports = await freePorts(NODES);
  const addresses = rank(
    rig.reader?.membership?.cluster.uid ?? "",
    ports.map((port) => `127.0.0.1:${port}`),
  );
  const empty = join(rig.root, "manifests");
  mkdirSync(empty);
  const start = async (address: string): Promise<Node> => {
    const name = `node-${addresses.indexOf(address)}`;
    const settings = {
      state: join(rig.root, name),
      identity: join(rig.root, "r"),
      hub: rig.hub.url,
      manifests: empty,
      peers: addresses.join(","),
      "peers-listen": address,
      "typha-upstream": typhaUpstream,
      "typha-listen": "127.0.0.1:0",
      "http-listen": "127.0.0.1:0",
    };
    const flags = Object.entries(settings).map(([key, value]) => `--${key}=${value}`);
    const relay = await startRelay(name, flags, process.env, join(rig.root, `${name}.log`));
    return { relay, felix: new SyncClient(relay.typhaPort ?? 0) };
  };
  const nodes: Node[] = [];
  // The feeders come first, as in a cluster that has been there for a while.
  for (let at = 0; at < NODES; at += at === 0 ? FEEDERS : AT_ONCE) {
    const next = addresses.slice(at, at + (at === 0 ? FEEDERS : AT_ONCE));
    nodes.push(...(await Promise.all(next.map(start))));
  }
  return nodes;
}

/** Remote endpoints, which bear their cluster's name. */
function remoteCount(felix: SyncClient): number {
  let count = 0;
  for (const key of felix.kvs.keys()) if (key.includes("/host/o_")) count++;
  return count;
}

async function* measure(rig: BenchRig, nodes: readonly Node[]): AsyncGenerator<Figure> {
  const admin = rig.admin("bench");
  const params = { mesh: "bench" };
  const felixes = nodes.map(({ felix }) => felix);
  const [first, last] = [[], []] as [number[], number[]];
  for (let n = 0; n < ROUNDS; n++) {
    for (const felix of felixes)
      await felix.until("all endpoints", () => remoteCount(felix) > ENDPOINTS, PATIENCE_MS);
    if (n === 0) requireFollowers(rig);
    const isEmpty = (felix: SyncClient) => (): boolean => remoteCount(felix) === 0;
    const withdrawn = felixes.map(async (felix) => {
      await felix.until("no endpoint", isEmpty(felix), PATIENCE_MS);
      return performance.now();
    });
    await admin.call(deleteGrant, { params: { ...params, origin: "o", reader: "r" } });
    const answer = performance.now();
    const took = (await Promise.all(withdrawn)).map((ms) => Math.max(0, ms - answer));
    first.push(Math.min(...took));
    last.push(Math.max(...took));
    await admin.call(createGrant, { params, body: { origin: "o", reader: "r" } });
  }
  progress(`the last Felix after ${last.map((ms) => ms.toFixed(0)).join(", ")} ms`);
  const name = `a grant of ${ENDPOINTS} endpoints is taken from ${NODES} nodes`;
  yield figure(`${name}: withdrawn in the first Felix, p50`, quantile(first, 0.5), "ms", null);
  yield figure(`${name}: withdrawn in the last Felix, p50`, quantile(last, 0.5), "ms", null);
  yield figure(`${name}: withdrawn in the last Felix, slowest`, Math.max(...last), "ms", 1_000);
}

/** Else it is not measured what is meant to be. */
function requireFollowers(rig: BenchRig): void {
  // Of each feeder two, the publisher's, and those of questions, which linger. Without feeders each
  // node had two.
  const most = NODES;
  const sockets = hubSockets(rig.hub.url);
  progress(`${sockets} sockets at the hub`);
  if (sockets > most) throw new Error(`${sockets} sockets at the hub, for ${NODES} relays`);
}
