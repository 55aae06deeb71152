/** Hub and relays are restarted one after the other, as in an upgrade: no alarm goes out. */
import { afterAll, beforeAll, expect, test } from "vitest";

import { createWebhook } from "../../shared/api/webhooks.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { rounds } from "../support/rounds.ts";
import { startReceiver } from "../support/webhook-receiver.ts";
import type { Receiver } from "../support/webhook-receiver.ts";

const ROLLS = rounds(2, 10);
/** A cluster that is silent for longer may be called lost: this machine was too slow. */
const SILENCE_MS = 18_000;
const rig = new MeshRig();
rig.allowPrivateWebhooks = true;
let receiver: Receiver;

beforeAll(async () => {
  receiver = await startReceiver();
  await rig.startDemo();
  const body = { url: receiver.url };
  await rig.call(createWebhook, { params: { mesh: "demo" }, body });
});

afterAll(async () => {
  await rig.stop();
  await receiver.close();
});

interface Told {
  readonly type: string;
  readonly data: { readonly cluster: { readonly name: string } | null };
}

const told = (): Told[] => receiver.received.map(({ body }) => JSON.parse(body) as Told);
const syncEvents = (): string[] =>
  told()
    .filter(({ type }) => type.startsWith("sync."))
    .map(({ type, data }) => `${type} ${data.cluster?.name}`);

const isServed = (): Promise<unknown> =>
  eventually(
    () => rig.served("app", "db").catch(() => []),
    (ips) => ips.length > 0,
  );

/** By SIGKILL, or as it is asked to stop. */
async function restartRelay(cluster: string, isKilled: boolean): Promise<void> {
  if (isKilled) await rig.killRelay(cluster);
  else await rig.relay(cluster).stop();
  await rig.startRelay(cluster);
  await isServed();
}

async function restartHub(isKilled: boolean): Promise<void> {
  if (isKilled) rig.killWorkerd();
  else {
    await rig.stopHub();
    await rig.startHub();
  }
  await eventually(
    () => rig.catwalk("wait", "--for", "in-sync", "--cluster", "app", "--origin", "db"),
    ({ status }) => status === 0,
  );
}

test(`[EVT2] [EVT14] ${ROLLS} rolling restarts of hub and relays: a quarantine that stands is told once, a loss never`, async () => {
  await eventually(
    async () => syncEvents(),
    (events) => events.length > 0,
  );
  expect(syncEvents()).toEqual(["sync.degraded db"]);
  let slow = 0;
  for (let roll = 0; roll < ROLLS; roll++)
    for (const restart of [
      () => restartHub(roll % 2 === 0),
      () => restartRelay("db", roll % 2 === 1),
      () => restartRelay("app", roll % 2 === 0),
    ]) {
      const beganMs = Date.now();
      await restart();
      if (Date.now() - beganMs > SILENCE_MS) slow++;
    }
  // What would have been told by now has been: a loss is.
  await rig.killRelay("db");
  await eventually(
    async () => syncEvents(),
    (events) => events.at(-1) === "sync.lost db",
  );
  const before = syncEvents().slice(0, -1);
  if (slow === 0) expect(before).toEqual(["sync.degraded db"]);
  const lost = before.filter((event) => event.startsWith("sync.lost"));
  expect(lost.length).toBeLessThanOrEqual(slow);
});
