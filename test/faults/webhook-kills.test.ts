/** A hub that is killed while it delivers: no event is lost, and none is out of order. */
import { afterAll, beforeAll, expect, test } from "vitest";

import { resumeCluster, suspendCluster } from "../../shared/api/clusters.ts";
import { listEvents } from "../../shared/api/events.ts";
import { createWebhook, listWebhooks } from "../../shared/api/webhooks.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { startReceiver } from "../support/webhook-receiver.ts";
import type { Receiver } from "../support/webhook-receiver.ts";
import { rounds } from "../support/rounds.ts";

/** As many as `CATWALK_KILLS` says; with it the run says in the end what came. */
const ASKED = process.env["CATWALK_KILLS"];
const KILLS = ASKED === undefined ? rounds(6, 40) : Number(ASKED);
const LAUNCHER_KILLS = 8;
const rig = new MeshRig();
rig.allowPrivateWebhooks = true;
let receiver: Receiver;

beforeAll(async () => {
  receiver = await startReceiver();
  await rig.startHub();
  await rig.createDemo();
});

afterAll(async () => {
  await rig.stop();
  await receiver.close();
});

interface Told {
  readonly data: {
    readonly sequence: number;
    readonly subject: string;
    readonly subjectSequence: number;
  };
}

test(`[EVT4] over ${KILLS} kills of a hub that delivers the last state of each subject comes, none before an older one`, async () => {
  const mesh = { mesh: "demo" };
  await rig.call(createWebhook, { params: mesh, body: { url: receiver.url } });
  for (let kill = 0; kill < KILLS; kill++) {
    const operation = kill % 2 === 0 ? suspendCluster : resumeCluster;
    for (const cluster of ["app", "db"])
      await eventually(
        () => rig.call(operation, { params: { ...mesh, cluster } }),
        () => true,
      );
    rig.killWorkerd();
    // What starts workerd waits longer each time. [CLI22]
    if (kill % LAUNCHER_KILLS === LAUNCHER_KILLS - 1) {
      await rig.stopHub();
      await rig.startHub();
    }
  }
  const webhooks = () => rig.call(listWebhooks, { params: mesh });
  await eventually(webhooks, ({ items }) => items[0]?.waiting === 0);
  const { items } = await rig.call(listEvents, { params: mesh, query: { limit: "1000" } });
  const newest = new Map(items.map(({ subject, sequence }) => [subject, sequence]));
  const told = receiver.received.map(({ body }) => JSON.parse(body) as Told);
  const last = new Map<string, number>();
  for (const { data } of told) {
    expect(data.sequence).toBeGreaterThanOrEqual(last.get(data.subject) ?? 0);
    last.set(data.subject, data.sequence);
  }
  for (const [subject, sequence] of newest)
    expect([subject, last.get(subject)]).toEqual([subject, sequence]);
  if (ASKED !== undefined)
    console.log(
      `${KILLS} kills, ${items.length} events, ${told.length} deliveries, ${newest.size} subjects: 0 lost, 0 reordered`,
    );
});
