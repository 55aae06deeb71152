/** What a relay needs for each remote endpoint: in steady state, and at most while it takes its first view in. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import { pod } from "../support/records.ts";
import { figure, progress } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { BenchRig } from "./rig.ts";

const ENDPOINTS = 250_000;

export async function* benchRelayMemory(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start();
  for (let n = 0; n < ENDPOINTS; n++) {
    const ip = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
    const labels = { app: `app-${n % 200}`, version: `v${n % 7}` };
    rig.local.apply({
      op: "put",
      record: { ...pod(`web-${n}`, ip, labels), node: `node-${n % 500}` },
    });
  }
  await rig.publish();
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      "--expose-gc",
      join(import.meta.dirname, "view-process.ts"),
      rig.watchUrl,
      join(rig.root, "view"),
    ],
    { env: { ...process.env, CATWALK_BENCH_HEADERS: JSON.stringify(await rig.readerHeaders()) } },
  );
  progress(stdout);
  const { steady, peak } = JSON.parse(stdout) as { steady: number; peak: number };
  await rig.stop();
  yield figure(`relay memory per endpoint at ${ENDPOINTS}: steady`, steady / ENDPOINTS, "B", 300);
  yield figure(`relay memory per endpoint at ${ENDPOINTS}: peak`, peak / ENDPOINTS, "B", 600);
}
