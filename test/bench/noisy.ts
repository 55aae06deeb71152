/**
 * What others feel of an origin that publishes without end: the latency of quiet clusters beside
 * it, against theirs without it, in turns. While others are at work it has a share of the hub's
 * thread. [LOG22]
 */
import { fork } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "../../cli/admin/client.ts";
import { MockMesh } from "../../cli/mock/mock-mesh.ts";
import { figure, median, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { BenchRig } from "./rig.ts";

const NOISES = ["deltas", "huge labels", "key flood"] as const;
export type Noise = (typeof NOISES)[number];
const QUIET = { clusters: 10, endpoints: 200, rate: 100, sees: 4, prefix: "quiet" } as const;
const ROUNDS = 5;
const ROUND_MS = 5_000;

export async function* benchNoisy(): AsyncGenerator<Figure> {
  for (const noise of NOISES) {
    const rig = await BenchRig.start("10.128.0.0/9");
    const { url: server, adminToken: token } = rig.hub;
    const mesh = new MockMesh(new Client({ server, token, mesh: "bench", relays: {} }), QUIET);
    await mesh.start(progress);
    await mesh.startReaders();
    await measure(mesh);
    const [alone, beside]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      alone.push(await measure(mesh));
      const stop = await makeNoise(rig, noise);
      beside.push(await measure(mesh));
      stop();
      progress(
        `${noise}: p99 alone ${alone.at(-1)?.toFixed(1)} ms, beside ${beside.at(-1)?.toFixed(1)} ms`,
      );
    }
    yield figure(`beside an origin of ${noise}: others' p99`, median(beside), "ms", null);
    yield figure(
      `beside an origin of ${noise}: others' p99 against theirs alone`,
      median(beside) / median(alone),
      "x",
      2,
    );
    await mesh.stop(false);
    await rig.stop();
  }
}

/** The p99 of what the quiet clusters deliver, in ms. */
async function measure(mesh: MockMesh): Promise<number> {
  mesh.takeLatencies();
  mesh.startChanges();
  await sleep(ROUND_MS);
  mesh.stopChanges();
  await sleep(500);
  return quantile(mesh.takeLatencies(), 0.99);
}

async function makeNoise(rig: BenchRig, noise: Noise): Promise<() => void> {
  const headers = JSON.stringify(await rig.originHeaders());
  const child = fork(join(import.meta.dirname, "noise.ts"), [rig.homeUrl, headers, noise]);
  await new Promise((resolve) => child.once("message", resolve));
  return () => {
    if (child.exitCode !== null)
      throw new Error(`the hub has closed ${noise}: silence was measured`);
    child.kill("SIGKILL");
  };
}
