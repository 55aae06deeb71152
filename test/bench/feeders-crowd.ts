/**
 * Child process: most of a cluster's relays, without Felix. Argument: their settings, as JSON; says
 * "in-sync" when all of them are.
 */
import { z } from "zod";

import { FeedBytes } from "./feed-bytes.ts";
import { InProcessRelay } from "./feeders-relays.ts";
import type { Recorded } from "./feeders-relays.ts";
import { progress } from "./figure.ts";

const crowdSchema = z.object({
  settings: z.array(z.record(z.string(), z.string())),
  nothing: z.string(),
});

/** Relays that are started at once. */
const AT_ONCE = 20;

const { settings, nothing } = crowdSchema.parse(JSON.parse(process.argv[2] ?? ""));
const waiting = [...settings];
const relays: InProcessRelay[] = [];
const feedBytes = new FeedBytes();

async function start(): Promise<void> {
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const relay = await InProcessRelay.start(next, nothing);
    await relay.untilInSync();
    relays.push(relay);
    if (relays.length % 10 === 0) progress(`${relays.length} followers`);
  }
}

process.on("message", (asked) => {
  if (asked === "record") for (const relay of relays) relay.record();
  if (asked === "count-bytes") feedBytes.reset();
  if (asked === "recorded") process.send?.(recordedOf(relays));
  if (asked === "stop")
    void Promise.all(relays.map((relay) => relay.stop())).then(() => process.exit(0));
});

await Promise.all(Array.from({ length: AT_ONCE }, start));
process.send?.("in-sync");

function recordedOf(of: readonly InProcessRelay[]): Recorded {
  const recorded = of.map((relay) => relay.recorded());
  const gaps = recorded.flatMap(({ times }) =>
    times.slice(1).map((at, i) => at - (times[i] ?? at)),
  );
  return {
    longestGapMs: gaps.reduce((most, gap) => Math.max(most, gap), 0),
    deletions: recorded.reduce((sum, { deletions }) => sum + deletions, 0),
    bytes: [...feedBytes.counted()],
  };
}
