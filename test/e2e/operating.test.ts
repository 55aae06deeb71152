/** What an operator asks before and after a change, of a hub and relays that run. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { applyGrant } from "../../shared/api/grants.ts";
import { getStatus } from "../../shared/api/status.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";

const rig = new MeshRig();

beforeAll(() => rig.startDemo());
afterAll(() => rig.stop());

const edge = async () =>
  (await rig.call(getStatus, { params: { mesh: "demo" } })).edges.find(
    ({ cluster, origin }) => cluster.name === "app" && origin.name === "db",
  );

test("[API50] [CLI90] a dry run over real logs says what the change then does", async () => {
  const ips = (await rig.served("app", "db")).length;
  // An endpoint may have several addresses.
  const reported = await eventually(edge, (found) => (found?.endpoints ?? 0) > 0);
  const seen = reported?.endpoints ?? 0;
  const tried = await rig.catwalk("grant", "delete", "--cluster", "db", "--to", "app", "--dry-run");
  expect([tried.status, tried.err]).toEqual([0, ""]);
  expect(tried.out).toMatch(
    new RegExp(
      `^${seen} endpoints? in \\d+ namespaces? becomes? invisible to app\\nnothing was applied`,
    ),
  );
  expect(await rig.served("app", "db")).toHaveLength(ips);
  // None of db's endpoints are in this namespace.
  const narrow = ["grant", "apply", "--cluster", "db", "--to", "app", "--namespace", "nobody"];
  const narrowed = await rig.catwalk(...narrow, "--dry-run", "-o", "json");
  expect(JSON.parse(narrowed.out)).toMatchObject({
    effects: [
      {
        before: "all",
        after: "part",
        counts: { appear: { endpoints: 0 }, disappear: { endpoints: seen } },
      },
    ],
  });
  expect(await rig.served("app", "db")).toHaveLength(ips);
  const params = { mesh: "demo", origin: "db", reader: "app" };
  await rig.call(applyGrant, { params, body: { scope: { namespaces: ["nobody"] } } }, "*");
  await eventually(
    () => rig.served("app", "db"),
    (found) => found.length === 0,
  );
  const back = await rig.catwalk("grant", "apply", "--cluster", "db", "--to", "app", "--dry-run");
  expect(back.out).toMatch(new RegExp(`^${seen} endpoints? in .* becomes? visible to app\\n`));
  await rig.call(applyGrant, { params, body: {} }, "*");
  await eventually(
    () => rig.served("app", "db"),
    (found) => found.length === ips,
  );
});

test("[API55] the time that changes take is in status and in both metrics, with its error", async () => {
  const file = join(rig.folder("db"), "pods.yaml");
  const before = readFileSync(file, "utf8");
  let round = 0;
  // The first change makes both relays ask for the hub's time.
  const latency = await eventually(
    async () => {
      writeFileSync(file, before.replace("labels: {", `labels: { round: "r${++round}",`));
      return (await edge())?.latency ?? null;
    },
    (found) => (found?.windows[2]?.count ?? 0) > 0,
  );
  expect(latency?.errorMs).toBeGreaterThan(0);
  const { p50Ms = null, p99Ms = null } = latency?.windows[2] ?? {};
  expect(p50Ms).toBeGreaterThan(0);
  expect(p99Ms).toBeGreaterThanOrEqual(p50Ms ?? 0);
  const relay = await (await fetch(new URL("/metrics", rig.relay("app").url))).text();
  expect(relay).toMatch(/^catwalk_remote_latency_seconds\{.*window="60m",quantile="0\.5"\} /m);
  writeFileSync(file, before);
});

test("[CLI92] [CLI94] the doctor names the relay that is gone, and the exchange both sides", async () => {
  const well = await rig.catwalk("doctor");
  expect([well.status, well.err]).toEqual([0, ""]);
  const exchange = await rig.catwalk("exchange", "--cluster", "db");
  expect(exchange.out).toMatch(/^SHOWN TO .*\napp +- +\w+ /);
  await rig.killRelay("db");
  const ill = await eventually(
    () => rig.catwalk("doctor", "--cluster", "db"),
    ({ status }) => status === 1,
  );
  expect(ill.out).toMatch(/^error {4}cluster db: no relay is connected, .*To do: start its relay/m);
  await rig.startRelay("db");
});
