/**
 * The alert rules by Prometheus' own tools, the metrics that they and the dashboard name by those
 * of a running hub and relay, and a real Alertmanager that takes the hub's webhooks: `node
 * test/observability/run.ts`. Unpacks Debian's packages into `.build` where the machine has none.
 * About a minute. [API45] [EVT7]
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { z } from "zod";

import { createWebhook, testWebhook } from "../../shared/api/webhooks.ts";
import { Suite } from "../interop/suite.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { alertmanager, findProgram } from "./debian.ts";

const DEPLOY = join(import.meta.dirname, "../../deploy/observability");
const read = (name: string): string => readFileSync(join(DEPLOY, name), "utf8");

const alertsSchema = z.array(
  z.object({
    labels: z.record(z.string(), z.string()),
    status: z.object({ state: z.string() }),
  }),
);

function promtool(args: readonly string[], input = ""): void {
  const { status, stdout, stderr } = spawnSync(findProgram("promtool"), args, {
    cwd: DEPLOY,
    encoding: "utf8",
    input,
  });
  if (status !== 0) throw new Error(`promtool ${args.join(" ")}:\n${stdout}${stderr}`);
}

/** Names of our metrics in a text. */
function metricsIn(text: string): Set<string> {
  return new Set(
    text.match(
      /\b(catwalk_(?:cluster|edge|webhook|remote|hub|source|withdrawal|publish|access)_\w+|remote_cluster_\w+)\b/g,
    ),
  );
}

/** As Prometheus scrapes them. */
async function hubMetrics({ hub, hubUrl }: MeshRig): Promise<string> {
  const headers = { authorization: `Bearer ${hub?.adminToken ?? ""}` };
  return (await fetch(`${hubUrl}/v1/meshes/demo/metrics`, { headers })).text();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Alerts of these names that are active there. */
async function activeAt(url: string, name: string): Promise<number> {
  const response = await fetch(`${url}/api/v2/alerts?active=true`);
  const alerts = alertsSchema.parse(await response.json());
  return alerts.filter(({ labels }) => labels["alertname"] === name).length;
}

async function withAlertmanager(rig: MeshRig): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "catwalk-alertmanager-"));
  const config = join(folder, "alertmanager.yml");
  writeFileSync(config, "route: { receiver: none }\nreceivers: [{ name: none }]\n");
  const url = `http://127.0.0.1:${await freePort()}`;
  const [program, ...before] = alertmanager();
  const address = `--web.listen-address=${new URL(url).host}`;
  const args = [...before, `--config.file=${config}`, `--storage.path=${folder}`, address];
  const child = spawn(program, [...args, "--cluster.listen-address="], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text: Buffer) => (said = text.toString()));
  const mesh = { mesh: "demo" };
  try {
    const isReady = () => fetch(`${url}/-/ready`).then(({ ok }) => ok);
    const isOver = () => child.exitCode !== null;
    await eventually(() => isReady().catch(isOver), Boolean);
    if (isOver()) throw new Error(`Alertmanager ended: ${said}`);
    const { webhook } = await rig.call(createWebhook, {
      params: mesh,
      body: { url: `${url}/api/v2/alerts`, format: "alertmanager" },
    });
    const tried = await rig.call(testWebhook, { params: { ...mesh, webhook: webhook.id } });
    if (tried.status !== 200) throw new Error(`it answers ${tried.status} ${tried.error}`);
    await rig.killRelay("db");
    await eventually(
      () => activeAt(url, "CatwalkSyncLost"),
      (count) => count === 1,
    );
    await rig.startRelay("db");
    await eventually(
      () => activeAt(url, "CatwalkSyncLost"),
      (count) => count === 0,
    );
  } finally {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

const suite = new Suite();
await suite.check("promtool takes the rules", () => promtool(["check", "rules", "alerts.yaml"]));
await suite.check("promtool tests the rules", () =>
  promtool(["test", "rules", "alerts.test.yaml"]),
);
await suite.check("each alert has a test in which it fires, and one in which it does not", () => {
  const names = [...read("alerts.yaml").matchAll(/- alert: (\w+)/g)].map(([, name = ""]) => name);
  const tests = read("alerts.test.yaml").split(/- eval_time/);
  for (const name of names) {
    const own = tests.filter((text) => text.includes(`alertname: ${name}\n`));
    const silent = own.filter((text) => text.includes("exp_alerts: []"));
    if (own.length === silent.length || silent.length === 0)
      throw new Error(`${name}: ${own.length} tests, in ${silent.length} of them it is silent`);
  }
});

const rig = new MeshRig();
rig.allowPrivateWebhooks = true;
try {
  const app = await rig.startDemo();
  await suite.check("a real Alertmanager takes what the hub sends, and what is over", () =>
    withAlertmanager(rig),
  );
  await suite.check(
    "hub and relay have every metric that alerts and the dashboard name",
    async () => {
      const served = [
        await hubMetrics(rig),
        await (await fetch(new URL("/metrics", app.url))).text(),
      ];
      for (const text of served) promtool(["check", "metrics"], text);
      const there = metricsIn(served.join("\n"));
      const missing = [...metricsIn(read("alerts.yaml") + read("dashboard.json"))].filter(
        (name) => !there.has(name),
      );
      if (missing.length > 0) throw new Error(`nobody has ${missing.join(", ")}`);
    },
  );
} finally {
  await rig.stop();
}
process.stdout.write(`${suite.passed} passed, ${suite.failed} failed\n`);
process.exitCode = suite.failed === 0 ? 0 : 1;
