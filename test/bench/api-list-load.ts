/**
 * Child process: an origin that publishes at a steady rate to light readers, until it is ended. Its
 * argument is a `Load` as JSON; says how many frames its readers got each second.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { encodePayload } from "../../shared/log/payload.ts";
import { address, pod, pool, put } from "../support/records.ts";
import type { Load } from "./api-list.ts";
import { LightReader } from "./light-reader.ts";
import { RawPublisher } from "./raw-publisher.ts";

const PER_FRAME = 50;
const PODS = 20_000;
const LAPS = 4;

const load = JSON.parse(process.argv[2] ?? "") as Load;
const frames = Array.from({ length: (PODS * LAPS) / PER_FRAME }, (_, n) =>
  encodePayload(
    Array.from({ length: PER_FRAME }, (__, i) => {
      const at = (n * PER_FRAME + i) % PODS;
      // A record that is there already is no change.
      return put({ ...pod(`p${at}`, address(at)), labels: { lap: `${process.pid}-${n}` } });
    }),
    1,
  ),
);
const publisher = await RawPublisher.connect(load.homeUrl, load.homeHeaders);
await publisher.send("pools", encodePayload([put(pool("10.0.0.0/8"))]));
for (const frame of frames.slice(0, PODS / PER_FRAME)) await publisher.send("identity", frame);
for (const channel of ["identity", "pools", "routing"] as const) publisher.reconciled(channel);
await publisher.drain();
const readers = load.readerHeaders.map((headers) => new LightReader(load.watchUrl, headers));
await Promise.all(readers.map(({ ready }) => ready));
process.send?.("ready");
const began = performance.now();
// Behind what there is to begin with.
const FIRST = PODS / PER_FRAME;
for (let n = 0; ; n++) {
  const dueMs = (n * PER_FRAME * 1_000) / load.changesPerSecond;
  const waitMs = began + dueMs - performance.now();
  if (waitMs > 0) await sleep(waitMs);
  await publisher.send("identity", frames[(FIRST + n) % frames.length] ?? new Uint8Array());
  if (n % 100 === 0) process.send?.({ sent: n * PER_FRAME, got: readers.map((one) => one.frames) });
}
