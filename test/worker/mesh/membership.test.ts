import { expect, test } from "vitest";

import { hashToken, meshOfToken } from "../../../worker/mesh/membership.ts";
import { rccRequest, refusalOf, TestHub, valueOf } from "./support.ts";

const DAY_MS = 24 * 3600 * 1000;

test("[VIS21] a cluster added again under its name has another UID and inherits nothing", async () => {
  const hub = new TestHub();
  const before = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  valueOf(await demo.createGrant("db", "app"));
  valueOf(await demo.removeCluster("db"));
  const again = valueOf(await demo.addCluster("db")).cluster.uid;
  expect(again).not.toBe(before["db"]);
  expect(valueOf(await demo.listRccs("app"))).toEqual([]);
  expect(valueOf(await demo.listGrants(null))).toEqual([]);
  expect(hub.origin(again).facts?.readers).toEqual([]);
});

test("[VIS29] a removed cluster's Origin hears it, and so do those that it saw or that saw it", async () => {
  const hub = new TestHub();
  const { app = "", db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  valueOf(await demo.createGrant("db", "app"));
  expect(hub.origin(app).facts?.remotes).toHaveLength(1);
  valueOf(await demo.removeCluster("db"));
  expect(hub.origin(db).facts).toMatchObject({ removed: true, readers: [] });
  expect(hub.origin(app).facts?.remotes).toEqual([]);
});

test("[VIS29] deleting a mesh removes its clusters, and the next of its name has another id and later versions", async () => {
  const hub = new TestHub();
  const { db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  const old = hub.origin(db).facts;
  valueOf(await demo.deleteMesh());
  expect(hub.origin(db).facts?.removed).toBe(true);
  expect(refusalOf(await demo.getMesh()).status).toBe(404);
  const mesh = valueOf(await demo.createMesh("demo"));
  const made = valueOf(await demo.addCluster("db")).cluster;
  const facts = hub.origin(made.uid).facts;
  expect(mesh.id).not.toBe(old?.meshId);
  expect(facts?.accessVersion).toBeGreaterThan(old?.accessVersion ?? 0);
  expect((await demo.pullFacts(db))?.removed).toBe(true);
});

test("[VIS28] a second cluster or mesh of a name is refused and changes nothing", async () => {
  const hub = new TestHub();
  const uids = await hub.withClusters("app");
  const demo = hub.service("demo");
  expect(refusalOf(await demo.addCluster("app"))).toMatchObject({ status: 409 });
  expect(refusalOf(await demo.createMesh("demo"))).toMatchObject({ status: 409 });
  expect(valueOf(await demo.listClusters()).map(({ uid }) => uid)).toEqual([uids["app"]]);
});

test("[CRE1] the same token and key give the same membership as often as asked", async () => {
  const hub = new TestHub();
  valueOf(await hub.service("demo").createMesh("demo"));
  const { token } = valueOf(await hub.service("demo").addCluster("db"));
  const hash = hashToken(token.joinToken);
  const first = valueOf(await hub.service("demo").join(hash, "key-1", true));
  expect(first).toMatchObject({ mesh: "demo", cluster: { name: "db" }, keyGeneration: 1 });
  hub.nowMs += 2 * DAY_MS;
  expect(valueOf(await hub.service("demo").join(hash, "key-1", true))).toMatchObject(first);
});

test("[CRE2] a wrong token is 401, an expired one 410, one used with another key 409", async () => {
  const hub = new TestHub();
  const demo = hub.service("demo");
  valueOf(await demo.createMesh("demo"));
  const { token } = valueOf(await demo.addCluster("db"));
  expect(refusalOf(await demo.join(hashToken("cwj_demo_00"), "key-1", true)).status).toBe(401);
  expect(
    refusalOf(await hub.service("other").join(hashToken(token.joinToken), "k", true)).status,
  ).toBe(401);
  valueOf(await demo.join(hashToken(token.joinToken), "key-1", true));
  expect(refusalOf(await demo.join(hashToken(token.joinToken), "key-2", true)).status).toBe(409);
  const late = valueOf(await demo.newToken("db"));
  hub.nowMs += DAY_MS;
  expect(refusalOf(await demo.join(hashToken(late.joinToken), "key-2", true)).status).toBe(410);
});

test("[CRE6] a new token's key retires the older one, at the cluster's Origin and at those it reads", async () => {
  const hub = new TestHub();
  const { app = "", db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  valueOf(await demo.createGrant("db", "app"));
  for (const [kid, generation] of [
    ["key-1", 1],
    ["key-2", 2],
  ] as const) {
    const { joinToken } = valueOf(await demo.newToken("app"));
    valueOf(await demo.join(hashToken(joinToken), kid, true));
    expect(hub.origin(app).facts?.keyGeneration).toBe(generation);
    expect(hub.origin(db).facts?.readers[0]?.keyGeneration).toBe(generation);
  }
});

test("[CRE6] a new token used with the key in use changes nothing; an old token of a replaced key says so", async () => {
  const hub = new TestHub();
  const demo = hub.service("demo");
  valueOf(await demo.createMesh("demo"));
  const { token } = valueOf(await demo.addCluster("db"));
  valueOf(await demo.join(hashToken(token.joinToken), "key-1", true));
  const second = valueOf(await demo.newToken("db"));
  expect(valueOf(await demo.join(hashToken(second.joinToken), "key-1", true)).keyGeneration).toBe(
    1,
  );
  const third = valueOf(await demo.newToken("db"));
  expect(valueOf(await demo.join(hashToken(third.joinToken), "key-2", true)).keyGeneration).toBe(2);
  expect(refusalOf(await demo.join(hashToken(token.joinToken), "key-1", true)).code).toBe(
    "key-replaced",
  );
});

test("[CRE30] a key that joins beside the one in use retires it when a relay comes with it; a replacement retires both", async () => {
  const hub = new TestHub();
  const { app = "", db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  valueOf(await demo.createGrant("db", "app"));
  const join = async (kid: string, isBeside: boolean): Promise<readonly [string, number]> => {
    const { joinToken } = valueOf(await demo.newToken("app"));
    const made = await demo.join(hashToken(joinToken), kid, true, isBeside);
    return [joinToken, valueOf(made).keyGeneration];
  };
  const inUse = () => [
    hub.origin(app).facts?.keyGeneration,
    hub.origin(db).facts?.readers[0]?.keyGeneration,
  ];
  // The first key is beside none.
  await join("key-1", true);
  expect(inUse()).toEqual([1, 1]);
  const [token, generation] = await join("key-2", true);
  expect([generation, inUse()]).toEqual([2, [1, 1]]);
  // The same token and key give the same again.
  expect(valueOf(await demo.join(hashToken(token), "key-2", true, true)).keyGeneration).toBe(2);
  const note = { pools: null, dropped: [] };
  // Its own Origin has the facts as the answer to its note.
  expect((await demo.noteCluster(app, { ...note, keyGeneration: 2 }))?.keyGeneration).toBe(2);
  expect(inUse()[1]).toBe(2);
  expect(valueOf(await demo.audit(2)).map(({ action, subject }) => [action, subject])).toEqual([
    ["key", "key-2, generation 2, as it was shown"],
    ["join beside", "key key-2, generation 2"],
  ]);
  expect((await join("key-2", false))[1]).toBe(2);
  // Stolen while another one is on its way: both are older than what replaces them.
  expect((await join("key-3", true))[1]).toBe(3);
  expect((await join("key-4", false))[1]).toBe(4);
  expect(inUse()).toEqual([4, 4]);
  expect((await demo.noteCluster(app, { ...note, keyGeneration: 3 }))?.keyGeneration).toBe(4);
  expect(inUse()).toEqual([4, 4]);
  expect(refusalOf(await demo.join(hashToken(token), "key-2", true, true)).code).toBe(
    "key-replaced",
  );
});

test("[CRE2] a token's text names its mesh, and anything else is not a token", () => {
  const secret = "0".repeat(48);
  expect(meshOfToken(`cwj_my-mesh_${secret}`)).toBe("my-mesh");
  for (const text of ["", `cwj_My_${secret}`, `cwj__${secret}`, "cwj_demo_12", `x${secret}`])
    expect(meshOfToken(text)).toBeNull();
});

test("[CRE2] a token of a removed cluster is wrong", async () => {
  const hub = new TestHub();
  const demo = hub.service("demo");
  valueOf(await demo.createMesh("demo"));
  const { token } = valueOf(await demo.addCluster("db"));
  valueOf(await demo.removeCluster("db"));
  expect(refusalOf(await demo.join(hashToken(token.joinToken), "key-1", true)).status).toBe(401);
});

test("[API7] what an admin and a cluster did is in the audit, newest first, without secrets", async () => {
  const hub = new TestHub();
  const demo = hub.service("demo");
  valueOf(await demo.createMesh("demo"));
  const { token } = valueOf(await demo.addCluster("db"));
  valueOf(await demo.join(hashToken(token.joinToken), "key-1", true));
  const rows = valueOf(await demo.audit(10));
  expect(rows.map(({ who, action }) => [who, action])).toEqual([
    ["cluster db", "join"],
    ["admin", "cluster add"],
    ["admin", "mesh create"],
  ]);
  expect(JSON.stringify(rows)).not.toContain(token.joinToken);
});

test("[CRE18] after a restore a newer credential retires the older key at all Origins, and no generation is given out twice", async () => {
  const restored = async (atMs: number) => {
    const hub = new TestHub();
    const { app = "", db = "" } = await hub.withClusters("app", "db");
    const demo = hub.service("demo");
    valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
    valueOf(await demo.createGrant("db", "app"));
    const { joinToken } = valueOf(await demo.newToken("app"));
    expect(valueOf(await demo.join(hashToken(joinToken), "old", true)).keyGeneration).toBe(1);
    hub.mesh("demo").noteRestore(atMs);
    return { hub, demo, app, db };
  };
  const atMs = 1_800_000_000_000;
  const { hub, demo, app, db } = await restored(atMs);
  const note = { pools: null, dropped: [] };
  expect((await demo.noteCluster(app, { ...note, keyGeneration: 2 }))?.keyGeneration).toBe(2);
  expect(hub.mesh("demo").facts(db)?.readers).toMatchObject([{ keyGeneration: 2 }]);
  const rows = valueOf(await demo.audit(1));
  expect(rows).toMatchObject([{ action: "key", subject: "generation 2, from before a restore" }]);
  // An older one, or the same again, changes nothing.
  expect((await demo.noteCluster(app, { ...note, keyGeneration: 1 }))?.keyGeneration).toBe(2);
  const join = async (service: typeof demo): Promise<number> => {
    const { joinToken } = valueOf(await service.newToken("app"));
    return valueOf(await service.join(hashToken(joinToken), "newer", true)).keyGeneration;
  };
  const next = await join(demo);
  expect(next).toBe(atMs);
  // The same backup, restored again later.
  const again = await restored(atMs + 60_000);
  expect(await join(again.demo)).toBeGreaterThan(next);
});

test("[VIS49] claims of a member, however many, take nothing of the operator's from the audit", async () => {
  const hub = new TestHub();
  const { db = "" } = await hub.withClusters("db");
  const demo = hub.service("demo");
  const claims = Array.from({ length: 3_000 }, (_, n) => ({
    cidr: `172.16.${n >> 8}.${n & 255}/32`,
    use: "nodes" as const,
  }));
  await demo.claimRanges(db, claims);
  const rows = valueOf(await demo.audit(10_000));
  expect(rows.filter(({ action }) => action === "first claim")).toHaveLength(3_000);
  const ids = hub
    .mesh("demo")
    .store.list("audit")
    .map(([id]) => id);
  const operators = ids.filter((id) => !id.startsWith("members/"));
  // The oldest entry that goes is chosen by the number of those of the same list.
  expect(operators.at(-1)).toBe("000000000002");
  expect(ids.at(-1)).toBe("members/000000003000");
});
