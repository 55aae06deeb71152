/** One publisher, many readers: changes are admitted, committed to disk and fanned out; timed from the source's change to a relay's view. */
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";

import { RemoteView } from "../../relay/view/remote-view.ts";
import { ViewFile } from "../../relay/view/view-file.ts";
import { Watcher } from "../../relay/view/watcher.ts";
import { address, pod } from "../support/records.ts";
import { figure, median, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { LightReader } from "./light-reader.ts";
import { BenchRig } from "./rig.ts";

export interface Setting {
  readonly readers: number;
  readonly changesPerSecond: number;
  readonly p50: number | null;
  readonly p99: number;
}

const SETTINGS: readonly Setting[] = [
  { readers: 10, changesPerSecond: 5_000, p50: 6, p99: 15 },
  { readers: 100, changesPerSecond: 20_000, p50: null, p99: 160 },
  { readers: 500, changesPerSecond: 9_000, p50: null, p99: 300 },
];
const PODS = 20_000;
const ROUNDS = 3;
const ROUND_MS = 4_000;
const TICK_MS = 2;

export async function* benchFanOut(): AsyncGenerator<Figure> {
  for (const setting of SETTINGS) {
    const rounds: Round[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push(await runRound(setting));
      progress(`${setting.readers} readers: ${JSON.stringify(rounds.at(-1))}`);
    }
    const of = (pick: (round: Round) => number) => median(rounds.map(pick));
    const name = `fan-out ${setting.readers} readers, ${setting.changesPerSecond} changes/s`;
    yield figure(
      `${name}: p50`,
      of((r) => r.p50),
      "ms",
      setting.p50,
    );
    yield figure(
      `${name}: p99`,
      of((r) => r.p99),
      "ms",
      setting.p99,
    );
    yield figure(
      `${name}: applied of offered`,
      of((r) => r.applied),
      "%",
      99.9,
      false,
    );
    yield figure(
      `${name}: frames to readers`,
      of((r) => r.deliveries),
      "1/s",
      null,
    );
  }
}

export interface Round {
  readonly p50: number;
  readonly p99: number;
  readonly applied: number;
  readonly deliveries: number;
  /** Changes delivered to all readers, for each second of the hub's processor time. */
  readonly perCpuSecond: number;
}

export async function runRound(setting: Setting): Promise<Round> {
  const rig = await BenchRig.start();
  const latencies: number[] = [];
  let last = 0;
  for (let n = 0; n < PODS; n++)
    rig.local.apply({ op: "put", record: { ...pod(`p${n}`, address(n)), labels: { t: "0" } } });
  const home = await rig.publish();
  const view = new RemoteView(new ViewFile(join(rig.root, "view")), {
    rcc: "o",
    meshId: "m",
    originUid: "o",
    originName: "o",
  });
  const watcher = new Watcher(view, rig.watchUrl, () => rig.readerHeaders(), {
    onChanges: (changes) => {
      const now = performance.now();
      for (const { held } of changes) {
        const sentAt = "labels" in held.record ? Number(held.record.labels["t"]) : 0;
        if (sentAt > 0) latencies.push(now - sentAt);
        last = Math.max(last, sentAt);
      }
    },
    onState: () => undefined,
    onDown: () => undefined,
  });
  watcher.start();
  const readers: LightReader[] = [];
  for (let n = 1; n < setting.readers; n++) {
    const reader = new LightReader(rig.watchUrl, await rig.readerHeaders());
    readers.push(reader);
    await reader.ready;
  }
  while (!view.isInSync) await new Promise((resolve) => setTimeout(resolve, 10));
  const framesBefore = readers.reduce((sum, reader) => sum + reader.frames, 0);
  const loop = monitorEventLoopDelay({ resolution: 5 });
  loop.enable();
  const cpuBefore = rig.hubCpuSeconds();
  const began = performance.now();
  let offered = 0;
  while (performance.now() - began < ROUND_MS) {
    const due = Math.floor(((performance.now() - began) / 1000) * setting.changesPerSecond);
    const batch = [];
    for (; offered < due; offered++) {
      const n = offered % PODS;
      // It happens when it is due, whenever this process gets to it.
      const at = began + (offered / setting.changesPerSecond) * 1000;
      batch.push({
        op: "put" as const,
        record: { ...pod(`p${n}`, address(n)), labels: { t: String(at) } },
      });
    }
    home.publisher.onSource(batch);
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  const seconds = (performance.now() - began) / 1000;
  const deadline = performance.now() + 10_000;
  // One change a key is under way at most; all of the last lap have arrived when as many were applied as keys were touched last.
  while (
    latencies.length < offered * 0.999 &&
    performance.now() < deadline &&
    home.publisher.status().pending > 0
  )
    await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const deliveries =
    (readers.reduce((sum, reader) => sum + reader.frames, 0) - framesBefore) / seconds;
  const cpuSeconds = rig.hubCpuSeconds() - cpuBefore;
  loop.disable();
  progress(
    `this process's own stalls: p99 ${(loop.percentile(99) / 1e6).toFixed(1)} ms, longest ${(loop.max / 1e6).toFixed(1)} ms`,
  );
  watcher.stop();
  for (const reader of readers) reader.close();
  await rig.stop();
  return {
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    applied: (100 * latencies.length) / offered,
    deliveries,
    perCpuSecond: (latencies.length * setting.readers) / cpuSeconds,
  };
}
