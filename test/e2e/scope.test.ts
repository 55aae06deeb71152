/**
 * A grant that is narrowed and widened, from the command line to the stream of a Felix: a hub,
 * relays and commands as processes.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { DemoFelix, endpointKey, profileKey } from "../support/demo-felix.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";

const rig = new MeshRig();
let felix: DemoFelix;
/** What it had while the grant showed all. */
let all: ReadonlyMap<string, string>;
let digestOfAll = "";
let labelsBefore = "";

beforeAll(async () => {
  felix = await DemoFelix.start(rig);
  digestOfAll = await felix.untilInSync(null);
  all = new Map(felix.kvs);
  labelsBefore = felix.labelsOf(POSTGRES);
});

afterAll(async () => {
  await felix.stop();
  await rig.stop();
});

const POSTGRES = endpointKey("node-1/shop/postgres-0");
const OTHER_POSTGRES = endpointKey("node-2/ops/postgres-0");
const CACHE = endpointKey("node-1/shop/cache-0");

/** A pod of db that these tests add, with this role. */
const ADDED = { node: "node-2", namespace: "shop" };
const added = (name: string): string => endpointKey(`${ADDED.node}/${ADDED.namespace}/${name}`);

function writePods(roles: Readonly<Record<string, string>>): void {
  const pods = Object.entries(roles).map(([name, role], n) => {
    const ip = `10.20.2.${70 + n}`;
    return `apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: ${ADDED.namespace}, labels: { role: ${role}, tier: added } }
spec: { nodeName: ${ADDED.node}, serviceAccountName: default, containers: [{ name: m, image: i }] }
status: { phase: Running, podIP: ${ip}, podIPs: [{ ip: ${ip} }] }
`;
  });
  writeFileSync(join(rig.folder("db"), "added.yaml"), pods.join("---\n"));
}

async function apply(...flags: readonly string[]): Promise<string> {
  const applied = await rig.catwalk("grant", "apply", "--cluster", "db", "--to", "app", ...flags);
  expect([applied.status, applied.err]).toEqual([0, ""]);
  return applied.out;
}

/** A value without its labels. */
function bare(value: string): unknown {
  const { labels: _labels, spec, ...rest } = JSON.parse(value) as Record<string, unknown>;
  const { labelsToApply: _applied, ...others } = (spec ?? {}) as Record<string, unknown>;
  return [rest, others];
}

test("[E2E5] narrowed: what is out of scope is deleted from app's Felix, what stays has fewer labels and is put over, not deleted", async () => {
  const out = await apply("--selector", "role in {'postgres', 'cache'}", "--label", "role");
  expect(out).toBe('db grants app: selector role in {"cache", "postgres"}; labels role\n');
  await felix.untilEndpoints([POSTGRES, OTHER_POSTGRES, CACHE]);
  await felix.untilInSync({ selector: 'role in {"cache", "postgres"}', labels: ["role"] });
  const isGone = (key: string): boolean =>
    key.startsWith("/calico/v1/host/") && ![POSTGRES, OTHER_POSTGRES, CACHE].includes(key);
  expect(felix.takeDeleted()).toEqual([...all.keys()].filter(isGone).toSorted());
  await felix.until(() => felix.labelsOf(POSTGRES) === "catwalk.dev/cluster=db,role=postgres");
  await felix.until(() => felix.labelsOf(profileKey("analytics")) === "");
  for (const [key, value] of felix.kvs) expect(bare(value)).toEqual(bare(all.get(key) ?? "{}"));
});

