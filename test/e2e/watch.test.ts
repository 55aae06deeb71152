import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { addCluster, removeCluster } from "../../shared/api/clusters.ts";
import { createGrant, deleteGrant } from "../../shared/api/grants.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import type { StartedProgram } from "../support/catwalk-command.ts";

const rig = new MeshRig();

beforeAll(async () => {
  await rig.startDemo();
});

afterAll(() => rig.stop());

function podText(name: string, ip: string): string {
  return `
---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: shop, labels: { role: postgres } }
spec: { nodeName: node-2, serviceAccountName: default, containers: [{ name: main, image: i }] }
status: { phase: StartedProgram, podIP: ${ip}, podIPs: [{ ip: ${ip} }] }
`;
}

async function watch(...flags: readonly string[]): Promise<StartedProgram> {
  const watching = rig.start("watch", ...flags, "-o", "json");
  await said(watching, "changes follow, Ctrl-C ends");
  // What it says and what it prints are two streams.
  const [, listed = "0"] = / sees (\d+) records/.exec(watching.err()) ?? [];
  await eventually(
    () => Promise.resolve(linesOf(watching)),
    (lines) => lines.length >= Number(listed),
  );
  return watching;
}

async function said(watching: StartedProgram, text: string): Promise<void> {
  await eventually(
    () => Promise.resolve(watching.err()),
    (err) => err.includes(text),
  );
}

interface Line {
  readonly origin: string;
  readonly key: string;
  readonly deleted?: true;
  readonly record: { readonly ips?: readonly string[] };
}

function linesOf(watching: StartedProgram, from = 0): Line[] {
  const whole = watching.out().split("\n").slice(from, -1);
  return whole.map((line) => JSON.parse(line) as Line);
}

/** Keys that all lines together leave. */
function heldBy(watching: StartedProgram): string[] {
  const held = new Set<string>();
  for (const { origin, key, deleted } of linesOf(watching))
    if (deleted === true) held.delete(`${origin} ${key}`);
    else held.add(`${origin} ${key}`);
  return [...held].toSorted();
}

function hasIp(lines: readonly Line[], ip: string, isDeleted = false): boolean {
  return lines.some(
    ({ record, deleted }) => record.ips?.includes(ip) === true && (deleted ?? false) === isDeleted,
  );
}

test("[CLI15] the hub is killed under `watch`: nothing is called withdrawn, what changed meanwhile follows", async () => {
  const watching = await watch("--cluster", "app");
  const before = heldBy(watching);
  expect(before.some((key) => key.startsWith("db "))).toBe(true);
  const listed = linesOf(watching).length;
  rig.killWorkerd();
  const pods = join(rig.folder("db"), "pods.yaml");
  const text = readFileSync(pods, "utf8");
  appendFileSync(pods, podText("while-away", "10.20.2.77"));
  await said(watching, "connected to the hub again");
  expect(watching.err()).toMatch(/connection to the hub lost \(.+\): what was shown stands/);
  await eventually(
    () => Promise.resolve(linesOf(watching, listed)),
    (lines) => hasIp(lines, "10.20.2.77"),
  );
  expect(linesOf(watching, listed).filter(({ deleted }) => deleted === true)).toEqual([]);
  expect(watching.err()).not.toContain("no longer visible");
  writeFileSync(pods, text);
  await eventually(
    () => Promise.resolve(linesOf(watching, listed)),
    (lines) => hasIp(lines, "10.20.2.77", true),
  );
  expect(heldBy(watching)).toEqual(before);
  watching.child.kill("SIGINT");
  expect(await watching.ended).toMatchObject({ status: 0 });
});

test("[CLI15] [CLI55] a grant that is deleted under `watch` withdraws all that came from it; created again, it is shown again", async () => {
  const watching = await watch("--cluster", "app", "--origin", "db");
  const before = heldBy(watching);
  expect(before.length).toBeGreaterThan(5);
  await rig.call(deleteGrant, { params: { mesh: "demo", origin: "db", reader: "app" } });
  await said(watching, "db is no longer visible to app: cluster db is not readable");
  await eventually(
    () => Promise.resolve(heldBy(watching)),
    (held) => held.length === 0,
  );
  await rig.call(createGrant, {
    params: { mesh: "demo" },
    body: { origin: "db", reader: "app" },
  });
  await said(watching, `db is visible to app now: ${before.length} records`);
  await eventually(
    () => Promise.resolve(heldBy(watching)),
    (held) => held.length === before.length,
  );
  expect(heldBy(watching)).toEqual(before);
  watching.child.kill("SIGINT");
  expect(await watching.ended).toMatchObject({ status: 0 });
});

test("[CLI15] [CLI56] what can never be read ends `watch` with an error: an origin that is not seen, a cluster that is removed", async () => {
  const unknown = await rig.catwalk("watch", "--cluster", "app", "--origin", "dc");
  expect(unknown).toMatchObject({ status: 1, out: "" });
  expect(unknown.err).toContain("--origin dc: cluster app sees no such remote");
  await rig.call(addCluster, { params: { mesh: "demo" }, body: { name: "short" } });
  const watching = await watch("--cluster", "short");
  await rig.call(removeCluster, { params: { mesh: "demo", cluster: "short" } });
  expect(await watching.ended).toMatchObject({ status: 1 });
  expect(watching.err()).toContain("error: the mesh has no cluster named short");
  expect(watching.err()).not.toContain("unsettled");
});

test("[CLI15] a relay that is killed ends `watch --relay` with an error that names it", async () => {
  const { url } = rig.relay("app");
  const watching = await watch("--relay", url);
  await rig.killRelay("app");
  expect(await watching.ended).toMatchObject({ status: 1 });
  expect(watching.err()).toContain(`the relay at ${url} has ended the stream`);
});
