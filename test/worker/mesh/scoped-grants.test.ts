import { expect, test } from "vitest";

import type { Scope } from "../../../shared/visibility/scope.ts";
import { MESH_LIMITS } from "../../../worker/mesh/registry.ts";
import { rccRequest, refusalOf, TestHub, valueOf } from "./support.ts";

const SHOP: Scope = { namespaces: ["shop"] };
const ROLE: Scope = { labels: ["role"] };

/** `app` has an RCC that names `db`. */
async function hubOfPair() {
  const hub = new TestHub();
  const { app = "", db = "" } = await hub.withClusters("app", "db");
  const demo = hub.service("demo");
  valueOf(await demo.applyRcc("app", rccRequest("db"), "apply"));
  return { hub, demo, app, db, store: hub.mesh("demo").store };
}

test("[SCP3] a grant with a scope makes a scoped reader, and tells the reader what it sees", async () => {
  const { hub, demo, app, db } = await hubOfPair();
  const before = hub.mesh("demo").version();
  const { grant, propagated } = valueOf(await demo.createGrant("db", "app", SHOP));
  expect([grant.scope, grant.isUsed, propagated]).toEqual([SHOP, true, true]);
  expect(hub.mesh("demo").version()).toBe(before + 1);
  expect(hub.origin(db).facts).toMatchObject({
    readers: [],
    scopedReaders: [{ cluster: { uid: app }, rcc: "db", scope: SHOP }],
  });
  expect(hub.origin(app).facts?.remotes).toMatchObject([{ state: "granted", scope: SHOP }]);
  expect(valueOf(await demo.listRccs("app"))).toMatchObject([{ state: "granted" }]);
  expect(valueOf(await demo.viewOf("app")).origins.map(({ rcc }) => rcc)).toEqual([null, "db"]);
  valueOf(await demo.deleteGrant("db", "app"));
  expect(hub.origin(db).facts).not.toHaveProperty("scopedReaders");
  expect(hub.origin(app).facts?.remotes).toMatchObject([{ state: "not-granted" }]);
  expect(hub.origin(app).facts?.remotes[0]).not.toHaveProperty("scope");
});

test("[SCP3] a hub of the version before, which reads `grants` only, has no such grant: it shows nothing instead of everything", async () => {
  const { demo, store, app, db } = await hubOfPair();
  valueOf(await demo.createGrant("db", "app", SHOP));
  expect(store.list("grants")).toEqual([]);
  expect(store.list("scoped").map(([id]) => id)).toEqual([`${db}/${app}`]);
  valueOf(await demo.applyGrant("db", "app", null));
  expect([store.count("grants"), store.count("scoped")]).toEqual([1, 0]);
  valueOf(await demo.applyGrant("db", "app", ROLE));
  expect([store.count("grants"), store.count("scoped")]).toEqual([0, 1]);
});

test("[SCP3] repeating a grant changes nothing; creating one that shows something else is 409, and says what there is", async () => {
  const { hub, demo } = await hubOfPair();
  valueOf(await demo.createGrant("db", "app", SHOP));
  const version = hub.mesh("demo").version();
  valueOf(await demo.createGrant("db", "app", SHOP));
  valueOf(await demo.applyGrant("db", "app", SHOP));
  for (const other of [ROLE, null]) {
    const refused = refusalOf(await demo.createGrant("db", "app", other));
    expect(refused).toMatchObject({ status: 409, code: "grant-exists" });
    expect(refused.detail).toMatch(/grants app namespaces shop: use apply/);
  }
  valueOf(await demo.applyGrant("db", "app", null));
  const whole = refusalOf(await demo.createGrant("db", "app", SHOP));
  expect(whole.detail).toContain("grants app all: use apply");
  expect(hub.mesh("demo").version()).toBe(version + 1);
  expect(valueOf(await demo.audit(10)).map(({ action, subject }) => [action, subject])).toEqual([
    ["grant apply", "db to app: all"],
    ["grant create", "db to app: namespaces shop"],
    ["rcc apply", "app/db names db"],
    ["cluster add", "db"],
    ["cluster add", "app"],
    ["mesh create", "demo"],
  ]);
});

