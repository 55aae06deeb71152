import { afterEach, expect, test } from "vitest";

import type { OwnWrite } from "../../../shared/api/own.ts";
import type { EdgeReport } from "../../../shared/visibility/facts.ts";
import { ResourceWriter } from "../../../relay/resources/resource-writer.ts";
import { scopeDocument } from "../../../shared/visibility/scope.ts";
import { TestHub, valueOf } from "../../worker/mesh/support.ts";
import { OwnObjects } from "../../../worker/mesh/own-objects.ts";
import type { OwnChange } from "../../../worker/mesh/own-objects.ts";
import { showRcc } from "../../../worker/routes/rccs.ts";
import { showGrant } from "../../../worker/routes/grants.ts";
import { parseRcc } from "../../../shared/visibility/rcc.ts";
import { FakeResourceApi } from "../../support/fake-resource-api.ts";
import { objectOf } from "./resources.ts";

const RCC = "remoteclusterconfigurations/db";
const GRANT = "remoteclustergrants/db";

/** Cluster `app` of a hub that decides as the real one does, with a writer in it. */
class World {
  readonly api = new FakeResourceApi();
  readonly hub = new TestHub();
  readonly said: string[] = [];
  readonly asked: (readonly OwnWrite[])[] = [];
  readonly writers: ResourceWriter[] = [];
  report: EdgeReport | null = null;
  isHubAway = false;
  isHeld = true;
  #uid = "";

  static async begin(): Promise<World> {
    const world = new World();
    world.#uid = (await world.hub.withClusters("app", "db"))["app"] ?? "";
    world.api.define("crd-1");
    return world;
  }

  writer(): ResourceWriter {
    const say = (_: object, message: string): void => void this.said.push(message);
    const isHeld = (): boolean => this.isHeld;
    const writer = new ResourceWriter({
      transport: this.api,
      lease: {
        get isHeld() {
          return isHeld();
        },
        holder: "me",
        start: () => undefined,
        stop: () => Promise.resolve(),
      },
      log: { warn: say, info: say } as never,
      askHub: (_, body) => this.#answer(body as { readonly writes: readonly OwnWrite[] }),
      reports: () => (this.report === null ? [] : [this.report]),
      directs: () => [],
      now: () => performance.now(),
      wallMs: () => Date.now(),
    });
    this.writers.push(writer);
    writer.onLease(true);
    return writer;
  }

  async #answer({ writes }: { readonly writes: readonly OwnWrite[] }) {
    if (this.isHubAway) throw new Error("connect ECONNREFUSED");
    this.asked.push(writes);
    const mesh = this.hub.mesh("demo");
    const caller = {
      meshId: mesh.requireMesh().id,
      clusterUid: this.#uid,
      keyGeneration: 1,
    };
    const ports = { findOrigin: (name: string) => this.hub.originNamed(name), setAlarm: () => {} };
    const changes = writes.map((write): OwnChange => {
      if (write.op === "apply-grant") return { ...write, scope: write.scope ?? null };
      if (write.op !== "apply-rcc") return write;
      const parsed = parseRcc(write.document);
      if (!parsed.ok) throw new Error("the writer sends what it has checked");
      return { op: write.op, under: write.under, request: parsed.rcc };
    });
    const synced = valueOf(await new OwnObjects(mesh, ports).sync(caller, changes));
    const body = {
      cluster: synced.cluster,
      rccs: synced.rccs.map((rcc) => ({ ...showRcc(rcc), under: rcc.row.under ?? null })),
      grants: synced.grants.map((one) => ({ ...showGrant(one), under: one.under ?? null })),
      results: synced.refusals.map((refusal) =>
        refusal === null ? { ok: true } : { ok: false, ...refusal },
      ),
    };
    return { status: 200, body: structuredClone(body) };
  }

  async atHub(): Promise<string[]> {
    const demo = this.hub.service("demo");
    const [rccs, grants] = [
      valueOf(await demo.listRccs("app")),
      valueOf(await demo.listGrants("app")),
    ];
    return [
      ...rccs.map(({ row }) => `rcc/${row.name}`),
      ...grants.map(({ reader, scope }) =>
        scope === null
          ? `grant/${reader.name}`
          : `grant/${reader.name} ${JSON.stringify(scopeDocument(scope))}`,
      ),
    ];
  }

  async until(...wanted: readonly string[]): Promise<void> {
    await expect.poll(() => this.atHub()).toEqual(wanted);
  }

  async state(path: string, state: string): Promise<void> {
    await expect.poll(() => this.api.status(path)["state"]).toBe(state);
  }

  async stop(): Promise<void> {
    await Promise.all(this.writers.map((writer) => writer.stop()));
  }
}

