/** `catwalk relay --rcc-dir` as a process: what it writes, and that it may be killed. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { relayStatusSchema } from "../../shared/api/relay.ts";
import type { RelayStatusView } from "../../shared/api/relay.ts";
import { APP, DB, fill, rccText } from "../support/direct-rig.ts";
import { FakeEtcd } from "../support/fake-etcd.ts";
import { FakeApiServer } from "../relay/source/fake-api-server.ts";

const BIN = new URL("../../bin/catwalk.js", import.meta.url).pathname;

let dir: string;
let db: FakeApiServer;
let etcd: FakeEtcd;
let children: ChildProcess[];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "catwalk-rcc-dir-"));
  mkdirSync(join(dir, "rccs"));
  children = [];
  db = new FakeApiServer();
  etcd = new FakeEtcd();
  await Promise.all([db.start(), etcd.start()]);
  fill(db, DB);
});

afterEach(async () => {
  await Promise.all(children.map((child) => end(child, "SIGKILL")));
  await Promise.all([db.stop(), etcd.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await exited;
}

interface Started {
  readonly child: ChildProcess;
  readonly url: string;
  /** All that it has written to its terminal. */
  readonly written: () => string;
}

function run(...args: readonly string[]): { child: ChildProcess; written: () => string } {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: dir,
    env: { ...process.env, HOME: dir, CATWALK_CONFIG: "", CATWALK_LOG_LEVEL: "trace" },
  });
  children.push(child);
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { child, written: () => text };
}

async function start(): Promise<Started> {
  const { child, written } = run(
    "relay",
    "--state",
    join(dir, "state"),
    "--rcc-dir",
    join(dir, "rccs"),
    "--rcc-insecure-tls",
    "--http-listen",
    "127.0.0.1:0",
    "--source",
    "manifests",
    "--manifests",
    join(process.cwd(), APP),
  );
  const ready = /"event":"ready".*"http":"([^"]+)"/;
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`ended: ${written()}`);
    return ready.test(written());
  });
  return { child, url: ready.exec(written())?.[1] ?? "", written };
}

/** Waits for a condition, not for a time. */
async function eventually(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 20));
}

const apply = (name: string, spec: object): void =>
  writeFileSync(join(dir, "rccs", `${name}.yaml`), rccText(name, spec));

async function statusOf({ url }: Started): Promise<RelayStatusView> {
  return relayStatusSchema.parse(await (await fetch(`${url}/status`)).json());
}

async function isInSync(relay: Started, rcc: string): Promise<boolean> {
  const { remotes } = await statusOf(relay);
  return remotes.some((one) => one.rcc === rcc && one.connectionStatus === 2);
}

const reasonOf = async (relay: Started, rcc: string, type: string): Promise<string> => {
  const remote = (await statusOf(relay)).direct?.remotes.find((one) => one.rcc === rcc);
  return remote?.conditions.find((condition) => condition.type === type)?.reason ?? "";
};

async function served({ url }: Started): Promise<string[]> {
  const text = await (await fetch(`${url}/view`)).text();
  return text
    .split("\n")
    .filter((line) => line.includes('"origin":"db"'))
    .toSorted();
}

const PLANTED = Array.from({ length: 20 }, (_, i) => `planted-${i}-${"y".repeat(i)}z`);

