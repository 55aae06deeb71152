/**
 * A process that holds one view and nothing else, for measuring its memory: connects, waits until it is in sync, and prints
 * `{"steady","peak"}`, bytes above what it had before, as JSON. Arguments: URL, view file; the headers as JSON in `CATWALK_BENCH_HEADERS`.
 */
import { readFileSync } from "node:fs";

import { RemoteView } from "../../relay/view/remote-view.ts";
import { ViewFile } from "../../relay/view/view-file.ts";
import { Watcher } from "../../relay/view/watcher.ts";

const [url = "", path = ""] = process.argv.slice(2);
const headers = JSON.parse(process.env["CATWALK_BENCH_HEADERS"] ?? "{}") as Record<string, string>;

/** Resident now, and at most so far. */
function resident(field: "VmRSS" | "VmHWM"): number {
  const line = readFileSync("/proc/self/status", "utf8").match(
    new RegExp(`${field}:\\s+(\\d+) kB`),
  );
  return Number(line?.[1]) * 1024;
}

const view = new RemoteView(new ViewFile(path), {
  rcc: "o",
  meshId: "m",
  originUid: "o",
  originName: "o",
});
global.gc?.();
const before = resident("VmRSS");
const watcher = new Watcher(view, url, () => Promise.resolve(headers), {
  onChanges: () => undefined,
  onState: () => {
    if (!view.isInSync) return;
    const peak = resident("VmHWM") - before;
    watcher.stop();
    // Twice: what the first one finds unreachable holds buffers that the second gives back.
    for (let n = 0; n < 2; n++) global.gc?.();
    setTimeout(() => {
      global.gc?.();
      const steady = resident("VmRSS") - before;
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      process.stdout.write(
        JSON.stringify({ records: view.size, steady, peak, heapUsed, arrayBuffers }),
      );
      process.exit(0);
    }, 500);
  },
  onDown: (_reason, message) => process.stderr.write(`${message}\n`),
});
watcher.start();