let world: World;
afterEach(() => world.stop());

async function begin(): Promise<World> {
  world = await World.begin();
  return world;
}

test("[CRD6] resources are mirrored to the hub, changed and deleted there as here, and their status comes back", async () => {
  const { api, hub } = await begin();
  api.put(RCC, objectOf("rcc", "db"));
  api.put(GRANT, objectOf("grant", "db", { cluster: "db", scope: { namespaces: ["shop"] } }));
  const writer = world.writer();
  await world.until("rcc/db", 'grant/db {"namespaces":["shop"]}');
  await world.state(RCC, "NotGranted");
  await world.state(GRANT, "NotUsed");
  valueOf(await hub.service("demo").createGrant("db", "app"));
  world.report = {
    rcc: "db",
    origin: { uid: "d", name: "db" },
    connectionStatus: 2,
    endpoints: 4,
    refused: 0,
    digest: null,
    revision: 1,
  };
  writer.look();
  await world.state(RCC, "InSync");
  expect(api.status(RCC)).toMatchObject({ remote: "db", endpoints: 4, observedGeneration: 1 });
  api.put(GRANT, objectOf("grant", "db", { cluster: "db" }, { generation: 2 }));
  await world.until("rcc/db", "grant/db");
  api.delete(RCC);
  await world.until("grant/db");
});

test("[CRD8] nothing is written while nothing changes, here or at the hub", async () => {
  const { api } = await begin();
  api.put(RCC, objectOf("rcc", "db"));
  const writer = world.writer();
  await world.state(RCC, "NotGranted");
  const [asked, statuses] = [world.asked.flat().length, api.statusWrites.length];
  for (let n = 0; n < 5; n++) {
    const reads = world.asked.length;
    writer.look();
    await expect.poll(() => world.asked.length).toBeGreaterThan(reads);
  }
  expect([world.asked.flat().length, api.statusWrites.length]).toEqual([asked, statuses]);
  expect([asked, statuses]).toEqual([1, 1]);
});

test("[CRD7] a CRD that is deleted with its objects deletes nothing at the hub, also with a new one in its place; a deletion there counts", async () => {
  const { api } = await begin();
  api.put(RCC, objectOf("rcc", "db"));
  api.put(GRANT, objectOf("grant", "db"));
  const writer = world.writer();
  await world.state(GRANT, "NotUsed");
  api.deleteDefinitions();
  await expect.poll(() => writer.status().left).toEqual(["rcc/db", "grant/db"]);
  await expect.poll(() => writer.status().problems.join()).toContain("vanished with their CRD");
  api.define("crd-2");
  api.put(RCC, objectOf("rcc", "db"));
  writer.look();
  await world.state(RCC, "NotGranted");
  await expect.poll(() => writer.status().left).toEqual(["grant/db"]);
  expect(await world.atHub()).toEqual(["rcc/db", "grant/db"]);
  api.delete(RCC);
  await world.until("grant/db");
});

