/**
 * A grant is taken away while 10,000 endpoints are seen and one of them changes 200 times a second:
 * what the origin's reader is still sent after the API's answer, and when A's Felix has none left.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { createGrant, deleteGrant } from "../../shared/api/grants.ts";
import { startRelay } from "../../cli/demo/relay-process.ts";
import { pod, putOf } from "../support/records.ts";
import { startFakeTypha, SyncClient } from "../support/typha.ts";
import { addEndpoints } from "./first-view.ts";
import { figure, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { LightReader } from "./light-reader.ts";
import { BenchRig } from "./rig.ts";

const ENDPOINTS = 10_000;
const ROUNDS = 20;
const CHANGE_MS = 5;
/** Changes go on for so long after a revocation. */
const AFTER_MS = 300;
const STREAM = new URL("../fixtures/golden/typha/b1-felix-plain.s2c.bin", import.meta.url);

export async function* benchRevocation(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start();
  const typha = await startFakeTypha(readFileSync(STREAM));
  addEndpoints(rig, ENDPOINTS);
  const home = await rig.publish();
  const empty = join(rig.root, "manifests");
  mkdirSync(empty);
  const listen = ["--http-listen", "127.0.0.1:0", "--typha-listen", "127.0.0.1:0"];
  const source = ["--manifests", empty, "--typha-upstream", typha.address];
  const relay = await startRelay(
    "r",
    ["--state", join(rig.root, "r"), "--hub", rig.hub.url, ...listen, ...source],
    process.env,
    join(rig.root, "r.log"),
  );
  const felix = new SyncClient(relay.typhaPort ?? 0);
  let round = 0;
  const churn = setInterval(() => {
    home.publisher.onSource([putOf(pod("moving", "10.200.0.1", { round: String(round++) }))]);
  }, CHANGE_MS);
  try {
    yield* measure(rig, felix);
  } finally {
    clearInterval(churn);
    felix.close();
    await relay.stop();
    await typha.close();
    await rig.stop();
  }
}

/** Remote endpoints, which bear their cluster's name. */
function remoteCount(felix: SyncClient): number {
  let count = 0;
  for (const key of felix.kvs.keys()) if (key.includes("/host/o_")) count++;
  return count;
}

async function* measure(rig: BenchRig, felix: SyncClient): AsyncGenerator<Figure> {
  const admin = rig.admin("bench");
  const params = { mesh: "bench" };
  const [answered, withdrawn, sent] = [[], [], []] as [number[], number[], number[]];
  for (let n = 0; n < ROUNDS; n++) {
    await felix.until("all endpoints", () => remoteCount(felix) > ENDPOINTS, 60_000);
    const reader = new LightReader(rig.watchUrl, await rig.readerHeaders());
    await reader.ready;
    const began = performance.now();
    await admin.call(deleteGrant, { params: { ...params, origin: "o", reader: "r" } });
    const answer = performance.now();
    const before = reader.receivedBytes;
    await felix.until("no endpoint", () => remoteCount(felix) === 0, 60_000);
    answered.push(answer - began);
    withdrawn.push(performance.now() - answer);
    await sleep(AFTER_MS);
    sent.push(reader.receivedBytes - before);
    reader.close();
    await admin.call(createGrant, { params, body: { origin: "o", reader: "r" } });
  }
  progress(`the API answered after ${answered.map((ms) => ms.toFixed(0)).join(", ")} ms`);
  const name = `a grant of ${ENDPOINTS} endpoints is taken away`;
  yield figure(`${name}: bytes sent after the API's answer`, Math.max(...sent), "bytes", 0);
  yield figure(`${name}: withdrawn in A's Felix, p50`, quantile(withdrawn, 0.5), "ms", null);
  yield figure(`${name}: withdrawn in A's Felix, slowest`, Math.max(...withdrawn), "ms", 1_000);
}
