import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { createGrant, deleteGrant } from "../../shared/api/grants.ts";
import type { RelayStatus } from "../../relay/status.ts";
import { VERSION } from "../../shared/lib/version.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { startFakeTypha, SyncClient } from "../support/typha.ts";
import type { FakeTypha } from "../support/typha.ts";

const rig = new MeshRig();
let typha: FakeTypha;
let felixPort = 0;

beforeAll(async () => {
  typha = await startFakeTypha(
    readFileSync(join(import.meta.dirname, "../fixtures/golden/typha/b1-felix-plain.s2c.bin")),
  );
  const splice = ["--typha-upstream", typha.address, "--typha-listen", "127.0.0.1:0"];
  felixPort = (await rig.startDemo(...splice)).typhaPort ?? 0;
});

afterAll(async () => {
  await typha.close();
  await rig.stop();
});

const REPLICA = `
---
apiVersion: v1
kind: Pod
metadata: { name: postgres-1, namespace: shop, labels: { role: postgres } }
spec: { nodeName: node-2, serviceAccountName: postgres, containers: [{ name: main, image: example/postgres }] }
status: { phase: Running, podIP: 10.20.2.7, podIPs: [{ ip: 10.20.2.7 }] }
`;
const KEY = "/calico/v1/host/db_node-2/workload/k8s/shop%2fpostgres-1/endpoint/eth0";

test("[E2E1] a pod that appears in db enters app's view and a Felix's stream; changed and deleted, it follows", async () => {
  const felix = new SyncClient(felixPort);
  await felix.until("in-sync", () => felix.hasSync);
  expect(
    felix.kvs.has("/calico/v1/host/db_node-1/workload/k8s/shop%2fpostgres-0/endpoint/eth0"),
  ).toBe(true);
  const pods = join(rig.folder("db"), "pods.yaml");
  const before = readFileSync(pods, "utf8");
  appendFileSync(pods, REPLICA);
  await felix.until("the replica", () => felix.kvs.has(KEY));
  expect(JSON.parse(felix.kvs.get(KEY) ?? "{}")).toMatchObject({
    state: "active",
    ipv4_nets: ["10.20.2.7/32"],
    profile_ids: ["db_kns.shop", "db_ksa.shop.postgres"],
    labels: {
      role: "postgres",
      "catwalk.dev/cluster": "db",
      "projectcalico.org/namespace": "shop",
    },
  });
  writeFileSync(pods, before);
  await felix.until("its deletion", () => felix.deleted.includes(KEY));
  felix.close();
});

test("[E2E2] the quarantined pod is never seen, and is listed with its rule", async () => {
  expect(await rig.served("app", "db")).not.toContain("192.168.77.5");
  const listed = await rig.catwalk("quarantine", "list");
  expect(listed.out).toBe(
    "CLUSTER  KIND              NAME          WHY\n" +
      "db       WorkloadEndpoint  shop/stray-0  192.168.77.5 is outside the cluster's\n" +
      "                                         pod ranges\n",
  );
  const wide = await rig.catwalk("quarantine", "list", "-o", "wide");
  expect(wide.out).toMatch(
    /k8s\/shop%2fstray-0\/endpoint.*outside-pod-ranges.*192\.168\.77\.5 is outside the cluster's pod ranges/,
  );
});

