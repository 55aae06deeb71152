/**
 * The owner's veto, from a file of the seen cluster to what the other one's relay serves: a hub,
 * relays and commands as processes.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { eventually, MeshRig } from "../support/mesh-rig.ts";

const rig = new MeshRig();
const file = join(rig.root, "export.yaml");

function veto(fields: string): void {
  writeFileSync(file, `apiVersion: catwalk.dev/v1\nkind: ExportPolicy\n${fields}\n`);
}

/** Lines of what app's relay has of db, as text. */
async function seen(): Promise<string> {
  const text = await (await fetch(new URL("/view", rig.relay("app").url))).text();
  return text
    .split("\n")
    .filter((line) => line.includes('"origin":"db"'))
    .join("\n");
}

beforeAll(async () => {
  veto("namespaces: { exclude: [ops] }");
  await rig.startHub();
  await rig.createDemo();
  await rig.startRelay("db", "--export-policy", file);
  await rig.startRelay("app");
});

afterAll(() => rig.stop());

test("[EXP2] what the owner keeps back never comes to the other cluster; the rest does", async () => {
  const text = await eventually(seen, (all) => all.includes('"namespace":"shop"'));
  expect(text).not.toMatch(/"namespace":"ops"|kns\.ops|ksa\.ops/);
  const { exports } = await rig.fromRelay<{ exports: unknown }>("db", "/status");
  expect(exports).toMatchObject({ summary: "no namespaces ops", problem: null });
});

test("[EXP3] the file is followed: a namespace leaves every other cluster, and comes back", async () => {
  veto("namespaces: { exclude: [ops, shop] }");
  await eventually(seen, (all) => !/"namespace":"shop"|kns\.shop/.test(all));
  veto("labels: { drop: [role] }");
  // Frame by frame: some of it may be there before the rest.
  await eventually(
    seen,
    (all) =>
      all.includes('"namespace":"ops"') &&
      all.includes('"namespace":"shop"') &&
      !/"role":/.test(all),
  );
});

test("[EXP5] a consumer that is kept out sees nothing, is told so, and the hub shows the policy; a restart of the hub changes nothing", async () => {
  veto("consumers: { exclude: [app] }");
  await eventually(seen, (all) => all === "");
  const shown = async (): Promise<string> =>
    (await rig.catwalk("cluster", "get", "db", "-o", "yaml")).out;
  expect(await shown()).toContain("no consumers app");
  await rig.killRelay("db");
  await rig.stopHub();
  await rig.startHub();
  const status = await rig.catwalk("status", "-o", "json");
  expect(status.out).toContain("Vetoed");
  await rig.catwalk("grant", "apply", "--cluster", "db", "--to", "app", "--namespace", "shop");
  expect((await rig.catwalk("rcc", "get", "db", "--cluster", "app", "-o", "yaml")).out).toMatch(
    /state: not-granted[^]*vetoed: true|vetoed: true[^]*state: not-granted/,
  );
});