test("[DIR4] nothing that the process writes has one of twenty secrets: terminal, answers, state", async () => {
  const [p0 = "", p1 = "", p2 = "", p3 = "", p4 = "", p5 = "", p6 = "", ...rest] = PLANTED;
  const relay = await start();
  const file = join(dir, "db.kubeconfig");
  const text = readFileSync(db.kubeconfig, "utf8");
  writeFileSync(file, text.replace('"token":"t"', `"token":"${p0}"`));
  apply("db", { datastoreType: "kubernetes", kubeconfig: file });
  await eventually(() => isInSync(relay, "db"));
  etcd.user = { name: "u", password: "other" };
  apply("etcd", { etcdEndpoints: etcd.endpoint, etcdUsername: "u", etcdPassword: p1 });
  apply("pem", { etcdEndpoints: "https://127.0.0.1:1", etcdKey: p2, etcdCert: p3 });
  apply("both", { datastoreType: "kubernetes", etcdPassword: p4, k8sAPIToken: p5 });
  apply("inline", { datastoreType: "kubernetes", kubeconfigInline: `{ ${p6}: [` });
  writeFileSync(join(dir, "rccs/broken.yaml"), `spec: { etcdPassword: "${rest[0]} \n - ${rest[1]}`);
  writeFileSync(join(dir, "rccs/kind.yaml"), `kind: Secret\ndata: { password: ${rest[2]} }\n`);
  writeFileSync(
    join(dir, "rccs/more.yaml"),
    rest
      .slice(3)
      .map((token, i) => rccText(`more-${i}`, { datastoreType: "kubernetes", k8sAPIToken: token }))
      .join("\n---\n"),
  );
  for (const rcc of ["pem", "both", "inline", "more-0"])
    await eventually(async () => (await reasonOf(relay, rcc, "Configured")) === "ConfigInComplete");
  await eventually(async () => (await reasonOf(relay, "etcd", "Connected")) === "Failing");
  await eventually(async () => ((await statusOf(relay)).direct?.refused.length ?? 0) >= 2);
  // A file that is not to be read any more keeps the connection, and says so.
  writeFileSync(file, `{ ${p0}`);
  await eventually(
    async () => (await reasonOf(relay, "db", "Configured")) === "LastConnectionKept",
  );
  let told = "";
  for (const path of ["/status", "/metrics", "/readyz", "/view", "/withdrawals", "/policies"])
    told += await (await fetch(`${relay.url}${path}`)).text();
  await end(relay.child, "SIGTERM");
  told += relay.written();
  const state = join(dir, "state");
  for (const entry of readdirSync(state, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) told += readFileSync(join(entry.parentPath, entry.name), "latin1");
  expect(told.length).toBeGreaterThan(10_000);
  const forms = PLANTED.flatMap((one) => [one, Buffer.from(one).toString("base64").slice(0, 16)]);
  expect(forms.filter((form) => told.includes(form))).toEqual([]);
});

test("[DIR5] a relay that is killed in the middle of a list, and later, serves what it should", async () => {
  db.pageSize = 2;
  let pods = 0;
  db.fault = ({ path, isWatch }) =>
    path.endsWith("/pods") && !isWatch && ++pods > 2 ? { kind: "hang" } : undefined;
  apply("db", { datastoreType: "kubernetes", kubeconfig: db.kubeconfig });
  const first = await start();
  await eventually(() => pods > 2);
  await end(first.child, "SIGKILL");
  db.fault = null;
  const second = await start();
  await eventually(() => isInSync(second, "db"));
  const all = await served(second);
  expect(all.length).toBeGreaterThan(10);
  await end(second.child, "SIGKILL");
  // Now the remote is away: what the disk has is served.
  db.fault = () => ({ kind: "reset" });
  const third = await start();
  await eventually(async () => (await served(third)).length === all.length);
  expect(withoutRevision(await served(third))).toEqual(withoutRevision(all));
  await end(third.child, "SIGKILL");
});

const withoutRevision = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replace(/"revision":\d+,?/, "")).toSorted();

test("[SRC60] source dump lists an etcd, and says at once what it lacks to reach it", async () => {
  const R = "/calico/resources/v3/projectcalico.org";
  etcd.put(`${R}/ippools/p`, { spec: { cidr: "10.20.0.0/16" } });
  etcd.put(`${R}/workloadendpoints/shop/node--a-k8s-web-eth0`, {
    metadata: { name: "x", namespace: "shop" },
    spec: { node: "node-a", orchestrator: "k8s", ipNetworks: ["10.20.0.1/32"] },
  });
  const dump = async (...args: readonly string[]): Promise<readonly [number | null, string]> => {
    const { child, written } = run("source", "dump", "--source", "etcd", ...args);
    await new Promise((resolve) => child.once("close", resolve));
    return [child.exitCode, written()];
  };
  const [status, text] = await dump("--etcd-endpoints", etcd.endpoint);
  expect(status).toBe(0);
  expect(text).toContain('"/calico/v1/host/node-a/workload/k8s/shop%2fweb/endpoint/eth0"');
  expect(text).toContain("10.20.0.0");
  expect(await dump()).toEqual([2, expect.stringContaining("--etcd-endpoints")]);
  expect(await dump("--etcd-endpoints", etcd.endpoint, "--etcd-username", "u")).toEqual([
    2,
    expect.stringContaining("--etcd-username and --etcd-password-file go together"),
  ]);
  const [late, why] = await dump("--etcd-endpoints", "http://127.0.0.1:1", "--timeout", "1s");
  expect([late, why]).toEqual([1, expect.stringContaining("127.0.0.1:1")]);
});
