/**
 * What a relay needs for each remote endpoint: in steady state, and at most while it takes its
 * first view in.
 */
import { pod, putOf } from "../support/records.ts";
import { figure, median, progress } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { BenchRig } from "./rig.ts";
import { runView } from "./view-run.ts";
import type { ViewRun } from "./view-run.ts";

const ENDPOINTS = 250_000;
const ROUNDS = 3;

export async function* benchRelayMemory(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start();
  for (let n = 0; n < ENDPOINTS; n++) {
    const ip = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
    const labels = { app: `app-${n % 200}`, version: `v${n % 7}` };
    const record = { ...pod(`web-${n}`, ip, labels), node: `node-${n % 500}` };
    rig.local.applyChange(putOf(record));
  }
  await rig.publish();
  const runs: ViewRun[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    runs.push(await runView(rig, `view-${round}`));
    progress(JSON.stringify(runs.at(-1)));
  }
  await rig.stop();
  yield figure(
    `relay memory per endpoint at ${ENDPOINTS}: steady`,
    median(runs.map((run) => run.steady / ENDPOINTS)),
    "B",
    300,
  );
  yield figure(
    `relay memory per endpoint at ${ENDPOINTS}: peak`,
    median(runs.map((run) => run.peak / ENDPOINTS)),
    "B",
    600,
  );
}