test("[SCP3] apply creates, narrows and widens, and each time both Origins are told", async () => {
  const { hub, demo, app, db } = await hubOfPair();
  const told = () => [hub.origin(db).facts, hub.origin(app).facts] as const;
  const first = valueOf(await demo.applyGrant("db", "app", null));
  expect(first.isNew).toBe(true);
  const { createdMs } = first.grant;
  hub.nowMs += 5_000;
  const narrowed = valueOf(await demo.applyGrant("db", "app", SHOP));
  expect([narrowed.isNew, narrowed.grant.createdMs]).toEqual([false, createdMs]);
  expect(told()).toMatchObject([
    { readers: [], scopedReaders: [{ scope: SHOP }] },
    { remotes: [{ state: "granted", scope: SHOP }] },
  ]);
  valueOf(await demo.applyGrant("db", "app", ROLE));
  expect(told()).toMatchObject([
    { readers: [], scopedReaders: [{ scope: ROLE }] },
    { remotes: [{ scope: ROLE }] },
  ]);
  const { accessVersion = 0 } = hub.origin(db).facts ?? {};
  valueOf(await demo.applyGrant("db", "app", null));
  expect(told().map((facts) => facts?.accessVersion)).toEqual([
    accessVersion + 1,
    accessVersion + 1,
  ]);
  expect(hub.origin(db).facts).toMatchObject({ readers: [{ cluster: { uid: app } }] });
  expect(hub.origin(db).facts).not.toHaveProperty("scopedReaders");
  expect(hub.origin(app).facts?.remotes[0]).not.toHaveProperty("scope");
  expect(valueOf(await demo.listGrants("db"))).toMatchObject([{ createdMs, scope: null }]);
});

test("[SCP3] where an older hub has added a grant of everything, the scope holds until somebody decides", async () => {
  const { hub, demo, app, db, store } = await hubOfPair();
  valueOf(await demo.createGrant("db", "app", SHOP));
  store.transaction(() => store.put("grants", `${db}/${app}`, { createdMs: 0 }));
  expect(hub.mesh("demo").facts(db)).toMatchObject({
    readers: [],
    scopedReaders: [{ scope: SHOP }],
  });
  expect(valueOf(await demo.listGrants(null))).toMatchObject([{ scope: SHOP }]);
  valueOf(await demo.deleteGrant("db", "app"));
  expect([store.count("grants"), store.count("scoped")]).toEqual([0, 0]);
});

test("[SCP3] what an older hub has told since is told again by a newer version, once; where none has decided, nothing is", async () => {
  const { hub, demo, app, db, store } = await hubOfPair();
  valueOf(await demo.createGrant("db", "app", SHOP));
  const told = hub.origin(db).facts;
  demo.onStart();
  hub.mesh("demo").noteRestore(1_000);
  demo.onStart();
  expect(store.count("outbox")).toBe(0);
  // As the version before does: a number of its own, and facts without the scope.
  const version = hub.mesh("demo").version() + 1;
  store.transaction(() => store.put("counters", "version", { value: version }));
  if (told !== null) hub.origin(db).facts = { ...told, accessVersion: version, scopedReaders: [] };
  demo.onStart();
  expect(store.list("outbox").map(([uid]) => uid)).toEqual([app, db].toSorted());
  hub.nowMs = hub.alarms.get("demo") ?? 0;
  await demo.onAlarm();
  expect(hub.origin(db).facts).toEqual({
    ...told,
    accessVersion: version + 1,
    unconfirmedRestore: 1_000,
  });
  demo.onStart();
  expect([hub.mesh("demo").version(), store.count("outbox")]).toEqual([version + 1, 0]);
});

