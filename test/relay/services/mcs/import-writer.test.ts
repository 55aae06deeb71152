import { afterEach, expect, test } from "vitest";

import { isJsonObject } from "../../../../relay/kube/kube-object.ts";
import type { JsonObject } from "../../../../relay/kube/kube-object.ts";
import { derivedName } from "../../../../relay/services/mcs/derived-name.ts";
import { ImportWriter } from "../../../../relay/services/mcs/import-writer.ts";
import { WriteLoop } from "../../../../relay/services/write-loop.ts";
import { Services } from "../../../../relay/services/services.ts";
import type { CalicoRecord, Service, ServiceExport } from "../../../../shared/record/record.ts";
import { FakeKube } from "../../../support/fake-kube.ts";
import { endpoint, fillable, service } from "../../../support/federated.ts";
import { eventually } from "../../../support/mesh-rig.ts";

const V = "multicluster.x-k8s.io/v1beta1";
const IMPORTS = `/apis/${V}/serviceimports`;
const EXPORTS = `/apis/${V}/serviceexports`;
const SERVICES = "/api/v1/services";
const DERIVED = `shop/${derivedName("shop", "db")}`;
const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };

const running: World[] = [];

afterEach(async () => {
  for (const { loop, writer } of running.splice(0)) {
    await loop.stop();
    writer?.stop();
  }
});

const LEASE = {
  isHeld: true,
  holder: "me",
  start: () => undefined,
  stop: () => Promise.resolve(),
};

/** As a cluster of two families gives addresses to a Service that has none. */
function withAddresses(collection: string, object: JsonObject): JsonObject {
  const spec = isJsonObject(object["spec"]) ? object["spec"] : {};
  if (collection !== SERVICES || "clusterIPs" in spec) return object;
  const isHeadless = spec["clusterIP"] === "None";
  const clusterIPs = isHeadless ? ["None"] : ["10.96.0.7", "fd96::7"];
  const ipFamilies = ["IPv4", "IPv6"];
  return { ...object, spec: { ...spec, clusterIP: clusterIPs[0], clusterIPs, ipFamilies } };
}

class World {
  readonly kube = new FakeKube();
  readonly incomplete = new Set<string>();
  isAsked = true;
  writer: ImportWriter | null = null;
  readonly loop = new WriteLoop({ lease: LEASE, log: LOG, now: () => performance.now() });
  readonly services: Services = new Services({
    now: () => performance.now(),
    clusterName: () => "app",
    lostMs: () => null,
    isIncomplete: (cluster) => this.incomplete.has(cluster),
    areAllTold: () => this.incomplete.size === 0,
    derivedUid: (key) => this.writer?.uidOf(key) ?? null,
  });

  constructor() {
    this.kube.served.push(V);
    this.kube.admit = withAddresses;
    this.put(null, { kind: "Profile", name: "kns.shop", labels: {} });
  }

  start(): ImportWriter {
    const writer = new ImportWriter({
      services: this.services,
      transport: this.kube,
      loop: this.loop,
      isReady: () => true,
      areAllTold: () => this.incomplete.size === 0,
      isAsked: () => this.isAsked,
      wallMs: () => Date.now(),
    });
    this.writer = writer;
    running.push(this);
    writer.start();
    return writer;
  }

  put(rcc: string | null, ...records: readonly CalicoRecord[]): void {
    this.services.onRecords(
      rcc,
      records.map((record) => ({ op: "put" as const, record })),
    );
  }

  delete(rcc: string | null, ...records: readonly CalicoRecord[]): void {
    this.services.onRecords(
      rcc,
      records.map((record) => ({ op: "delete" as const, record })),
    );
  }

  /** An export of `shop/db`. */
  exports(rcc: string | null, createdMs = 1_000, more: Partial<Service> = {}): void {
    this.put(rcc, service("db", {}, more), exportOf(createdMs), endpoint("db", "10.2.0.1"));
  }

  spec(collection: string, id = "shop/db"): JsonObject | null {
    const object = this.kube.one(collection, id);
    return object !== null && isJsonObject(object["spec"]) ? object["spec"] : null;
  }

  async until(found: () => boolean): Promise<void> {
    await eventually(
      () => Promise.resolve(found()),
      (is) => is,
    );
  }