test("[E2E5] the hub shows the same part to view and eval, and status says so", async () => {
  const view = await rig.catwalk("view", "--cluster", "app", "--origin", "db", "--as", "felix");
  const permitted = view.out.trim().split("\n");
  const keys = permitted.map((line) => (JSON.parse(line) as { key: string }).key);
  expect(keys.toSorted()).toEqual([...felix.kvs.keys()].toSorted());
  expect(view.out).not.toContain("projectcalico.org/namespace");
  const found = await rig.catwalk("eval", "has(catwalk.dev/cluster)", "--cluster", "app");
  expect(found.out.trim().split("\n").slice(1).toSorted()).toEqual([
    "  Workload endpoint db/node-1/k8s/shop.cache-0/eth0",
    "  Workload endpoint db/node-1/k8s/shop.postgres-0/eth0",
    "  Workload endpoint db/node-2/k8s/ops.postgres-0/eth0",
  ]);
  const inherited = await rig.catwalk("eval", "has(pcns.tier)", "--cluster", "app");
  expect(inherited.out).not.toContain(" db/");
  const status = await rig.catwalk("status");
  expect(status.out).toMatch(/^app\/db +db +InSync +Disabled +3 /m);
  expect(status.out).toMatch(/^db +selector role in \{"cache", "postgres"\}; labels role +ready /m);
});

test("[E2E5] a pod arrives when it is in scope and leaves when it is not any more; one that never is, is never seen", async () => {
  writePods({ outside: "secret", inside: "cache", later: "secret" });
  await felix.until(() => felix.kvs.has(added("inside")));
  expect(felix.labelsOf(added("inside"))).toBe("catwalk.dev/cluster=db,role=cache");
  writePods({ outside: "other", inside: "secret", later: "postgres" });
  await felix.untilEndpoints([POSTGRES, OTHER_POSTGRES, CACHE, added("later")]);
  writePods({ outside: "other", inside: "cache", later: "postgres" });
  await felix.until(() => felix.kvs.has(added("inside")));
  expect(felix.takeDeleted()).toEqual([added("inside")]);
  expect(felix.kvs.has(added("outside"))).toBe(false);
});

test("[E2E5] narrowed while db's relay is killed: it leaves app's Felix all the same", async () => {
  await rig.killRelay("db");
  await apply("--selector", "role == 'postgres'", "--label", "role");
  await felix.untilEndpoints([POSTGRES, OTHER_POSTGRES, added("later")]);
  await felix.untilInSync({ selector: 'role == "postgres"', labels: ["role"] });
  expect(felix.takeDeleted()).toEqual([CACHE, added("inside")].toSorted());
});

test("[E2E5] narrowed, and the hub killed at once: it stays narrowed, and follows db again when its relay is back", async () => {
  await apply("--selector", "role == 'postgres'", "--namespace", "shop");
  rig.killWorkerd();
  await felix.untilEndpoints([POSTGRES, added("later")]);
  await eventually(
    () => fetch(new URL("/healthz", rig.hubUrl)),
    ({ ok }) => ok,
  );
  writePods({ outside: "other", inside: "cache", later: "postgres", away: "postgres" });
  await rig.startRelay("db");
  await felix.untilEndpoints([POSTGRES, added("later"), added("away")]);
  await felix.untilInSync({ namespaces: ["shop"], selector: 'role == "postgres"' });
  // This scope leaves the labels as they are.
  await felix.until(() => felix.labelsOf(POSTGRES) === labelsBefore);
  const left = [...all.keys()].filter((key) => /db_k(?:ns|sa)\.(?:ops|analytics)/.test(key));
  expect(left).not.toEqual([]);
  await felix.until(() => !left.some((key) => felix.kvs.has(key)));
  expect(felix.takeDeleted()).toEqual([OTHER_POSTGRES, ...left].toSorted());
});

test("[E2E5] widened: all is back as it was, and nothing was deleted on the way", async () => {
  expect(await apply()).toBe("db grants app: all\n");
  await felix.until(() => [...all.keys(), added("outside")].every((key) => felix.kvs.has(key)));
  expect(felix.takeDeleted()).toEqual([]);
  rmSync(join(rig.folder("db"), "added.yaml"));
  await felix.untilInSync(null, digestOfAll);
  await felix.until(() => felix.kvs.size === all.size);
  expect(new Map(felix.kvs)).toEqual(all);
});