test("[VIS29] removing a cluster takes its scoped grants, and those to it, and tells the other side", async () => {
  const { hub, demo, app, db, store } = await hubOfPair();
  valueOf(await demo.createGrant("db", "app", SHOP));
  valueOf(await demo.createGrant("app", "db", ROLE));
  const before = hub.origin(db).facts?.accessVersion ?? 0;
  valueOf(await demo.removeCluster("app"));
  expect(store.count("scoped")).toBe(0);
  expect(hub.origin(db).facts).not.toHaveProperty("scopedReaders");
  expect(hub.origin(db).facts?.accessVersion).toBe(before + 1);
  expect(hub.origin(app).facts).toMatchObject({ removed: true, readers: [], remotes: [] });
});

test("[SCP3] scoped grants of a cluster that an older hub removed are nobody's", async () => {
  const { hub, demo, app, db, store } = await hubOfPair();
  valueOf(await demo.createGrant("db", "app", SHOP));
  const [, row] = store.list("scoped")[0] ?? [];
  valueOf(await demo.removeCluster("app"));
  store.transaction(() => store.put("scoped", `${db}/${app}`, row ?? { createdMs: 0, scope: {} }));
  expect(valueOf(await demo.listGrants(null))).toEqual([]);
  expect(hub.mesh("demo").facts(db)).not.toHaveProperty("scopedReaders");
});

test("[SCP2] the 17th scope of an origin is refused by name and changes nothing; equal ones are one, and one may be replaced", async () => {
  const most = MESH_LIMITS.scopesPerOrigin;
  const readers = Array.from({ length: most + 2 }, (_, n) => `r${n}`);
  const hub = new TestHub();
  await hub.withClusters("db", ...readers);
  const demo = hub.service("demo");
  const scopeOf = (n: number): Scope => ({ namespaces: [`n${n}`] });
  for (let n = 0; n < most; n++) valueOf(await demo.createGrant("db", `r${n}`, scopeOf(n)));
  const store = hub.mesh("demo").store;
  for (const refused of [
    refusalOf(await demo.createGrant("db", `r${most}`, scopeOf(most))),
    refusalOf(await demo.applyGrant("db", `r${most}`, scopeOf(most))),
  ]) {
    expect(refused).toMatchObject({ status: 422, code: "too-many" });
    expect(refused.detail).toContain("at most 16 different scopes");
  }
  expect(store.count("scoped")).toBe(most);
  valueOf(await demo.createGrant("db", `r${most}`, scopeOf(0)));
  valueOf(await demo.createGrant("db", `r${most + 1}`, null));
  valueOf(await demo.applyGrant("db", "r5", scopeOf(most)));
  valueOf(await demo.removeCluster("r6"));
  valueOf(await demo.applyGrant("db", "r7", scopeOf(most + 1)));
});

test("[SCP2] [SCP11] scopes that would make a cluster's facts too large to be kept or sent are refused, with the grant or with the RCC", async () => {
  const hub = new TestHub();
  const { db = "" } = await hub.withClusters("db", "a", "b", "c");
  const demo = hub.service("demo");
  const large: Scope = {
    labels: Array.from({ length: 250 }, (_, n) => `${n}`.padStart(400, "x")),
  };
  for (const reader of ["a", "b", "c"]) {
    valueOf(await demo.createGrant("db", reader, large));
    if (reader !== "c") valueOf(await demo.applyRcc(reader, rccRequest("db"), "apply"));
  }
  const refused = refusalOf(await demo.applyRcc("c", rccRequest("db"), "apply"));
  expect(refused).toMatchObject({ status: 422, code: "too-many" });
  expect(refused.detail).toContain("262144");
  expect(hub.origin(db).facts?.scopedReaders).toHaveLength(2);
  valueOf(await demo.applyGrant("db", "c", SHOP));
  valueOf(await demo.applyRcc("c", rccRequest("db"), "apply"));
  expect(refusalOf(await demo.applyGrant("db", "c", large)).code).toBe("too-many");
  expect(hub.origin(db).facts?.scopedReaders).toMatchObject([{}, {}, { scope: SHOP }]);
});
