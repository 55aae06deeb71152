/** Connections from a Secret, and that no secret is told to anybody. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { DB, DirectRig, fill, until } from "../../support/direct-rig.ts";
import { FakeApiServer } from "../source/fake-api-server.ts";

const COLLECTION = "/api/v1/namespaces/remotes/secrets";
const RCC = { clusterAccessSecret: { kind: "Secret", name: "db", namespace: "remotes" } };

let rig: DirectRig;
let local: FakeApiServer;
let db: FakeApiServer;
let secret: Readonly<Record<string, string>> | null = null;

beforeEach(async () => {
  rig = new DirectRig();
  [local, db] = [new FakeApiServer(), new FakeApiServer()];
  await Promise.all([local.start(), db.start()]);
  fill(db, DB);
  local.fault = ({ path }) => {
    if (path !== `${COLLECTION}/db`) return undefined;
    if (secret === null) return { kind: "answer", status: 404, body: "{}" };
    const metadata = { name: "db", resourceVersion: "1" };
    return { kind: "answer", status: 200, body: JSON.stringify({ metadata, data: secret }) };
  };
});

afterEach(async () => {
  await rig.end();
  await Promise.all([local.stop(), db.stop()]);
});

function write(data: Readonly<Record<string, string>> | null): void {
  secret =
    data === null
      ? null
      : Object.fromEntries(
          Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")]),
        );
  local.put(COLLECTION, { metadata: { name: "db", namespace: "remotes" } });
}

const kubeconfig = (token: string): string =>
  readFileSync(db.kubeconfig, "utf8").replace('"token":"t"', `"token":"${token}"`);

const start = () => rig.start({ kubeconfig: local.kubeconfig, rccInsecureTls: true });

test("[DIR3] a Secret that changes reconnects within two seconds, and deletes nothing", async () => {
  write({ datastoreType: "kubernetes\n", kubeconfig: kubeconfig("one") });
  const relay = await start();
  rig.apply("db", RCC);
  await until(() => rig.status("db") === 2);
  const deleted: string[] = [];
  relay.remotes.subscribe((changes) => {
    for (const { op, held } of changes) if (op === "delete") deleted.push(held.key);
  });
  const before = db.requests.length;
  const began = performance.now();
  write({ datastoreType: "kubernetes", kubeconfig: kubeconfig("two") });
  await until(() => db.requests.length > before && rig.status("db") === 2);
  expect(performance.now() - began).toBeLessThan(2_000);
  expect(deleted).toEqual([]);
});

test("[DIR3] a Secret that cannot be used leaves the connection that works, and is told", async () => {
  write({ datastoreType: "kubernetes", kubeconfig: kubeconfig("one") });
  await start();
  rig.apply("db", RCC);
  await until(() => rig.status("db") === 2);
  write({ datastoreType: "kubernetes" });
  await until(() => rig.condition("db", "Configured").reason === "LastConnectionKept");
  expect(rig.condition("db", "Configured").message).toContain("Secret remotes/db.kubeconfig");
  expect(rig.status("db")).toBe(2);
  write(null);
  await until(() => rig.condition("db", "Configured").message.includes("there is no Secret"));
  expect(rig.status("db")).toBe(2);
});

test("[DIR3] a Secret that is not there yet is status 5, and is read once it is", async () => {
  write(null);
  await start();
  rig.apply("db", RCC);
  await until(() => rig.status("db") === 5);
  write({ datastoreType: "kubernetes", kubeconfig: kubeconfig("one") });
  await until(() => rig.status("db") === 2);
});

test("[DIR3] a Secret with Windows' line ends means what it means without", async () => {
  const kubeconfig = JSON.stringify(JSON.parse(readFileSync(db.kubeconfig, "utf8")), null, 2);
  write({ datastoreType: "kubernetes\r\n", kubeconfig: kubeconfig.replaceAll("\n", "\r\n") });
  await start();
  rig.apply("db", RCC);
  await until(() => rig.status("db") === 2);
});

const PLANTED = Array.from({ length: 20 }, (_, i) => `planted-${i}-${"x".repeat(i)}q`);

test("[DIR4] twenty secrets are planted, and nothing that the relay writes has one", async () => {
  const [p0 = "", p1 = "", p2 = "", p3 = "", p4 = "", p5 = "", p6 = "", p7 = ""] = PLANTED;
  write({ datastoreType: "kubernetes", kubeconfig: kubeconfig(p0) });
  await start();
  rig.apply("db", RCC);
  await until(() => rig.status("db") === 2);
  write({ datastoreType: "kubernetes", kubeconfig: `users: [{name: "${p1}` });
  const port = new URL(rig.url).port;
  const etcdEndpoints = `http://127.0.0.1:${port}`;
  rig.apply("etcd", { etcdEndpoints, etcdUsername: "u", etcdPassword: p2 });
  rig.apply("pem", { etcdEndpoints: "https://127.0.0.1:1", etcdKey: p3, etcdCert: p4 });
  rig.apply("token", {
    datastoreType: "kubernetes",
    k8sAPIEndpoint: `http://127.0.0.1:${port}`,
    k8sAPIToken: p5,
  });
  rig.apply("inline", { datastoreType: "kubernetes", kubeconfigInline: `{${p6}: [${p7}, }` });
  const [text = "", ...rest] = PLANTED.slice(8);
  rig.apply("rest", {
    datastoreType: "kubernetes",
    kubeconfigInline: JSON.stringify({
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      clusters: [{ name: "a", cluster: { server: `https://127.0.0.1:${port}` } }],
      users: [
        {
          name: "a",
          user: {
            token: text,
            password: rest[0],
            username: "u",
            "client-certificate-data": Buffer.from(rest[1] ?? "").toString("base64"),
            exec: { apiVersion: "v1", command: "c", env: [{ name: "E", value: rest[2] }] },
            "auth-provider": { name: "oidc", config: { "refresh-token": rest[3] } },
          },
        },
        ...rest.slice(4).map((token, i) => ({ name: `b${i}`, user: { token } })),
      ],
    }),
  });
  await until(() => rig.relay.status().direct?.remotes.length === 6);
  await until(() => rig.condition("db", "Configured").reason === "LastConnectionKept");
  for (const rcc of ["pem", "inline", "rest"])
    await until(() => rig.condition(rcc, "Configured").reason === "ConfigInComplete");
  await until(() => rig.condition("token", "Connected").reason === "Failing");
  let told = rig.log;
  for (const path of ["/status", "/metrics", "/readyz", "/view", "/withdrawals", "/policies"])
    told += await (await fetch(new URL(path, rig.url))).text();
  const state = join(rig.dir, "state");
  for (const file of readdirSync(state, { recursive: true, encoding: "utf8", withFileTypes: true }))
    if (file.isFile()) told += readFileSync(join(file.parentPath, file.name), "latin1");
  expect(told.length).toBeGreaterThan(10_000);
  const forms = PLANTED.flatMap((one) => [one, Buffer.from(one).toString("base64").slice(0, 16)]);
  expect(forms.filter((form) => told.includes(form))).toEqual([]);
});
