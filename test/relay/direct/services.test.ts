/** Services of a remote that a relay reads itself. */
import { afterEach, beforeEach, expect, test } from "vitest";

import { DB, DirectRig, fill, until } from "../../support/direct-rig.ts";
import { FakeApiServer } from "../source/fake-api-server.ts";

const SERVICES = "/api/v1/services";
const SLICES = "/apis/discovery.k8s.io/v1/endpointslices";
const ASKS = { "catwalk.dev/services": "true" };
const insecure = { rccInsecureTls: true };

let rig: DirectRig;
let db: FakeApiServer;

beforeEach(async () => {
  rig = new DirectRig();
  db = new FakeApiServer();
  await db.start();
  fill(db, DB);
  db.put(SERVICES, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "postgres", namespace: "shop", labels: { app: "db" } },
    spec: { selector: { role: "postgres" }, ports: [{ name: "postgres", port: 5432 }] },
  });
  slice("10.20.1.7");
});

afterEach(async () => {
  await rig.end();
  await db.stop();
});

const spec = () => ({ datastoreType: "kubernetes", kubeconfig: db.kubeconfig });

function slice(...ips: readonly string[]): void {
  db.put(SLICES, {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: "postgres-1",
      namespace: "shop",
      labels: { "kubernetes.io/service-name": "postgres" },
    },
    addressType: "IPv4",
    ports: [{ name: "postgres", port: 5432, protocol: "TCP" }],
    endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
  });
}

/** Addresses that `shop/db` of the demo is to have. */
function filled(): string {
  const item = rig.relay.services.report().find(({ name }) => name === "db");
  return (item?.slices ?? [])
    .flatMap(({ endpoints }) => (endpoints as { addresses: string[] }[]) ?? [])
    .flatMap(({ addresses }) => addresses)
    .toSorted()
    .join(" ");
}

test("[DIR18] Services of a direct remote fill those here where its RCC asks for them, and leave when it does not", async () => {
  await rig.start(insecure);
  rig.apply("db", spec());
  await until(() => rig.status("db") === 2);
  expect(db.isWatched(SLICES)).toBe(false);
  expect(filled()).toBe("");
  rig.apply("db", spec(), ASKS);
  await until(() => filled() === "10.20.1.7" && rig.status("db") === 2);
  // One address of it is nobody's of the remote. [SVC5]
  slice("10.20.1.8", "10.99.0.1");
  await until(() => filled() === "10.20.1.8");
  await until(() => db.watchCount === 9);
  rig.apply("db", spec());
  await until(() => filled() === "" && rig.status("db") === 2 && db.watchCount === 7);
  expect(rig.relay.status().withdrawals).toEqual([]);
});

test("[DIR18] what was kept of them is there after a restart, and not complete before they are listed", async () => {
  await rig.start(insecure);
  rig.apply("db", spec(), ASKS);
  await until(() => filled() === "10.20.1.7");
  await rig.stop();
  db.fault = ({ path }) =>
    path.startsWith(SLICES) ? { kind: "answer", status: 500, body: "{}" } : undefined;
  await rig.start(insecure);
  await until(() => filled() === "10.20.1.7");
  expect(rig.status("db")).not.toBe(2);
  db.fault = null;
  await until(() => rig.status("db") === 2);
  expect(filled()).toBe("10.20.1.7");
});

test("[DIR18] an account that may not list them costs them alone", async () => {
  db.fault = ({ path }) =>
    path.startsWith(SLICES) ? { kind: "answer", status: 403, body: '{"message":"no"}' } : undefined;
  await rig.start(insecure);
  rig.apply("db", spec(), ASKS);
  await until(() => rig.status("db") === 2);
  expect(rig.condition("db", "Complete").reason).toBe("Forbidden");
  expect(rig.served("db").size).toBeGreaterThan(3);
  db.fault = null;
  await until(() => filled() === "10.20.1.7");
});

test("[DIR18] the annotation is true or false", async () => {
  await rig.start(insecure);
  rig.apply("db", spec(), { "catwalk.dev/services": "yes" });
  await until(() => rig.status("db") === 5);
  expect(rig.condition("db", "Configured").message).toContain("must be true or false");
});