test("[CLI42] [CLI43] [CLI44] audit, versions and a relay's status are asked in one call each", async () => {
  const audit = await rig.catwalk("audit", "--limit", "3");
  expect(audit.out.split("\n")[0]).toMatch(/^AT +WHO +ACTION +SUBJECT$/);
  expect((await rig.catwalk("audit", "--limit", "0")).status).toBe(2);
  const relay = ["--relay", rig.relay("app").url];
  const version = await rig.catwalk("version", ...relay, "-o", "json");
  expect(JSON.parse(version.out)).toMatchObject({
    items: [
      { part: "catwalk", version: VERSION },
      { part: `hub ${rig.hubUrl}`, version: VERSION, skew: "none" },
      { part: `relay ${rig.relay("app").url}`, version: VERSION, skew: "none" },
    ],
  });
  const away = await rig.catwalk("version", "--relay", "http://127.0.0.1:1");
  expect([away.status, away.out]).toEqual([
    0,
    expect.stringMatching(/ \? .*not known: cannot reach/s),
  ]);
  const status = await rig.catwalk("relay", "status", ...relay);
  expect(status.out).toMatch(/^relay of +app in mesh demo\nversion .*\nhub +connected/);
  expect(status.out).toMatch(/\nsees db +InSync, 12 endpoints, 0 refused\n/);
  expect(status.out).toMatch(/\nno NAT to +10\.20\.0\.0\/16, for remote db\n/);
  const ofDb = await rig.catwalk("relay", "status", "--relay", rig.relay("db").url);
  expect(ofDb.out).toMatch(/\nno NAT to +10\.10\.0\.0\/16, for reader app\n/);
  expect(
    JSON.parse((await rig.catwalk("relay", "status", ...relay, "-o", "json")).out),
  ).toMatchObject({ cluster: "app", hub: "connected" });
  const unknown = await rig.catwalk("relay", "status");
  expect([unknown.status, unknown.err]).toEqual([2, expect.stringContaining("which relay?")]);
  const view = await rig.catwalk("view", "--cluster", "app", "--origin", "db");
  expect(view.out).toMatch(/\ndb +WorkloadEndpoint +shop\/postgres-0 +10\.20\.1\.7\n/);
  for (const line of view.out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  const all = await rig.catwalk("policy", ...relay);
  expect(all.out).toMatch(/^NetworkPolicy shop\/allow-db in app\n/);
});

test("[CLI47] wait says what it waits for and what is in the way, and help marks what is required", async () => {
  const waited = await rig.catwalk("wait", "--for", "in-sync", "--cluster", "app");
  expect(waited).toMatchObject({ status: 0, out: "app is in sync\n" });
  expect(waited.err).toBe("waiting for app to be in sync with every remote, at most 60s\n");
  const never = await rig.catwalk("wait", "--for=in-sync", "--cluster=db", "--timeout=1s");
  expect(never.err).toContain("\n  still cluster db has no RCC\n");
  const help = await rig.catwalk("wait", "--help");
  expect(help.out).toMatch(/--cluster <name> .*\(required\)/);
  expect(help.out).not.toMatch(/--timeout <time> .*\(required\)/);
});

test("[E2E3] visibility is one-way: db sees nothing of app", async () => {
  expect(await rig.served("db", "app")).toEqual([]);
  const view = await rig.catwalk("view", "--cluster", "db", "-o", "json");
  const origins = view.out
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { origin: string }).origin);
  expect(new Set(origins)).toEqual(new Set(["db"]));
});

test("[CLI11] eval lists endpoints in calicoq's form, remote ones with the RCC's name", async () => {
  const evaluated = await rig.catwalk("eval", "role == 'postgres'", "--cluster", "app");
  expect(evaluated.out).toBe(
    "Endpoints matching selector role == 'postgres':\n  Workload endpoint db/node-1/k8s/shop.postgres-0/eth0\n  Workload endpoint db/node-2/k8s/ops.postgres-0/eth0\n",
  );
  expect(evaluated.err).toMatch(/permitted by the hub/);
  const json = await rig.catwalk("eval", "role == 'postgres'", "--cluster", "app", "-o", "json");
  expect(JSON.parse(json.out)).toMatchObject({
    items: [
      {
        namespace: "shop",
        pod: "postgres-0",
        node: "node-1",
        labels: { role: "postgres", "catwalk.dev/cluster": "db" },
        inherited: { "pcns.projectcalico.org/name": "shop" },
      },
      { namespace: "ops", pod: "postgres-0" },
    ],
  });
  const inherited = await rig.catwalk(
    "eval",
    "pcns.tier == 'data'",
    "--relay",
    rig.relay("app").url,
  );
  expect(inherited.out).toMatch(/Workload endpoint db\/node-2\/k8s\/analytics\.reports-0\/eth0/);
  expect(inherited.err).toMatch(/applied by the relay/);
  const wrong = await rig.catwalk("eval", "role ==", "--cluster", "app");
  expect([wrong.status, wrong.err.split("\n")[0]]).toEqual([
    2,
    'error: selector: expected a quoted value after == at position 8 of "role =="',
  ]);
});

