/**
 * A cluster that sees 100,000 endpoints for the first time: from the connection to a view on disk
 * whose digest is proven.
 */
import { pod, putOf } from "../support/records.ts";
import { figure, median, progress } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { BenchRig } from "./rig.ts";
import { runView } from "./view-run.ts";
import type { ViewRun } from "./view-run.ts";

const ENDPOINTS = 100_000;
const ROUNDS = 3;

/** Endpoints as a cluster has them, with addresses of 10.0.0.0/8. */
export function addEndpoints(rig: BenchRig, count: number): void {
  for (let n = 0; n < count; n++) {
    const ip = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
    rig.local.applyChange(
      putOf({
        ...pod(`web-${n}`, ip, { app: `app-${n % 200}`, version: `v${n % 7}` }),
        node: `node-${n % 500}`,
      }),
    );
  }
}

export async function* benchFirstView(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start();
  addEndpoints(rig, ENDPOINTS);
  const published = performance.now();
  await rig.publish();
  const publishSeconds = (performance.now() - published) / 1000;
  progress(`published in ${publishSeconds.toFixed(1)} s`);
  const runs: ViewRun[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    runs.push(await runView(rig, `view-${round}`));
    progress(JSON.stringify(runs.at(-1)));
  }
  await rig.stop();
  const name = `first view of ${ENDPOINTS} endpoints, on disk and proven`;
  yield figure(`publish ${ENDPOINTS} endpoints to an empty hub`, publishSeconds, "s", null);
  yield figure(name, median(runs.map((run) => run.seconds)), "s", 2);
  yield figure(
    `${name}: the hub's processor time`,
    median(runs.map((run) => run.hubSeconds)),
    "s",
    0.2,
  );
}