test("[CRD9] the hub away: what changes meanwhile is written when it is back, and the status says so until then", async () => {
  const { api } = await begin();
  world.isHubAway = true;
  api.put(RCC, objectOf("rcc", "db"));
  const writer = world.writer();
  await world.state(RCC, "Pending");
  expect(JSON.stringify(api.status(RCC))).toContain(
    "the hub is not reachable: connect ECONNREFUSED",
  );
  expect(writer.status().problems).toEqual(["the hub is not reachable: connect ECONNREFUSED"]);
  world.isHubAway = false;
  writer.look();
  await world.until("rcc/db");
  await world.state(RCC, "NotGranted");
  world.isHubAway = true;
  api.delete(RCC);
  writer.look();
  await expect.poll(() => writer.status().problems).toHaveLength(1);
  world.isHubAway = false;
  writer.look();
  await world.until();
  expect(world.said.filter((text) => text.includes("not reachable"))).toHaveLength(2);
});

test("[CRD9] no CRD, no right to list, to write a status, to hold the Lease: each is one line that says what to do", async () => {
  const { api } = await begin();
  api.definitions.clear();
  api.put(RCC, objectOf("rcc", "db"));
  const writer = world.writer();
  const problems = (): string => writer.status().problems.join("\n");
  await expect
    .poll(problems)
    .toMatch(/configurations\.catwalk\.dev is not there: kubectl apply -k/);
  api.define("crd-1");
  api.refused.set("/apis/catwalk.dev/v1/remoteclusterconfigurations", 403);
  writer.look();
  await expect
    .poll(() => (writer.look(), problems()))
    .toMatch(/remoteclusterconfigurations cannot be followed: 403 .*crds\/rbac\.yaml/);
  api.refused.clear();
  api.refused.set("/status", 403);
  await expect
    .poll(() => (writer.look(), problems()))
    .toMatch(/the status of remoteclusterconfigurations db: 403 .*crds\/rbac\.yaml/);
  expect(await world.atHub()).toEqual(["rcc/db"]);
  writer.onLeaseProblem("the Lease catwalk-custom-resources: 403 forbidden");
  writer.onLeaseProblem("the Lease catwalk-custom-resources: 403 forbidden");
  expect(problems()).toMatch(/nobody writes custom resources: .*crds\/rbac\.yaml/);
  expect(world.said.filter((text) => text.includes("nobody writes"))).toHaveLength(1);
});

test("[CRD9] an object that does not count at the hub is one line of the log and of the status, until it does", async () => {
  const { api } = await begin();
  const annotations = { "catwalk.dev/remote-cluster": "db" };
  for (const name of ["a", "b"])
    api.put(`remoteclusterconfigurations/${name}`, objectOf("rcc", name, {}, { annotations }));
  const writer = world.writer();
  await expect
    .poll(() => writer.status().problems)
    .toEqual([expect.stringMatching(/^1 do not count, as rcc\/b: .*db/)]);
  writer.look();
  api.delete("remoteclusterconfigurations/a");
  writer.look();
  await expect.poll(() => writer.status().problems).toEqual([]);
  expect(world.said.filter((text) => text.includes("do not count"))).toHaveLength(1);
});

test("[CRD9] a writer that ends at any moment is taken up by the next; one without the Lease writes nothing", async () => {
  const { api } = await begin();
  for (const name of ["a", "b", "c"])
    api.put(
      `remoteclusterconfigurations/${name}`,
      objectOf(
        "rcc",
        name,
        {},
        {
          annotations: { "catwalk.dev/remote-cluster": "db" },
        },
      ),
    );
  const first = world.writer();
  await expect.poll(() => world.asked.length).toBeGreaterThan(0);
  await first.stop();
  world.isHeld = false;
  const idle = world.writer();
  api.delete("remoteclusterconfigurations/a");
  idle.look();
  world.isHeld = true;
  world.writer();
  // One RCC names a remote: when the first has gone, the next may.
  await expect.poll(() => world.atHub()).toHaveLength(1);
  await world.state("remoteclusterconfigurations/c", "Conflict");
  expect(idle.status().hubWrites).toBe(0);
});
