/** A relay without a hub tells a receiver what becomes of its remotes. Its clock can go fast. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, expect, test } from "vitest";

import { tellWebhooks } from "../../../cli/commands/relay-writers.ts";
import { NODE_PORTS } from "../../../relay/hub/relay-ports.ts";
import { newLogger } from "../../../relay/lib/log.ts";
import { DB, DirectRig, objectsOf, until } from "../../support/direct-rig.ts";
import { startReceiver } from "../../support/webhook-receiver.ts";
import type { Receiver } from "../../support/webhook-receiver.ts";
import { FakeApiServer } from "../source/fake-api-server.ts";

const SECRET = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
/** Of the relay's seconds in one of ours, while something is waited for that takes long. */
const FAST = 40;

/** It never goes back. */
class Clock {
  #speed = 1;
  #fromMs = performance.now();
  #atMs = 0;

  now(): number {
    return this.#atMs + (performance.now() - this.#fromMs) * this.#speed;
  }

  setSpeed(speed: number): void {
    this.#atMs = this.now();
    this.#fromMs = performance.now();
    this.#speed = speed;
  }
}

let clock: Clock;

let rig: DirectRig;
let db: FakeApiServer;
let receiver: Receiver;

beforeEach(async () => {
  clock = new Clock();
  rig = new DirectRig();
  db = new FakeApiServer();
  await db.start();
  // Without the pod that is nobody's: it would be told too.
  for (const { path, object } of objectsOf(DB))
    if (object.metadata.name !== "stray-0") db.put(path, object);
  receiver = await startReceiver();
  writeFileSync(join(rig.dir, "secret"), SECRET);
  const webhooks = [{ name: "ops", url: receiver.url, secretFile: "secret" }];
  writeFileSync(join(rig.dir, "webhooks.yaml"), JSON.stringify({ cluster: "app", webhooks }));
});

afterEach(async () => {
  await rig.end();
  await db.stop();
  await receiver.close();
});

async function start(): Promise<void> {
  await rig.start({
    rccInsecureTls: true,
    beforeStart: (relay) => {
      const webhooks = join(rig.dir, "webhooks.yaml");
      const config = { ...relay.config, webhooks, allowPrivateWebhooks: true };
      const ports = { ...NODE_PORTS, now: () => clock.now() };
      tellWebhooks(relay, config, newLogger("test", "silent"), ports);
    },
  });
}

interface Told {
  readonly type: string;
  readonly data: {
    readonly status: string;
    readonly subjectSequence: number;
    readonly cluster: { readonly name: string };
  };
}

/** As the official library reads it: a signature that is wrong throws. */
const told = (): Told[] =>
  receiver.received.map(({ body, headers }) => new Webhook(SECRET).verify(body, headers) as Told);
const typesOf = (name: string): string[] =>
  told().flatMap(({ type, data }) => (data.cluster.name === name ? [type] : []));

test("[DIR20] a remote that is lost and comes back is told, signed, once each, over a restart too", async () => {
  rig.apply("db", { datastoreType: "kubernetes", kubeconfig: db.kubeconfig });
  await start();
  await until(() => rig.status("db") === 2);
  expect(receiver.received).toEqual([]);
  clock.setSpeed(FAST);
  db.fault = () => ({ kind: "reset" });
  for (const path of new Set(db.requests.map((request) => request.path))) db.closeWatches(path);
  await until(() => typesOf("db").includes("sync.lost"));
  await until(() => typesOf("app").length === 1);
  expect(typesOf("db")).toEqual(["sync.lost"]);
  expect(told().find(({ type }) => type === "sync.lost")).toMatchObject({
    data: {
      mesh: { name: "direct" },
      status: "firing",
      edges: [{ cluster: "app", rcc: "db", origin: "db" }],
    },
  });
  // A relay that starts anew meanwhile tells nothing again, and knows what it has told.
  await rig.stop();
  clock.setSpeed(1);
  await start();
  db.fault = null;
  await until(() => rig.status("db") === 2);
  clock.setSpeed(FAST);
  await until(() => typesOf("db").includes("sync.recovered"));
  await until(() => typesOf("app").length === 2);
  expect(typesOf("db")).toEqual(["sync.lost", "sync.recovered"]);
  expect(typesOf("app")).toEqual(["rcc.condition_changed", "rcc.condition_changed"]);
  const ids = new Set(receiver.received.map(({ headers }) => headers["webhook-id"]));
  expect(ids.size).toBe(4);
  const report = () => rig.relay.status().direct?.told;
  await until(() => report()?.webhooks[0]?.waiting === 0);
  expect(report()).toMatchObject({
    isTeller: true,
    webhooks: [{ name: "ops", problem: null, isDisabled: false }],
  });
});

test("[DIR4] [DIR19] without its secret nothing is sent; the secret and the path are in no status", async () => {
  writeFileSync(join(rig.dir, "secret"), "not-a-secret");
  rig.apply("db", {});
  await start();
  await until(() => rig.relay.status().direct?.told?.webhooks[0]?.problem != null);
  expect(receiver.received).toEqual([]);
  const status = JSON.stringify(rig.relay.status());
  expect(status).toContain("line 1 is none");
  expect(status).not.toContain("not-a-secret");
  expect(status).not.toContain("/hook");
  writeFileSync(join(rig.dir, "secret"), SECRET);
  expect(readFileSync(join(rig.dir, "state", "webhooks.json"), "utf8")).not.toContain("whsec_");
});