  atRest(): Promise<void> {
    return this.until(() => this.loop.isAtRest);
  }

  conditions(): string {
    const status = this.kube.one(EXPORTS, "shop/db")?.["status"];
    const list =
      isJsonObject(status) && Array.isArray(status["conditions"]) ? status["conditions"] : [];
    return list
      .flatMap((one: unknown) =>
        isJsonObject(one) ? [`${String(one["type"])}=${String(one["reason"])}`] : [],
      )
      .join(" ");
  }
}

function exportOf(createdMs: number): ServiceExport {
  return {
    kind: "ServiceExport",
    namespace: "shop",
    name: "db",
    createdMs,
    labels: { tier: "db" },
    annotations: {},
  };
}

test("[MCS6] an export elsewhere: a ServiceImport with addresses, and the Service behind it; nothing is written while nothing changes", async () => {
  const world = new World();
  world.exports("b", 1_000, { affinitySeconds: 10, families: "46" });
  const writer = world.start();
  await world.until(() => world.spec(IMPORTS)?.["ips"] !== undefined);
  expect(world.kube.one(IMPORTS, "shop/db")).toMatchObject({
    metadata: {
      labels: { tier: "db", "app.kubernetes.io/managed-by": "services.catwalk.dev" },
      annotations: { "multicluster.kubernetes.io/derived-service": DERIVED.split("/")[1] },
    },
    spec: {
      type: "ClusterSetIP",
      ports: [{ name: "sql", protocol: "TCP", port: 5432 }],
      sessionAffinity: "ClientIP",
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } },
      ips: ["10.96.0.7", "fd96::7"],
      ipFamilies: ["IPv4", "IPv6"],
    },
  });
  const derived = world.kube.one(SERVICES, DERIVED);
  expect(derived).toMatchObject({
    metadata: { ownerReferences: [{ kind: "ServiceImport", name: "db", controller: true }] },
    spec: { ipFamilyPolicy: "PreferDualStack", sessionAffinity: "ClientIP" },
  });
  expect(derived?.["spec"]).not.toHaveProperty("selector");
  await world.until(() => world.kube.one(IMPORTS, "shop/db")?.["status"] !== undefined);
  await world.until(() => world.kube.writes.at(-1) === "PUT serviceimports/status");
  const before = world.kube.writes.length;
  writer.wake();
  world.put("b", endpoint("db", "10.2.0.2"));
  await world.atRest();
  expect(world.kube.writes.slice(before)).toEqual([]);
});

test("[MCS7] slices hang on the derived Service, and only once it is there", async () => {
  const world = new World();
  world.exports("b");
  expect(world.services.filling(DERIVED, []).kind).toBe("waiting");
  world.start();
  await world.until(() => world.services.filling(DERIVED, []).kind === "filled");
  const filling = world.services.filling(DERIVED, []);
  expect(filling.kind === "filled" && filling.slices.map(({ object }) => object)).toMatchObject([
    {
      metadata: {
        labels: {
          "kubernetes.io/service-name": DERIVED.split("/")[1],
          "multicluster.kubernetes.io/service-name": "db",
          "multicluster.kubernetes.io/source-cluster": "b",
        },
        ownerReferences: [{ kind: "Service", uid: world.writer?.uidOf(DERIVED) }],
      },
      endpoints: [{ addresses: ["10.2.0.1"] }],
    },
  ]);
});

test("[MCS2] no import without the namespace, without an export, or without its Service", async () => {
  const world = new World();
  world.put("b", service("db", {}));
  expect(world.services.keys()).toEqual([]);
  world.put("b", exportOf(1));
  expect(world.services.keys()).toEqual([DERIVED]);
  world.delete(null, { kind: "Profile", name: "kns.shop", labels: {} });
  expect(world.services.keys()).toEqual([]);
  world.put(null, { kind: "Profile", name: "kns.shop", labels: {} });
  expect(world.services.keys()).toEqual([DERIVED]);
  world.put("b", service("db", {}, { federated: true }));
  expect(world.services.keys()).toEqual([]);
});