test("[CLI12] policy prints what each rule holds and whose; a namespaced rule does not hold another namespace's pod", async () => {
  const policy = await rig.catwalk(
    "policy",
    "allow-db",
    "--relay",
    rig.relay("app").url,
    "-o",
    "json",
  );
  const { policies } = JSON.parse(policy.out) as {
    policies: { rules: { members: { member: string; owner: string; origin: string }[] }[] }[];
  };
  expect(policies[0]?.rules.flatMap((rule) => rule.members)).toEqual([
    { member: "10.20.1.7/32", owner: "db/node-1/k8s/shop.postgres-0/eth0", origin: "db" },
  ]);
  const file = await rig.catwalk(
    "policy",
    "-f",
    join(rig.folder("app"), "policy.yaml"),
    "--relay",
    rig.relay("app").url,
  );
  expect(file.out).toMatch(/10\.20\.1\.7\/32 {2}db\/node-1/);
  expect((await rig.catwalk("policy", "nope", "--relay", rig.relay("app").url)).status).toBe(1);
});

test("[CLI10] view gives a JSON line a key, and Felix's own form", async () => {
  const json = await rig.catwalk("view", "--cluster", "app", "--origin", "db", "-o", "json");
  const lines = json.out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(
    lines.every((line) => Object.keys(line).join() === "origin,kind,key,revision,record"),
  ).toBe(true);
  const felix = await rig.catwalk("view", "--cluster", "app", "--as", "felix");
  expect(felix.out).toContain(
    '"key":"/calico/v1/host/db_node-1/workload/k8s/shop%2fpostgres-0/endpoint/eth0"',
  );
});

