/**
 * A process that holds one view and nothing else, as a relay does: connects, waits until it is in
 * sync, and prints what that took as JSON: `seconds` from the connection, `steady` and `peak` bytes
 * resident above what it had before. Arguments: URL, view file; the headers as JSON in
 * `CATWALK_BENCH_HEADERS`.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { preferSmallHeap } from "../../relay/lib/small-heap.ts";
import { RemoteView } from "../../relay/view/remote-view.ts";
import { ViewFile } from "../../relay/view/view-file.ts";
import { Watcher } from "../../relay/view/watcher.ts";

preferSmallHeap();
const [url = "", path = ""] = process.argv.slice(2);
const headers = JSON.parse(process.env["CATWALK_BENCH_HEADERS"] ?? "{}") as Record<string, string>;

/** Resident now, and at most so far. */
function resident(field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync("/proc/self/status", "utf8");
  return 1024 * Number(status.match(new RegExp(`${field}:\\s+(\\d+) kB`))?.[1]);
}

const view = new RemoteView(new ViewFile(path), {
  rcc: "o",
  meshId: "m",
  originUid: "o",
  originName: "o",
});
global.gc?.();
const before = resident("VmRSS");
const began = performance.now();
await new Promise<void>((resolve) => {
  const watcher = new Watcher(view, url, () => Promise.resolve(headers), {
    onChanges: () => undefined,
    onState: () => {
      if (!view.isInSync) return;
      watcher.stop();
      resolve();
    },
    onDown: (_reason, message) => process.stderr.write(`${message}\n`),
  });
  watcher.start();
});
const seconds = (performance.now() - began) / 1000;
const peak = resident("VmHWM") - before;
for (let n = 0; n < 3; n++) {
  global.gc?.();
  await sleep(200);
}
const steady = resident("VmRSS") - before;
process.stdout.write(JSON.stringify({ records: view.size, seconds, steady, peak }));
process.exit(0);