test("[MCS6] with the last export the ServiceImport and its Service go; the exporter imports too", async () => {
  const world = new World();
  world.start();
  world.exports(null);
  world.exports("b");
  await world.until(() => world.kube.all(SERVICES).length === 1);
  world.delete("b", exportOf(1_000));
  await world.atRest();
  expect(world.kube.all(IMPORTS)).toHaveLength(1);
  world.delete(null, exportOf(1_000));
  await world.until(() => world.kube.all(IMPORTS).length + world.kube.all(SERVICES).length === 0);
});

test("[MCS7] a cluster that has not told everything keeps its import; one that has loses it", async () => {
  const world = new World();
  world.exports("b");
  world.start();
  await world.until(() => world.kube.writes.at(-1) === "PUT serviceimports/status");
  world.incomplete.add("b");
  world.delete("b", exportOf(1_000), service("db", {}));
  await world.atRest();
  expect(world.kube.all(IMPORTS)).toHaveLength(1);
  const held = [{ name: "x", group: "", cluster: "b", ports: [], addresses: [] }];
  expect(world.services.filling(DERIVED, held).kind).toBe("waiting");
  world.incomplete.clear();
  world.writer?.wake();
  await world.until(() => world.kube.all(IMPORTS).length === 0);
  expect(world.services.filling(DERIVED, held).kind).toBe("none");
});

test("[MCS7] while an exporter has not told everything, an import loses neither its type nor a port that another still has", async () => {
  const world = new World();
  world.exports("b", 1_000);
  world.exports("c", 2_000);
  world.start();
  await world.until(() => world.kube.writes.at(-1) === "PUT serviceimports/status");
  // Another relay has begun, and its disk has of the oldest export what was long ago.
  world.incomplete.add("b");
  world.exports("b", 1_000, { headless: true });
  await world.atRest();
  const port = 5433;
  world.exports("b", 1_000, { ports: [{ name: "sql", protocol: "tcp", port }] });
  await world.atRest();
  expect(world.spec(IMPORTS)).toMatchObject({ type: "ClusterSetIP", ports: [{ port: 5432 }] });
  expect(world.kube.all(SERVICES)).toHaveLength(1);
  world.incomplete.clear();
  world.exports("b", 1_000, { ports: [{ name: "sql", protocol: "tcp", port: 5434 }] });
  await world.until(() => JSON.stringify(world.spec(IMPORTS)?.["ports"]).includes("5434"));
});

test("[MCS6] headless: no address; a change of type makes the Service anew", async () => {
  const world = new World();
  world.exports("b", 1_000, { headless: true });
  world.start();
  await world.until(() => world.spec(SERVICES, DERIVED)?.["clusterIP"] === "None");
  await world.until(() => world.kube.writes.at(-1) === "PUT serviceimports/status");
  expect(world.spec(IMPORTS)).toMatchObject({ type: "Headless" });
  expect(world.spec(IMPORTS)).not.toHaveProperty("ips");
  world.exports("b", 1_000);
  await world.until(() => world.spec(IMPORTS)?.["ips"] !== undefined);
  expect(world.spec(SERVICES, DERIVED)?.["clusterIP"]).toBe("10.96.0.7");
});

test("[MCS6] a ServiceImport that somebody else made is left to them, and so is a Service of the derived name", async () => {
  const world = new World();
  world.kube.put(IMPORTS, "shop/db", { metadata: { namespace: "shop", name: "db" }, spec: {} });
  world.exports("b");
  const writer = world.start();
  await world.until(() => writer.problem("shop/db")?.includes("somebody else") === true);
  expect(world.kube.writes).toEqual([]);
  world.kube.put(IMPORTS, "shop/db", null);
  world.kube.put(SERVICES, DERIVED, { metadata: { namespace: "shop", name: DERIVED.slice(5) } });
  await world.until(() => writer.problem("shop/db")?.includes("is not ours") === true);
  expect(world.kube.one(SERVICES, DERIVED)).not.toHaveProperty("spec");
});

