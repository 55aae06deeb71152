/** The support bundle: what is in it, and that no secret is. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { tarGz } from "../../cli/admin/tar.ts";
import { withoutSecrets } from "../../cli/admin/secrets.ts";
import { startHub } from "../../cli/launch/hub.ts";
import type { RunningHub } from "../../cli/launch/hub.ts";
import { addCluster } from "../../shared/api/clusters.ts";
import { createGrant } from "../../shared/api/grants.ts";
import { createMesh } from "../../shared/api/meshes.ts";
import { applyRcc } from "../../shared/api/rccs.ts";
import { createApiToken } from "../../shared/api/tokens.ts";
import { createWebhook } from "../../shared/api/webhooks.ts";
import { memberRcc } from "../../shared/visibility/rcc.ts";
import { startCatwalk, userEnv } from "../support/catwalk-command.ts";
import type { Ended } from "../support/catwalk-command.ts";
import { adminOf } from "../support/hub-api.ts";

const root = mkdtempSync(join(tmpdir(), "catwalk-bundle-"));
let hub: RunningHub;

beforeAll(async () => {
  hub = await startHub({ listen: "127.0.0.1:0", dataDir: join(root, "hub"), log: () => {} });
});
afterAll(async () => {
  await hub.stop();
  rmSync(root, { recursive: true, force: true });
});

/** Texts in forms that secrets have, as people put them where they do not belong. */
const PLANTED = {
  jwt: "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJlLXBsYW50ZWQ",
  bearer: "Bearer planted-bearer-0123456789",
  basic: "Basic cGxhbnRlZDpiYXNpYw==",
  urlPassword: "https://ops:planted-url-pw@db.example/x",
  aws: "AKIAPLANTEDPLANTED12",
  github: "ghp_plantedplantedplantedplanted1234",
  slackToken: "xoxb-planted-0123456789",
  slackHook: "https://hooks.slack.com/services/T0/B0/plantedplanted",
  passwordPair: "password=planted-pair-pw",
  tokenPair: "token: planted-pair-token",
  secretPair: "secret = planted-pair-secret",
  apiKeyPair: "api_key=planted-pair-key",
  privateKey: "-----BEGIN PRIVATE KEY-----\nMIIEplanted\n-----END PRIVATE KEY-----",
} as const;

function catwalk(...args: readonly string[]): Promise<Ended> {
  return startCatwalk(args, { cwd: root, env: userEnv(root, hub) }).ended;
}

test("[CLI93] of twenty secrets that are planted the bundle holds none, and all its files", async () => {
  const admin = adminOf(hub, "demo");
  const params = { mesh: "demo" };
  await admin.call(createMesh, { body: { name: "demo" } });
  const joins = [];
  for (const name of ["app", "db"])
    joins.push((await admin.call(addCluster, { params, body: { name } })).joinToken);
  const document = memberRcc("db");
  const annotations = Object.fromEntries(
    Object.entries(PLANTED).map(([name, text]) => [`ops.example/${name}`, text]),
  );
  const metadata = { name: "db", annotations };
  await admin.call(applyRcc, {
    params: { ...params, cluster: "app", rcc: "db" },
    body: { ...document, metadata },
  });
  await admin.call(createGrant, { params, body: { origin: "db", reader: "app" } });
  const webhooks = [];
  for (const path of ["planted-path-one", "?key=planted-query-two"])
    webhooks.push(
      await admin.call(createWebhook, { params, body: { url: `https://ops.example/${path}` } }),
    );
  const token = await admin.call(createApiToken, {
    params,
    body: { name: "ci", role: "viewer", expiresSeconds: 3600 },
  });
  const file = join(root, "bundle.tar.gz");
  const ended = await catwalk("support-bundle", "-f", file);
  expect([ended.status, ended.err]).toEqual([0, ""]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  execFileSync("tar", ["xzf", file, "-C", root]);
  const names = readdirSync(root).filter((name) => /\.(json|jsonl|txt)$/.test(name));
  expect(names).toEqual([
    "about.json",
    "audit.json",
    "events.json",
    "findings.jsonl",
    "metrics.txt",
    "preflight.json",
    "quarantine.json",
    "rccs.json",
    "registry.json",
    "status.json",
  ]);
  const text = names.map((name) => readFileSync(join(root, name), "utf8")).join("\n");
  // What is no secret is there: the names of clusters and annotations, the version, the audit.
  for (const shown of ["ops.example/jwt", '"app"', "grant create", "catwalk_cluster_connected"])
    expect(text).toContain(shown);
  const secrets = [
    ...Object.values(PLANTED).map((secret) => secret.split("\n")[1] ?? secret),
    ...joins,
    hub.adminToken,
    ...webhooks.map(({ secret }) => secret),
    token.token,
    "planted-path-one",
    "planted-query-two",
  ];
  expect(secrets.length).toBeGreaterThanOrEqual(20);
  for (const secret of secrets)
    expect([secret, text.includes(tailOf(secret))]).toEqual([secret, false]);
});

/** The part that is secret, whatever stands before it. */
function tailOf(secret: string): string {
  return secret.split(/[\s:=]+/).findLast((part) => part !== "") ?? secret;
}

test("[CLI93] a field with a secret's name is struck out, and its neighbours stay", () => {
  const value = {
    name: "db",
    spec: { etcdPassword: "hush", etcdKeyFile: "/etc/key", kubeconfigInline: "users: []" },
    tokens: [{ id: "tok_1", name: "ci" }],
    list: ["plain", "cwj_demo_0123456789abcdef0123", 7, null],
  };
  expect(withoutSecrets(value)).toEqual({
    name: "db",
    spec: {
      etcdPassword: "[struck out]",
      etcdKeyFile: "/etc/key",
      kubeconfigInline: "[struck out]",
    },
    tokens: [{ id: "tok_1", name: "ci" }],
    list: ["plain", "[struck out]", 7, null],
  });
});

test("[CLI93] the archive is one that tar reads, whatever the length of a file", () => {
  const folder = mkdtempSync(join(tmpdir(), "catwalk-tar-"));
  const files = [0, 1, 511, 512, 513, 70_000].map((size) => ({
    name: `f${size}.txt`,
    text: "ü".repeat(size).slice(0, size),
  }));
  writeFileSync(join(folder, "x.tar.gz"), tarGz(files, Date.UTC(2026, 10, 30)));
  execFileSync("tar", ["xzf", "x.tar.gz"], { cwd: folder });
  for (const { name, text } of files) expect(readFileSync(join(folder, name), "utf8")).toBe(text);
  rmSync(folder, { recursive: true });
});
