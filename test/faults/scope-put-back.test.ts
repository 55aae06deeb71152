/**
 * A grant with a scope, on a hub that is put back to the version before, which knows none, and
 * upgraded again.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";

import { afterAll, beforeAll, expect, test } from "vitest";

import { applyGrant, createGrant, listGrants } from "../../shared/api/grants.ts";
import { getRcc } from "../../shared/api/rccs.ts";
import { DemoFelix, endpointKey } from "../support/demo-felix.ts";
import { eventually, MeshRig } from "../support/mesh-rig.ts";
import { TcpProxy } from "./tcp-proxy.ts";

const PREVIOUS = join(import.meta.dirname, "../fixtures/previous/worker.js.br");
const PAIR = { origin: "db", reader: "app" };
const SCOPE = { namespaces: ["shop"], labels: ["role"] };

const rig = new MeshRig();
const folder = mkdtempSync(join(tmpdir(), "catwalk-put-back-"));
const previous = join(folder, "worker.js");
let felix: DemoFelix;
/** Between app's relay and the hub. */
let line: TcpProxy;
let isCut = false;
/** Endpoints that are there from the start: what the scope shows, and the others. */
let shown: readonly string[] = [];
let others: readonly string[] = [];

beforeAll(async () => {
  writeFileSync(previous, brotliDecompressSync(readFileSync(PREVIOUS)));
  line = await TcpProxy.start({
    target: () => (isCut ? "127.0.0.1:1" : new URL(rig.hubUrl).host),
  });
  felix = await DemoFelix.start(rig, "--hub", `http://${line.host}`);
  await felix.untilInSync(null);
  shown = felix.endpoints.filter((key) => key.includes("/shop%2f"));
  others = felix.endpoints.filter((key) => !key.includes("/shop%2f"));
});

afterAll(async () => {
  await felix.stop();
  await rig.stop();
  await line.close();
  rmSync(folder, { recursive: true });
});

async function grants(): Promise<readonly { readonly scope?: unknown }[]> {
  return (await rig.call(listGrants, { params: { mesh: "demo" } })).items;
}

async function stateOfRcc(): Promise<string> {
  const params = { mesh: "demo", cluster: "app", rcc: "db" };
  return (await rig.call(getRcc, { params })).status.state;
}

/** In place: its data stay. */
async function changeHub(worker?: string): Promise<void> {
  await rig.stopHub();
  await rig.startHub(worker);
}

/**
 * These are the pods that db has besides, each in a namespace that the scope shows and in another.
 * Returns when the hub has admitted them.
 */
async function havePods(...numbers: readonly number[]): Promise<void> {
  const pods = numbers.flatMap((number) =>
    ["shop", "ops"].map((namespace, i) => {
      const ip = `10.20.2.${2 * number + i + 100}`;
      return `apiVersion: v1
kind: Pod
metadata: { name: added-${number}, namespace: ${namespace}, labels: { role: added, tier: added } }
spec: { nodeName: node-2, serviceAccountName: default, containers: [{ name: m, image: i }] }
status: { phase: Running, podIP: ${ip}, podIPs: [{ ip: ${ip} }] }
`;
    }),
  );
  writeFileSync(join(rig.folder("db"), "added.yaml"), pods.join("---\n"));
  await eventually(
    async () => (await rig.catwalk("view", "--cluster", "db", "-o", "json")).out,
    (out) =>
      [0, 1, 2, 3, 4].every(
        (number) => numbers.includes(number) === out.includes(`added-${number}`),
      ),
  );
}

const LABELS = "catwalk.dev/cluster=db,role=added";

const added = (number: number, namespace = "shop"): string =>
  endpointKey(`node-2/${namespace}/added-${number}`);

test("[SCP3] [VER2] a hub that is put back treats a grant with a scope as none; upgraded again, the scope holds, of what db has then", async () => {
  const params = { mesh: "demo", origin: "db", reader: "app" };
  await rig.call(applyGrant, { params, body: { scope: SCOPE } }, "*");
  await havePods(0, 1);
  await felix.untilEndpoints([...shown, added(0), added(1)]);
  await felix.untilInSync(SCOPE);
  expect([await grants(), await stateOfRcc()]).toMatchObject([[{ scope: SCOPE }], "granted"]);
  await felix.until(() => felix.labelsOf(added(1)) === LABELS);
  felix.takeDeleted();
  const before = new Map(felix.kvs);

  await changeHub(previous);
  expect([await grants(), await stateOfRcc()]).toEqual([[], "not-granted"]);
  // It refuses what it does not know, and does not grant everything instead.
  await expect(
    rig.call(createGrant, { params: { mesh: "demo" }, body: { ...PAIR, scope: SCOPE } }),
  ).rejects.toThrow();
  expect(await grants()).toEqual([]);
  await havePods(1, 2);
  // What it had shown before stays, as whenever the hub shows nothing.
  expect([felix.takeDeleted(), new Map(felix.kvs)]).toEqual([[], before]);

  await changeHub();
  expect([await grants(), await stateOfRcc()]).toMatchObject([[{ scope: SCOPE }], "granted"]);
  await felix.untilEndpoints([...shown, added(1), added(2)]);
  await felix.untilInSync(SCOPE);
  expect(felix.takeDeleted()).toEqual([added(0)]);
  expect(felix.labelsOf(added(2))).toBe(LABELS);
});

test("[SCP8] a reader that was away while the hub was put back gets the part of what has changed meanwhile, and loses nothing else", async () => {
  isCut = true;
  await changeHub(previous);
  await havePods(2, 3);
  expect(felix.endpoints).toEqual([...shown, added(1), added(2)].toSorted());
  await changeHub();
  isCut = false;
  await felix.untilEndpoints([...shown, added(2), added(3)]);
  await felix.untilInSync(SCOPE);
  expect(felix.takeDeleted()).toEqual([added(1)]);
  expect(felix.labelsOf(added(3))).toBe(LABELS);
});

test("[SCP3] [SCP12] [SCP13] a grant of everything that the hub that was put back adds beside shows everything there; upgraded again, the scope holds", async () => {
  await changeHub(previous);
  await rig.call(createGrant, { params: { mesh: "demo" }, body: PAIR });
  const all = (...numbers: readonly number[]): string[] => [
    ...shown,
    ...others,
    ...numbers.flatMap((number) => [added(number), added(number, "ops")]),
  ];
  await havePods(3, 4);
  await felix.untilEndpoints(all(3, 4));
  await felix.untilInSync(null);
  felix.takeDeleted();

  await changeHub();
  expect([await grants(), await stateOfRcc()]).toMatchObject([[{ scope: SCOPE }], "granted"]);
  await felix.untilEndpoints([...shown, added(3), added(4)]);
  await felix.untilInSync(SCOPE);
  const gone = all(3, 4).filter((key) => !key.includes("/shop%2f"));
  expect(felix.takeDeleted().filter((key) => key.includes("/host/"))).toEqual(gone.toSorted());
});
