/**
 * Child process: one round of the fan-out bench. Argument: the setting as JSON; sends the round.
 * Publisher, readers and the clock are all here; its own garbage collector must not be what is
 * measured, so it is started with a small young generation, see `fan-out.ts`.
 */
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";

import { RemoteView } from "../../relay/view/remote-view.ts";
import { ViewFile } from "../../relay/view/view-file.ts";
import { Watcher } from "../../relay/view/watcher.ts";
import { address, pod, putOf } from "../support/records.ts";
import type { Round, Setting } from "./fan-out.ts";
import { progress, quantile } from "./figure.ts";
import { LightReader } from "./light-reader.ts";
import { BenchRig } from "./rig.ts";

const PODS = 20_000;
const ROUND_MS = 4_000;
/** A source hands over what changes as it changes; a timer can do no better than this. */
const TICK_MS = 1;

async function runRound(setting: Setting): Promise<Round> {
  const rig = await BenchRig.start();
  const latencies: number[] = [];
  let last = 0;
  for (let n = 0; n < PODS; n++)
    rig.local.applyChange(putOf({ ...pod(`p${n}`, address(n)), labels: { t: "0" } }));
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
      batch.push(putOf({ ...pod(`p${n}`, address(n)), labels: { t: String(at) } }));
    }
    home.publisher.onSource(batch);
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  const seconds = (performance.now() - began) / 1000;
  const deadline = performance.now() + 10_000;
  // One change a key is under way at most; all of the last lap have arrived when as many were
  // applied as keys were touched last.
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

process.send?.(await runRound(JSON.parse(process.argv[2] ?? "") as Setting));
process.exit(0);
