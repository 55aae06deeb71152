/**
 * A dry run of a grant over an origin with 250,000 endpoints: how long all of it takes, and each of
 * its steps, between which other events of the object come. In Node, with the hub's own code.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { compareShown } from "../../worker/origin/scopes/shown-difference.ts";
import type { Shown } from "../../worker/ports.ts";
import { TestPublisher } from "../support/origin-peers.ts";
import { facts, OriginWorld } from "../support/origin-world.ts";
import { pod, pool, putOf } from "../support/records.ts";
import { figure, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const ENDPOINTS = 250_000;
const NAMESPACES = 50;
/** Changes that the publisher is given at once. */
const PART = 10_000;

export async function* benchDryRun(): AsyncGenerator<Figure> {
  const world = new OriginWorld(facts({ ranges: { pods: ["10.0.0.0/8"], nodes: [] } }));
  const publisher = new TestPublisher(world);
  publisher.change(putOf(pool("10.0.0.0/8")));
  publisher.listed();
  publisher.connect();
  for (let from = 0; from < ENDPOINTS; from += PART) {
    publisher.change(...Array.from({ length: PART }, (_, n) => putOf(endpoint(from + n))));
    world.advance(60_000);
    process.stderr.write(`${from + PART} endpoints\n`);
  }
  const scope: Shown = { namespaces: ["ns-1", "ns-2"], selector: 'role == "db"' };
  // As the object does it, in steps of their own.
  while (!world.origin.refreshDigests());
  // What making 250,000 endpoints left behind, here and at the publisher, is not the dry run's.
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  // The first round warms the code up, as a hub that runs has.
  for (const isWarm of [false, true]) {
    collectGarbage();
    const steps = world.origin.read((logs) => compareShown(logs, "nothing", scope, []));
    const took: number[] = [];
    for (;;) {
      const began = performance.now();
      const { done, value } = steps.next();
      took.push(performance.now() - began);
      if (done !== true) continue;
      if (value.appear.endpoints !== ENDPOINTS / NAMESPACES)
        throw new Error(`counted ${JSON.stringify(value)}`);
      break;
    }
    if (!isWarm) continue;
    const total = took.reduce((sum, ms) => sum + ms, 0);
    const what = `dry run of a scoped grant over ${ENDPOINTS} endpoints`;
    yield figure(`${what}: all of it`, total, "ms", 2_000);
    yield figure(`${what}: a step, p99`, quantile(took, 0.99), "ms", 10);
    yield figure(`${what}: the longest step`, Math.max(...took), "ms", null);
  }
}

function endpoint(n: number): ReturnType<typeof pod> {
  const ip = `10.${1 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
  const namespace = `ns-${n % NAMESPACES}`;
  const made = pod(`web-${n}-7d4b9c6f5d-x2x9z`, ip, {
    role: n % (2 * NAMESPACES) < NAMESPACES ? "db" : "web",
    app: `app-${n % 200}`,
    "pod-template-hash": "7d4b9c6f5d",
  });
  return { ...made, namespace, node: `node-${n % 500}`, profiles: [`kns.${namespace}`] };
}
