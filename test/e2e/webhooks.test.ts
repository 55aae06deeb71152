import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test } from "vitest";

import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { startReceiver } from "../support/webhook-receiver.ts";
import type { Received, Receiver } from "../support/webhook-receiver.ts";

const rig = new MeshRig();
rig.allowPrivateWebhooks = true;
let receiver: Receiver;
let secret = "";
let id = "";

beforeAll(async () => {
  receiver = await startReceiver();
  await rig.startDemo();
  // With a record in quarantine a cluster is degraded for good. [EVT14]
  const pods = join(rig.folder("db"), "pods.yaml");
  const documents = readFileSync(pods, "utf8").split("---\n");
  writeFileSync(pods, documents.filter((text) => !text.includes("stray-0")).join("---\n"));
  const made = await rig.catwalk(
    "webhook",
    "create",
    "--url",
    receiver.url,
    "--event",
    "sync.lost,sync.recovered",
  );
  expect(made.err).toBe("");
  secret = /^secret: (whsec_\S+)$/m.exec(made.out)?.[1] ?? "";
  id = /^webhook (\S+) created$/m.exec(made.out)?.[1] ?? "";
});

afterAll(async () => {
  await rig.stop();
  await receiver.close();
});

interface Told {
  readonly type: string;
  readonly data: {
    readonly cluster: { readonly name: string };
    readonly status: string;
    readonly subjectSequence: number;
    readonly fingerprint: string;
    readonly edges: readonly { readonly cluster: string; readonly origin: string }[];
  };
}

/** As the official library reads it: a signature that is wrong throws. */
function verified({ body, headers }: Received): Told {
  return new Webhook(secret).verify(body, headers) as Told;
}

const told = (type: string) =>
  eventually(
    async () => receiver.received.map(verified).find((event) => event.type === type),
    (event) => event !== undefined,
  );

test("[CLI70] a test call reaches the receiver, signed, and is told to who asked", async () => {
  const tried = await rig.catwalk("webhook", "test", id);
  expect(tried).toMatchObject({ status: 0, out: "the receiver answered 200\n" });
  expect(verified(receiver.received[0]!).type).toBe("webhook.test");
});

test("[EVT1] the only relay of a cluster is killed: told within 30 s, and when it is in sync again", async () => {
  receiver.received.length = 0;
  const killedMs = Date.now();
  await rig.killRelay("db");
  const lost = await told("sync.lost");
  expect(receiver.received).toHaveLength(1);
  expect(receiver.received[0]!.atMs - killedMs).toBeLessThan(30_000);
  expect(lost?.data).toMatchObject({
    status: "firing",
    subjectSequence: 1,
    cluster: { name: "db" },
    edges: [{ cluster: "app", origin: "db" }],
  });
  // A hub that ends meanwhile tells it once.
  rig.killWorkerd();
  await rig.startRelay("db");
  const recovered = await told("sync.recovered");
  expect(receiver.received).toHaveLength(2);
  expect(recovered?.data).toMatchObject({ status: "resolved", subjectSequence: 2 });
  expect(recovered?.data.fingerprint).toBe(lost?.data.fingerprint);
});

test("[CLI71] what happened is listed, newest last, and each delivery is kept", async () => {
  const events = await rig.catwalk("events");
  expect(events.out).toMatch(/sync\.lost +db +no relay of db is heard[^]*sync\.recovered +db/);
  const deliveries = await rig.catwalk("webhook", "deliveries", id);
  expect(deliveries.out).toMatch(/sync\.recovered +1 +200[^]*sync\.lost +1 +200/);
  const followed = rig.start("events", "--follow", "-o", "json");
  await eventually(
    async () => followed.out(),
    (out) => out.includes("sync.recovered"),
  );
  followed.child.kill("SIGINT");
  await followed.ended;
});

test("[CLI72] a token is printed once, and may what its role says", async () => {
  const made = await rig.catwalk("token", "create", "--role", "viewer", "--expires", "1h");
  expect(made.out).toMatch(/^cwt_demo_[0-9a-f]{48}\n$/);
  const ask = (method: string, path: string) =>
    fetch(new URL(`/v1/meshes/demo${path}`, rig.hubUrl), {
      method,
      headers: { authorization: `Bearer ${made.out.trim()}` },
    }).then(({ status }) => status);
  expect(await ask("GET", "/status")).toBe(200);
  expect(await ask("DELETE", "/clusters/db")).toBe(403);
  const listed = await rig.catwalk("token", "list");
  expect(listed.out).toMatch(/^tok_\w+ +viewer +viewer/m);
});

test("[CLI73] a cluster is suspended and resumed, and status says so", async () => {
  const suspended = await rig.catwalk("cluster", "suspend", "db");
  expect(suspended.out).toBe("cluster db is suspended\n");
  await eventually(
    () => rig.served("app", "db"),
    (ips) => ips.length === 0,
  );
  const status = await rig.catwalk("status", "--cluster", "db");
  expect(status.out).toContain("db is suspended: it neither sees nor is seen");
  await rig.catwalk("cluster", "resume", "db");
  await eventually(
    () => rig.served("app", "db"),
    (ips) => ips.length > 0,
  );
});
