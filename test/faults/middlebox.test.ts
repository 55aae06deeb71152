/**
 * Boxes that forget what is silent, and cables that are pulled. Times are divided by `SPEED`, those
 * of the box and those of our heartbeats alike; the suite of its own runs them as they are.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { HubLink } from "../../relay/hub/link.ts";
import { NODE_PORTS } from "../../relay/hub/relay-ports.ts";
import type { RelayPorts } from "../../relay/hub/relay-ports.ts";
import { newLogger } from "../../relay/lib/log.ts";
import { Relay } from "../../relay/relay.ts";
import type { RelayStatus } from "../../relay/status.ts";
import { openSource } from "../../relay/source/open-source.ts";
import { BenchRig } from "../bench/rig.ts";
import { eventually } from "../support/mesh-rig.ts";
import { pod, putOf } from "../support/records.ts";
import { rounds } from "../support/rounds.ts";
import { TcpProxy } from "./tcp-proxy.ts";

const SPEED = rounds(20, 1);
/** What NAT tables and load balancers commonly give a silent connection. */
const IDLE_MS = 60_000 / SPEED;
let rig: BenchRig;

beforeAll(async () => {
  rig = await BenchRig.start();
  rig.local.applyChange(putOf(pod("a", "10.0.0.1")));
  await rig.publish();
});

afterAll(() => rig.stop());

interface Through {
  readonly relay: Relay;
  readonly box: TcpProxy;
  readonly downs: string[];
}

/**
 * A relay of the reading cluster behind a box, with heartbeats `times` as far apart as they are.
 */
async function startThrough(
  atEnd: (cleanup: () => Promise<void>) => void,
  times: number,
  idleMs?: number,
): Promise<Through> {
  const box = await TcpProxy.start({
    target: () => new URL(rig.hub.url).host,
    ...(idleMs === undefined ? {} : { idleMs }),
  });
  const downs: string[] = [];
  const ports: RelayPorts = {
    ...NODE_PORTS,
    dial: ({ handlers, ...options }) =>
      new HubLink({
        ...options,
        heartbeatMs: (options.heartbeatMs * times) / SPEED,
        handlers: {
          onOpen: () => handlers.onOpen(),
          onMessage: (message, bytes) => handlers.onMessage(message, bytes),
          onDown: (reason, message) => {
            downs.push(message);
            handlers.onDown(reason, message);
          },
        },
      }),
  };
  const folder = join(rig.root, "none");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "empty.yaml"), "");
  const relay = new Relay(
    {
      state: join(rig.root, "r"),
      hub: `http://${box.host}`,
      source: "manifests",
      manifests: folder,
      withdrawalHoldSeconds: 600,
      inSyncWaitSeconds: 30,
    },
    openSource({ kind: "manifests", folder }),
    newLogger("test", "silent"),
    rig.reader ?? (await Promise.reject(new Error("BUG: not joined"))),
    ports,
  );
  atEnd(async () => {
    await relay.stop();
    await box.close();
  });
  relay.start();
  await untilInSync(relay);
  return { relay, box, downs };
}

async function untilInSync(relay: Relay): Promise<void> {
  await eventually(
    () => Promise.resolve(relay.status()),
    (status) => isInSync(status),
  );
}

function isInSync({ hub, remotes }: RelayStatus): boolean {
  return hub === "connected" && remotes[0]?.connectionStatus === 2;
}

test("[FLT3] a box that forgets connections which are silent for 60 s forgets none of ours", async ({
  onTestFinished,
}) => {
  const { relay, box, downs } = await startThrough(onTestFinished, 1, IDLE_MS);
  const dials = box.dials;
  const untilMs = performance.now() + 2.5 * IDLE_MS;
  await eventually(
    () => Promise.resolve(performance.now()),
    (now) => now > untilMs,
  );
  expect({ killed: box.idleKills, dials: box.dials, downs }).toEqual({
    killed: 0,
    dials,
    downs: [],
  });
  expect(isInSync(relay.status())).toBe(true);
});

test("[FLT3] with heartbeats that are too rare for a box its connections break, and come back in sync", async ({
  onTestFinished,
}) => {
  const { relay, box, downs } = await startThrough(onTestFinished, 20, IDLE_MS);
  await eventually(
    () => Promise.resolve(box.idleKills),
    (kills) => kills >= 2,
  );
  expect(downs.length).toBeGreaterThan(0);
  await untilInSync(relay);
});

test("[FLT4] a connection whose packets are lost, and which nobody closes, is given up after four heartbeats and dialled again", async ({
  onTestFinished,
}) => {
  const { relay, box, downs } = await startThrough(onTestFinished, 1);
  const dials = box.dials;
  box.swallow();
  await eventually(
    () => Promise.resolve(downs.length),
    (count) => count >= 2,
  );
  expect(new Set(downs)).toEqual(new Set(["no answer to heartbeats"]));
  await untilInSync(relay);
  expect(box.dials).toBeGreaterThanOrEqual(dials + 2);
});