test("[CLI44] [CLI49] view --as felix has the pools that Felix has: of the relay, whoever they are for", async () => {
  const pools = async (cluster: string, ...flags: readonly string[]): Promise<string[]> => {
    const { out } = await rig.catwalk(
      "view",
      "--as",
      "felix",
      ...flags,
      "--relay",
      rig.relay(cluster).url,
    );
    return out.match(/ipam\/v[46]\/pool\/[^"]+/g) ?? [];
  };
  const ofDb = ["ipam/v4/pool/10.20.0.0-16", "ipam/v6/pool/fd00:20::-64"];
  expect((await pools("app")).toSorted()).toEqual(ofDb);
  expect((await pools("app", "--origin", "db")).toSorted()).toEqual(ofDb);
  expect(await pools("db")).toEqual(["ipam/v4/pool/10.10.0.0-16"]);
});

test("[VIE7] status and metrics say in sync when digests are equal", async () => {
  expect(
    (await rig.catwalk("wait", "--for", "in-sync", "--cluster", "app", "--timeout", "20s")).status,
  ).toBe(0);
  const status = await rig.fromRelay<RelayStatus>("app", "/status");
  expect(status.remotes).toMatchObject([{ rcc: "db", connectionStatus: 2 }]);
  const metrics = await (await fetch(new URL("/metrics", rig.relay("app").url))).text();
  expect(metrics).toMatch(/^remote_cluster_connection_status\{remote_cluster_name="db"\} 2$/m);
  expect(readFileSync(rig.logFile("app"), "utf8")).toMatch(/"rcc":"db".*Sending in-sync update/);
});

test("[VIS5] a deleted grant empties the view and every Felix at once; created again, it fills", async () => {
  const felix = new SyncClient(felixPort);
  await felix.until("in-sync", () => felix.hasSync);
  const remote = (): string[] => [...felix.kvs.keys()].filter((key) => key.includes("/db_"));
  const had = remote();
  const local = felix.kvs.size - had.length;
  expect(had.length).toBeGreaterThan(5);
  await rig.call(deleteGrant, { params: { mesh: "demo", origin: "db", reader: "app" } });
  await felix.until("all of it deleted", () => remote().length === 0);
  expect(felix.deleted).toEqual(expect.arrayContaining(had));
  await eventually(
    () => rig.served("app", "db"),
    (ips) => ips.length === 0,
  );
  expect((await rig.fromRelay<RelayStatus>("app", "/status")).remotes).toMatchObject([
    { connectionStatus: 5 },
  ]);
  await rig.call(createGrant, {
    params: { mesh: "demo" },
    body: { origin: "db", reader: "app" },
  });
  await eventually(
    () => rig.served("app", "db"),
    (ips) => ips.includes("10.20.1.7"),
  );
  await felix.until("all of it again", () => remote().length === had.length);
  expect(felix.kvs.size).toBe(local + had.length);
  felix.close();
});

test("[VIE6] a relay that is killed and comes back resumes without a transfer; with the hub away it serves and is ready", async () => {
  const before = (await rig.served("app", "db")).toSorted();
  // Killed in the middle of what came with the new grant, it would have the rest to get.
  await eventually(
    () => rig.fromRelay<RelayStatus>("app", "/status"),
    ({ remotes }) => remotes[0]?.connectionStatus === 2,
  );
  await rig.killRelay("app");
  await rig.startRelay("app");
  const status = await eventually(
    () => rig.fromRelay<RelayStatus>("app", "/status"),
    ({ remotes }) => remotes[0]?.connectionStatus === 2,
  );
  expect(status.transfers).toMatchObject([{ rcc: "db", changes: 0, bytes: 0 }]);
  await rig.stopHub();
  await rig.killRelay("app");
  await rig.startRelay("app");
  expect((await rig.served("app", "db")).toSorted()).toEqual(before);
  const ready = await eventually(
    () => fetch(new URL("/readyz", rig.relay("app").url)),
    (response) => response.status === 200,
  );
  expect(ready.ok).toBe(true);
  expect((await rig.fromRelay<RelayStatus>("app", "/status")).remotes).toMatchObject([
    { connectionStatus: 0 },
  ]);
  await rig.startHub();
  await eventually(
    () => rig.fromRelay<RelayStatus>("app", "/status"),
    ({ remotes }) => remotes[0]?.connectionStatus === 2,
  );
  expect((await rig.served("app", "db")).toSorted()).toEqual(before);
});

test("[SRC43] a broken file keeps what it last held, and its error names file and line", async () => {
  const pods = join(rig.folder("db"), "pods.yaml");
  const good = readFileSync(pods, "utf8");
  writeFileSync(pods, `${good}\n---\nkind: [`);
  const status = await eventually(
    () => rig.fromRelay<RelayStatus>("db", "/status"),
    ({ source }) =>
      source.problems.length > 0 && source.problems.some((p) => p.object.includes("pods.yaml")),
  );
  expect(status.source.problems.find((p) => p.object.includes("pods.yaml"))?.object).toMatch(
    /pods\.yaml:\d+/,
  );
  expect(await rig.served("app", "db")).toContain("10.20.1.7");
  writeFileSync(pods, good);
  await eventually(
    () => rig.fromRelay<RelayStatus>("db", "/status"),
    ({ source }) => !source.problems.some((p) => p.object.includes("pods.yaml")),
  );
});

test("[CRE6] a hub that lost its disk is rebuilt with new join tokens for the old keys; meanwhile and after it nothing is withdrawn", async () => {
  const before = (await rig.served("app", "db")).toSorted();
  const key = readFileSync(join(rig.state("app"), "relay-key.jwk"), "utf8");
  await rig.loseHub();
  await rig.startHub();
  await rig.killRelay("app");
  await rig.killRelay("db");
  await rig.createDemo();
  await rig.startRelay("app");
  expect((await rig.served("app", "db")).toSorted()).toEqual(before);
  await rig.startRelay("db");
  await eventually(
    () => rig.fromRelay<RelayStatus>("app", "/status"),
    ({ remotes }) => remotes[0]?.connectionStatus === 2,
  );
  expect((await rig.served("app", "db")).toSorted()).toEqual(before);
  expect(readFileSync(join(rig.state("app"), "relay-key.jwk"), "utf8")).toBe(key);
});

test("[CLI10] watch --relay prints what a relay applies as it changes", async () => {
  const watching = rig.start(
    "watch",
    "--relay",
    rig.relay("app").url,
    "--origin",
    "db",
    "-o",
    "json",
  );
  await eventually(
    () => Promise.resolve(watching.err()),
    (text) => text.includes("changes follow"),
  );
  const pods = join(rig.folder("db"), "pods.yaml");
  const before = readFileSync(pods, "utf8");
  appendFileSync(pods, REPLICA);
  await eventually(
    () => Promise.resolve(watching.out()),
    (text) => text.includes('"10.20.2.7"') && !text.includes('"deleted":true'),
  );
  writeFileSync(pods, before);
  await eventually(
    () => Promise.resolve(watching.out()),
    (text) => text.includes('"deleted":true'),
  );
  watching.child.kill("SIGINT");
});
