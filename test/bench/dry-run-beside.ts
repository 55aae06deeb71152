/**
 * Changes of an origin with 250,000 endpoints, alone and beside dry runs of a grant of it, one
 * after another: what reading its whole log costs the other events of the object.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { addCluster } from "../../shared/api/clusters.ts";
import { createGrant } from "../../shared/api/grants.ts";
import { decodeRecord } from "../../shared/record/encoding.ts";
import { pod, putOf } from "../support/records.ts";
import { addEndpoints } from "./first-view.ts";
import { figure, median, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { LightReader } from "./light-reader.ts";
import { BenchRig } from "./rig.ts";

const ENDPOINTS = 250_000;
/** Alone and beside dry runs in turn. */
const ROUNDS = 3;
const ROUND_MS = 10_000;
const CHANGES_PER_SECOND = 200;
const TICK_MS = 5;
/** The last changes of a round are on their way. */
const DRAIN_MS = 500;

export async function* benchDryRunBeside(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start();
  const params = { mesh: "bench" };
  await rig.admin("bench").call(addCluster, { params, body: { name: "asks" } });
  addEndpoints(rig, ENDPOINTS);
  const home = await rig.publish();
  progress(`${ENDPOINTS} endpoints are published`);
  let latencies: number[] = [];
  const reader = new LightReader(rig.watchUrl, await rig.readerHeaders(), (changes) => {
    const now = performance.now();
    for (const change of changes) {
      const decoded = change.op === "put" ? decodeRecord(change.bytes) : null;
      if (decoded?.ok !== true || !("labels" in decoded.record)) continue;
      const sentAt = Number(decoded.record.labels["t"]);
      if (sentAt > 0) latencies.push(now - sentAt);
    }
  });
  await reader.ready;
  let changed = 0;
  const change = async (isOver: () => boolean): Promise<void> => {
    const began = performance.now();
    for (let made = 0; !isOver(); await sleep(TICK_MS)) {
      const due = ((performance.now() - began) / 1000) * CHANGES_PER_SECOND;
      for (; made < due; made++) {
        const n = changed++ % ENDPOINTS;
        const ip = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
        const t = String(performance.now());
        home.publisher.onSource([putOf({ ...pod(`web-${n}`, ip, { t }), node: "node-1" })]);
      }
    }
    await sleep(DRAIN_MS);
  };
  const dryRun = async (): Promise<number> => {
    const began = performance.now();
    await rig.admin("bench").call(createGrant, {
      params,
      query: { dryRun: "true" },
      body: { origin: "o", reader: "asks", scope: { selector: "app == 'app-7'" } },
    });
    return performance.now() - began;
  };
  const p99: { readonly alone: number[]; readonly beside: number[] } = { alone: [], beside: [] };
  const took: number[] = [];
  for (let round = 0; round <= ROUNDS; round++)
    for (const kind of ["alone", "beside"] as const) {
      latencies = [];
      const end = performance.now() + ROUND_MS;
      const isOver = (): boolean => performance.now() > end;
      const changes = change(isOver);
      while (kind === "beside" && !isOver()) took.push(await dryRun());
      await changes;
      progress(
        `${kind}: ${latencies.length} changes, p50 ${quantile(latencies, 0.5).toFixed(1)} ms, p99 ${quantile(latencies, 0.99).toFixed(1)} ms`,
      );
      // The first round warms the hub up.
      if (round > 0) p99[kind].push(quantile(latencies, 0.99));
    }
  reader.close();
  await rig.stop();
  const what = `dry runs over ${ENDPOINTS} endpoints, one after another`;
  yield figure(`${what}: one, by the API`, median(took), "ms", 2_000);
  yield figure(`${what}: p99 of changes without`, median(p99.alone), "ms", null);
  yield figure(`${what}: p99 of changes beside`, median(p99.beside), "ms", null);
  yield figure(
    `${what}: p99 beside against without`,
    median(p99.beside) / median(p99.alone),
    "x",
    2,
  );
}
