/**
 * Child process: an origin that publishes as fast as it is let, or faster. What it sends is told by
 * its argument.
 */
import { randomBytes } from "node:crypto";

import { encodePayload } from "../../shared/log/payload.ts";
import { pod, pool, put } from "../support/records.ts";
import type { Noise } from "./noisy.ts";
import { RawPublisher } from "./raw-publisher.ts";

const PER_FRAME = 100;

function frame(noise: Noise, n: number): Uint8Array {
  // 64 frames under way are less than makes a hub close the connection.
  const changes = Array.from({ length: noise === "huge labels" ? 2 : PER_FRAME }, (_, i) => {
    const at = n * PER_FRAME + i;
    // The same keys over and over, or ever new ones.
    const key = noise === "key flood" ? at : at % 20_000;
    const labels: Record<string, string> = { change: String(n) };
    if (noise === "huge labels")
      // A record of 62 KB: nearly the largest there may be.
      for (let l = 0; l < 60; l++) labels[`l${l}`] = randomBytes(512).toString("hex");
    const ip = `10.${128 + ((key >> 16) & 127)}.${(key >> 8) & 255}.${key & 255}`;
    return put(pod(`noise-${key}`, ip, labels));
  });
  return encodePayload(changes, 1);
}

const [url = "", headers = "{}", noise = "deltas"] = process.argv.slice(2);
// Made beforehand: the machine's other processor is for the clusters beside it.
const frames = Array.from({ length: noise === "key flood" ? 3_000 : 200 }, (_, n) =>
  frame(noise as Noise, n),
);
const publisher = await RawPublisher.connect(url, JSON.parse(headers) as Record<string, string>);
await publisher.send("pools", encodePayload([put(pool("10.128.0.0/9"))]));
process.send?.("ready");
// The hub has closed its socket: nothing is waited for any more.
process.once("beforeExit", () => process.exit(0));
for (let n = 0; ; n++) {
  const next = frames[n % frames.length];
  if (next !== undefined) await publisher.send("identity", next);
  if (n % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
}