test("[MCS10] without the CRD of ServiceImports nothing is written, and the cause is named; with it, it goes on", async () => {
  const world = new World();
  world.kube.absent.add(IMPORTS);
  world.kube.put(EXPORTS, "shop/db", { metadata: { namespace: "shop", name: "db" } });
  world.exports(null);
  const writer = world.start();
  await world.until(() => writer.problem("shop/db")?.includes("until its CRD") === true);
  // The half that is there is served.
  await world.until(() => world.conditions() === "Valid=Valid Ready=Exported Conflict=NoConflicts");
  expect(world.kube.writes).toEqual(["PUT serviceexports/status"]);
});

test("[MCS10] without the CRD of ServiceExports imports are written all the same, and what is missing is named", async () => {
  const world = new World();
  world.kube.absent.add(EXPORTS);
  world.exports("b");
  const writer = world.start();
  await world.until(() => world.spec(IMPORTS)?.["ips"] !== undefined);
  await world.until(() => writer.exportProblem()?.includes("no ServiceExport") === true);
  expect(writer.problem("shop/db")).toBeNull();
});

test("[MCS8] conditions of this cluster's export follow: no Service, no grant, a conflict with another's", async () => {
  const world = new World();
  world.isAsked = false;
  const held = { metadata: { namespace: "shop", name: "db", generation: 1 } };
  world.kube.put(EXPORTS, "shop/db", held);
  world.put(null, exportOf(2_000));
  const writer = world.start();
  await world.until(() => world.conditions() === "Valid=NoService Ready=Pending");
  world.exports(null, 2_000);
  await world.until(() => world.conditions() === "Valid=Valid Ready=Pending Conflict=NoConflicts");
  world.isAsked = true;
  writer.wake();
  await world.until(() => world.conditions().includes("Ready=Exported"));
  world.exports("b", 1_000, { headless: true });
  await world.until(() => world.conditions().endsWith("Conflict=TypeConflict"));
  expect(world.spec(IMPORTS)).toMatchObject({ type: "Headless" });
});

test("[MCS8] a Service of type ExternalName cannot be exported", async () => {
  const world = new World();
  world.kube.put(EXPORTS, "shop/db", { metadata: { namespace: "shop", name: "db" } });
  const spec = { type: "ExternalName", externalName: "db.example" };
  world.kube.put(SERVICES, "shop/db", { metadata: { namespace: "shop", name: "db" }, spec });
  world.put(null, exportOf(1));
  world.start();
  await world.until(() => world.conditions() === "Valid=InvalidServiceType Ready=Pending");
  expect(world.kube.all(IMPORTS)).toEqual([]);
});

test("[MCS6] a server that drops fields of ours, 409, 403, 429 and 500: nothing is lost, and nothing is written for ever", async () => {
  const world = new World();
  const status = (code: number) => ({ status: code, body: "{}", retryAfterSeconds: 0 });
  world.kube.failures.push(status(500), status(429), status(403), status(409));
  world.kube.admit = (collection, object) => {
    const { spec, ...rest } = withAddresses(collection, object);
    const { internalTrafficPolicy: _, ...left } = isJsonObject(spec) ? spec : {};
    return { ...rest, spec: left };
  };
  world.exports("b");
  world.start();
  await world.until(() => world.kube.writes.at(-1) === "PUT serviceimports/status");
  const { length } = world.kube.writes;
  await world.atRest();
  expect(world.kube.writes.length).toBe(length);
  // Somebody's hand.
  const held = world.kube.one(IMPORTS, "shop/db");
  world.kube.put(IMPORTS, "shop/db", { ...held, spec: { type: "Headless", ports: [] } });
  await world.until(() => world.spec(IMPORTS)?.["type"] === "ClusterSetIP");
});

test("[MCS7] slices of a Service that is filled by annotation do not name the import of its name", () => {
  const world = new World();
  world.services.onFillable("Service shop/db", fillable("app == 'pg'"));
  world.put("b", service("pg", { app: "pg" }), endpoint("pg", "10.2.0.9"));
  const named = (): unknown => {
    const filling = world.services.filling("shop/db", []);
    const [slice] = filling.kind === "filled" ? filling.slices : [];
    const metadata = slice?.object["metadata"] as { labels: Record<string, string> } | undefined;
    return metadata?.labels["multicluster.kubernetes.io/service-name"];
  };
  expect(named()).toBe("db");
  world.exports("b");
  expect(named()).toBeUndefined();
});
