import { expect, test } from "vitest";

import type { RccRequest } from "../../../shared/visibility/rcc.ts";
import { rccRequest, refusalOf, TestHub, valueOf } from "./support.ts";

test("[VIS20] A may read B when A has an RCC that names B and B grants A: either half alone is nothing", async () => {
  const hub = new TestHub();
  const { app = "", db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  expect(hub.origin(db).facts?.readers).toEqual([]);
  expect(hub.origin(app).facts?.remotes).toMatchObject([{ rcc: "db", state: "not-granted" }]);
  valueOf(await demo.createGrant("db", "app"));
  expect(hub.origin(db).facts?.readers).toMatchObject([{ cluster: { uid: app }, rcc: "db" }]);
  expect(hub.origin(app).facts?.remotes).toMatchObject([{ rcc: "db", state: "granted" }]);
  expect(hub.origin(app).facts?.readers).toEqual([]);
  valueOf(await demo.deleteRcc("app", "db"));
  expect(hub.origin(db).facts?.readers).toEqual([]);
  expect(hub.origin(app).facts?.remotes).toEqual([]);
});

test("[VIS23] an effective change raises the version by one and is pushed to the clusters that it concerns only", async () => {
  const hub = new TestHub();
  const { app = "", db = "", web = "" } = await hub.withClusters("app", "db", "web");
  const demo = hub.service("demo");
  const before = hub.mesh("demo").version();
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  expect(hub.mesh("demo").version()).toBe(before + 1);
  valueOf(await demo.createGrant("db", "app"));
  expect(hub.mesh("demo").version()).toBe(before + 2);
  expect(hub.origin(app).facts?.accessVersion).toBe(before + 2);
  expect(hub.origin(db).facts?.accessVersion).toBe(before + 2);
  expect(hub.origin(web).facts?.accessVersion).toBe(before);
  // Repeating changes nothing, and a grant without an RCC concerns no Origin yet.
  valueOf(await demo.createGrant("db", "app"));
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  valueOf(await demo.createGrant("web", "app"));
  expect(hub.mesh("demo").version()).toBe(before + 2);
});

test("[VIS31] after a restore the next version lies far beyond all that were handed out; a restart does not count as one", async () => {
  const hub = new TestHub();
  const { app = "" } = await hub.withClusters("app", "db");
  const mesh = hub.mesh("demo");
  const before = mesh.version();
  mesh.noteRestore(0);
  expect(mesh.version()).toBe(before);
  mesh.noteRestore(1_000);
  mesh.noteRestore(1_000);
  expect(mesh.version()).toBe(before + 2 ** 20);
  // What the backup says is told to nobody as news.
  expect(mesh.facts(app)?.accessVersion).toBeLessThanOrEqual(before);
  valueOf(await hub.service("demo").applyRcc("app", rccRequest("db"), "apply"));
  expect(hub.origin(app).facts?.accessVersion).toBe(before + 2 ** 20 + 1);
  mesh.noteRestore(2_000);
  expect(mesh.version()).toBe(before + 2 ** 21 + 1);
  const empty = hub.mesh("never-made");
  empty.noteRestore(1_000);
  expect(empty.version()).toBe(0);
});

test("[VIS31] one backup that is restored twice hands out no number again", async () => {
  const atMs = 1_800_000_000_000;
  const restored = async (ms: number) => {
    const hub = new TestHub();
    await hub.withClusters("app", "db");
    hub.mesh("demo").noteRestore(ms);
    return hub;
  };
  const once = await restored(atMs);
  // All that was done until it was restored again, the same day.
  for (let n = 0; n < 10; n++) {
    valueOf(await once.service("demo").applyRcc("app", rccRequest("db"), "apply"));
    valueOf(await once.service("demo").deleteRcc("app", "db"));
  }
  const again = await restored(atMs + 3_600_000);
  expect(again.mesh("demo").version()).toBeGreaterThan(once.mesh("demo").version() + 2 ** 20);
  expect(Number.isSafeInteger(again.mesh("demo").version())).toBe(true);
});

test("[VIS22] an RCC may not name its own cluster, an unknown one, or a remote that another RCC names", async () => {
  const hub = new TestHub();
  await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  expect(refusalOf(await demo.applyRcc("app", rccRequest("app"), "apply"))).toMatchObject({
    status: 422,
    code: "own-cluster",
  });
  expect(refusalOf(await demo.applyRcc("app", rccRequest("x"), "apply"))).toMatchObject({
    status: 422,
    code: "unknown-remote",
  });
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  const second = refusalOf(await demo.applyRcc("app", rccRequest("other", "db"), "apply"));
  expect(second).toMatchObject({ status: 409, code: "remote-taken" });
  expect(second.detail).toContain("db");
  expect(refusalOf(await demo.applyRcc("app", rccRequest("db"), "create")).status).toBe(409);
  expect(refusalOf(await demo.applyRcc("nobody", rccRequest("db"), "apply")).status).toBe(404);
  expect(valueOf(await demo.listRccs("app")).map(({ row }) => row.name)).toEqual(["db"]);
});

test("[VIS22] an RCC that is changed to another remote lets go of the first", async () => {
  const hub = new TestHub();
  const { db = "", web = "" } = await hub.withClusters("app", "db", "web");
  const demo = hub.service("demo");
  for (const origin of ["db", "web"]) valueOf(await demo.createGrant(origin, "app"));
  valueOf(await demo.applyRcc("app", rccRequest("far", "db"), "apply"));
  valueOf(await demo.applyRcc("app", rccRequest("far", "web"), "apply"));
  expect(hub.origin(db).facts?.readers).toEqual([]);
  expect(hub.origin(web).facts?.readers).toMatchObject([{ rcc: "far" }]);
});

test("[VIS40] an RCC with connection fields binds to no member and changes no facts; it and one that names a member take each other's place", async () => {
  const hub = new TestHub();
  const { app = "", db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  valueOf(await demo.createGrant("db", "app"));
  const direct: RccRequest = {
    ...rccRequest("db"),
    remoteName: null,
    spec: { clusterAccessSecret: { name: "s", namespace: "n" } },
  };
  const version = () => hub.mesh("demo").version();
  const before = version();
  expect(valueOf(await demo.applyRcc("app", direct, "create"))).toMatchObject({
    isNew: true,
    rcc: { remote: null, state: "not-served" },
  });
  expect(refusalOf(await demo.applyRcc("app", direct, "create")).status).toBe(409);
  expect(refusalOf(await demo.applyRcc("app", rccRequest("db"), "create")).status).toBe(409);
  expect([version(), hub.origin(db).facts?.readers]).toEqual([before, []]);

  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  expect(hub.origin(db).facts?.readers).toMatchObject([{ rcc: "db" }]);
  expect(valueOf(await demo.listRccs("app"))).toMatchObject([{ state: "granted" }]);

  valueOf(await demo.applyRcc("app", direct, "apply"));
  expect(hub.origin(db).facts?.readers).toEqual([]);
  expect(hub.origin(app).facts?.remotes).toEqual([]);
  expect(valueOf(await demo.listRccs("app"))).toMatchObject([{ state: "not-served" }]);

  valueOf(await demo.deleteRcc("app", "db"));
  expect(refusalOf(await demo.getRcc("app", "db")).status).toBe(404);
  valueOf(await demo.applyRcc("app", direct, "apply"));
  valueOf(await demo.removeCluster("app"));
  expect(hub.mesh("demo").store.count("direct")).toBe(0);
});

test("[DIR13] a remote is reached through the mesh or directly, not both ways at once: 409, either way", async () => {
  const hub = new TestHub();
  await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  const direct = (name: string, remote: string): RccRequest => ({
    ...rccRequest(name),
    remoteName: null,
    annotations: { "catwalk.dev/remote-cluster": remote },
    spec: { clusterAccessSecret: { name: "s", namespace: "n" } },
  });
  valueOf(await demo.applyRcc("app", rccRequest("far", "db"), "apply"));
  const twice = refusalOf(await demo.applyRcc("app", direct("near", "db"), "apply"));
  expect([twice.status, twice.detail]).toEqual([
    409,
    "RCC far of cluster app already reaches db: a remote is reached one way at a time",
  ]);
  valueOf(await demo.applyRcc("app", direct("far", "db"), "apply"));
  expect(refusalOf(await demo.applyRcc("app", rccRequest("db"), "apply")).status).toBe(409);
  valueOf(await demo.applyRcc("app", direct("other", "elsewhere"), "apply"));
});

test("[VIS23] a grant to itself, by or to a stranger, or one that is not there is refused", async () => {
  const hub = new TestHub();
  await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  expect(refusalOf(await demo.createGrant("db", "db")).status).toBe(422);
  expect(refusalOf(await demo.createGrant("db", "x")).status).toBe(404);
  expect(refusalOf(await demo.createGrant("x", "db")).status).toBe(404);
  expect(refusalOf(await demo.deleteGrant("db", "app")).status).toBe(404);
  expect(valueOf(await demo.listGrants(null))).toEqual([]);
});

test("[VIS24] a change that an Origin does not take is not propagated, and the alarm brings it", async () => {
  const hub = new TestHub();
  const { app = "", db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  hub.origin(db).mode = "fails";
  expect(valueOf(await demo.createGrant("db", "app")).propagated).toBe(false);
  expect(hub.origin(app).facts?.remotes[0]?.state).toBe("granted");
  const delays: number[] = [];
  for (let i = 0; i < 8; i++) {
    const dueMs = hub.alarms.get("demo") ?? 0;
    delays.push(dueMs - hub.nowMs);
    hub.nowMs = dueMs;
    await demo.onAlarm();
  }
  expect(delays).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  hub.origin(db).mode = "works";
  hub.nowMs = hub.alarms.get("demo") ?? 0;
  await demo.onAlarm();
  expect(hub.origin(db).facts?.readers).toHaveLength(1);
  expect(hub.mesh("demo").store.count("outbox")).toBe(0);
});

test("[VIS24] what changes nothing for a cluster that lacks a change before it is not propagated either", async () => {
  const hub = new TestHub();
  const { db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  valueOf(await demo.createGrant("db", "app"));
  hub.origin(db).mode = "fails";
  expect(valueOf(await demo.removeCluster("app")).propagated).toBe(false);
  // Nobody sees it any more, so its facts stay; but its Origin still sends to app.
  expect(valueOf(await demo.suspendCluster("db", true)).propagated).toBe(false);
  hub.origin(db).mode = "works";
  hub.nowMs = hub.alarms.get("demo") ?? 0;
  await demo.onAlarm();
  expect(valueOf(await demo.suspendCluster("db", true)).propagated).toBe(true);
  expect(hub.origin(db).facts?.readers).toEqual([]);
});

test("[VIS24] where the clock goes back, what was to be tried again later is tried again at once", async () => {
  const hub = new TestHub();
  const { app = "", db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  hub.origin(db).mode = "fails";
  valueOf(await demo.createGrant("db", "app"));
  hub.nowMs -= 3_600_000;
  // It sets the alarm anew.
  await demo.claimRanges(app, [{ use: "pods", cidr: "10.9.0.0/16" }]);
  expect(hub.alarms.get("demo")).toBeLessThanOrEqual(hub.nowMs);
  hub.origin(db).mode = "works";
  await demo.onAlarm();
  expect(hub.mesh("demo").store.get("outbox", db)).toBeUndefined();
});

test("[VIS24] an Origin that never answers holds no admin request up", async () => {
  const hub = new TestHub();
  const { db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  hub.origin(db).mode = "hangs";
  expect(valueOf(await demo.createGrant("db", "app")).propagated).toBe(false);
  expect(hub.mesh("demo").store.get("outbox", db)).toBeDefined();
});

test("[VIS24] an answer to an older push does not settle a newer change", async () => {
  const hub = new TestHub();
  const { db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  const origin = hub.origin(db);
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  const old = origin.facts?.accessVersion ?? 0;
  origin.setFacts = () => Promise.resolve({ accessVersion: old });
  expect(valueOf(await demo.createGrant("db", "app")).propagated).toBe(false);
  expect(hub.mesh("demo").store.get("outbox", db)?.version).toBeGreaterThan(old);
});
