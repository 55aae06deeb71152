/** `dryRun=true`: what would become visible, with nothing applied. */
import { describe, expect, test } from "vitest";

import { summaryOf } from "../../../worker/routes/effects.ts";
import { memberRcc, REMOTE_ANNOTATION } from "../../../shared/visibility/rcc.ts";
import { TestHub, valueOf } from "./support.ts";

const DEMO = "/v1/meshes/demo";
const NONE = { endpoints: 0, namespaces: 0, records: 0 };

/** app has an RCC for db. */
async function hubWithRcc() {
  const hub = new TestHub();
  const uids = await hub.withClusters("app", "db", "web");
  await hub.call("PUT", `${DEMO}/clusters/app/rccs/db`, memberRcc("db"));
  const db = hub.origin(uids["db"] ?? "");
  db.difference = {
    appear: { endpoints: 412, namespaces: 3, records: 430 },
    disappear: NONE,
    change: NONE,
    sharedAddresses: [],
  };
  return { hub, uids, db };
}

/** All that the registry says, the audit and versions too. */
async function stateOf(hub: TestHub): Promise<string> {
  const paths = ["grants", "rccs", "audit", "status", "events", "clusters"];
  const bodies = await Promise.all(
    paths.map(async (path) => (await hub.call("GET", `${DEMO}/${path}`)).body),
  );
  return JSON.stringify([bodies, hub.mesh("demo").version(), [...hub.alarms]]);
}

test("[API50] a grant that is tried says what becomes visible to whom, and is not there", async () => {
  const { hub, db } = await hubWithRcc();
  const before = await stateOf(hub);
  const scope = { namespaces: ["shop"] };
  const grant = { origin: "db", reader: "app", scope };
  const tried = await hub.call("POST", `${DEMO}/grants?dryRun=true`, grant);
  expect(tried.status).toBe(200);
  expect(tried.body).toMatchObject({
    grant: { origin: { name: "db" }, reader: { name: "app" }, used: true, scope },
    propagated: false,
    effects: [
      {
        origin: { name: "db" },
        reader: { name: "app" },
        before: "nothing",
        after: "part",
        waitsFor: null,
        counts: { appear: { endpoints: 412, namespaces: 3 } },
        summary: "412 endpoints in 3 namespaces become visible to app",
      },
    ],
  });
  expect(db.compared).toEqual([["nothing", scope, []]]);
  expect(await stateOf(hub)).toBe(before);
});

test("[API50] each of the five changes is tried as it would be made, and refused as it would be", async () => {
  const { hub, db } = await hubWithRcc();
  await hub.call("POST", `${DEMO}/grants`, { origin: "db", reader: "app" });
  const before = await stateOf(hub);
  const shop = { namespaces: ["shop"] };
  const rcc = `${DEMO}/clusters/app/rccs/db`;
  const toWeb = {
    ...memberRcc("db"),
    metadata: { name: "db", annotations: { [REMOTE_ANNOTATION]: "web" } },
  };
  for (const [method, path, body, questions] of [
    ["PUT", `${DEMO}/grants/db/app`, { scope: shop }, [["all", shop, []]]],
    ["DELETE", `${DEMO}/grants/db/app`, undefined, [["all", "nothing", []]]],
    ["DELETE", rcc, undefined, [["all", "nothing", []]]],
    ["PUT", rcc, memberRcc("db"), [["all", "all", []]]],
    ["PUT", rcc, toWeb, [["all", "nothing", []]]],
    ["POST", `${DEMO}/clusters/web/rccs`, memberRcc("db"), [["nothing", "nothing", []]]],
  ] as const) {
    db.compared.length = 0;
    const headers = method === "PUT" ? { "if-match": "*" } : {};
    const tried = await hub.call(method, `${path}?dryRun=true`, body, headers);
    expect([method, path, tried.status]).toEqual([method, path, 200]);
    expect(db.compared).toEqual(questions);
  }
  for (const [method, path, body, status] of [
    ["POST", `${DEMO}/grants`, { origin: "db", reader: "app", scope: shop }, 409],
    ["DELETE", `${DEMO}/grants/app/db`, undefined, 404],
    ["POST", `${DEMO}/clusters/app/rccs`, memberRcc("db"), 409],
    ["PUT", `${DEMO}/clusters/app/rccs/none`, memberRcc("none"), 422],
    ["DELETE", `${DEMO}/clusters/app/rccs/none`, undefined, 404],
    ["PUT", `${DEMO}/grants/db/db`, {}, 422],
  ] as const) {
    const tried = await hub.call(method, `${path}?dryRun=true`, body);
    expect([method, path, tried.status]).toEqual([method, path, status]);
  }
  expect(await stateOf(hub)).toBe(before);
  // What was tried is then made as ever.
  expect((await hub.call("DELETE", `${DEMO}/grants/db/app?dryRun=false`)).body).toEqual({
    propagated: true,
  });
});

test("[API50] what else is needed is said: an RCC, a grant, the end of a suspension", async () => {
  const { hub } = await hubWithRcc();
  const effectOf = async (method: string, path: string, body?: unknown) => {
    const { body: answer } = await hub.call(method, `${DEMO}/${path}?dryRun=true`, body);
    return (answer["effects"] as { waitsFor: string; summary: string }[])[0];
  };
  expect(await effectOf("PUT", "grants/db/web", {})).toMatchObject({
    waitsFor: "rcc",
    summary:
      "412 endpoints in 3 namespaces become visible to web, once web has an RCC that names db",
  });
  expect(await effectOf("PUT", "clusters/web/rccs/db", memberRcc("db"))).toMatchObject({
    waitsFor: "grant",
  });
  valueOf(await hub.service("demo").suspendCluster("db", true));
  expect(await effectOf("PUT", "grants/db/app", {})).toMatchObject({ waitsFor: "resume" });
});

test("[API52] addresses that the reader or another it sees has too are told", async () => {
  const hub = new TestHub();
  const demo = hub.service("demo");
  const uids = await hub.withClusters("app", "db", "web");
  for (const name of ["app", "db", "web"])
    valueOf(await demo.setRanges(name, { sharedCidrs: ["10.9.0.0/16"] }));
  for (const remote of ["db", "web"])
    await hub.call("PUT", `${DEMO}/clusters/app/rccs/${remote}`, memberRcc(remote));
  await hub.call("POST", `${DEMO}/grants`, { origin: "web", reader: "app" });
  const [app, db, web] = ["app", "db", "web"].map((name) => hub.origin(uids[name] ?? ""));
  db!.difference = {
    ...db!.difference,
    appear: { endpoints: 3, namespaces: 1, records: 3 },
    sharedAddresses: ["10.9.0.1", "10.9.0.2", "10.9.0.3"],
  };
  app!.addresses = ["10.9.0.1"];
  web!.addresses = ["10.9.0.1", "10.9.0.3"];
  const tried = await hub.call("PUT", `${DEMO}/grants/db/app?dryRun=true`, {});
  expect(db!.compared).toEqual([["nothing", "all", ["10.9.0.0/16"]]]);
  expect(tried.body["effects"]).toMatchObject([
    {
      conflicts: [
        { address: "10.9.0.1", clusters: ["app", "web"] },
        { address: "10.9.0.3", clusters: ["web"] },
      ],
      conflictCount: 2,
      summary: "3 endpoints in 1 namespace become visible to app; 2 addresses conflict",
    },
  ]);
});

test("[API52] who else has an address is the operator's to know, not the owner's of one cluster", async () => {
  const hub = new TestHub();
  const demo = hub.service("demo");
  const uids = await hub.withClusters("app", "db");
  for (const name of ["app", "db"])
    valueOf(await demo.setRanges(name, { sharedCidrs: ["10.9.0.0/16"] }));
  await hub.call("PUT", `${DEMO}/clusters/app/rccs/db`, memberRcc("db"));
  const db = hub.origin(uids["db"] ?? "");
  db.difference = { ...db.difference, sharedAddresses: ["10.9.0.1"] };
  hub.origin(uids["app"] ?? "").addresses = ["10.9.0.1"];
  const made = await hub.call("POST", `${DEMO}/tokens`, {
    name: "own",
    role: "owner",
    cluster: "db",
    expiresSeconds: 600,
  });
  const authorization = `Bearer ${String(made.body["token"])}`;
  const path = `${DEMO}/grants/db/app?dryRun=true`;
  const conflictsFor = async (headers: Readonly<Record<string, string>>) =>
    (await hub.call("PUT", path, {}, headers)).body["effects"];
  expect(await conflictsFor({})).toMatchObject([
    { conflicts: [{ address: "10.9.0.1", clusters: ["app"] }], conflictCount: 1 },
  ]);
  expect(await conflictsFor({ authorization })).toMatchObject([
    { conflicts: [{ address: "10.9.0.1", clusters: [] }], conflictCount: 1 },
  ]);
});

test("[API50] an Origin that does not answer makes the effect unknown, and no failure", async () => {
  const { hub, db } = await hubWithRcc();
  db.mode = "fails";
  const tried = await hub.call("PUT", `${DEMO}/grants/db/app?dryRun=true`, {});
  expect([tried.status, tried.body["effects"]]).toMatchObject([
    200,
    [{ counts: null, error: "the Origin is broken" }],
  ]);
});

describe("the sentence", () => {
  const edge = {
    origin: { uid: "1", name: "db" },
    reader: { uid: "2", name: "app" },
    waitsFor: null,
  };
  const one = { endpoints: 1, namespaces: 1, records: 1 };
  const profiles = { endpoints: 0, namespaces: 0, records: 2 };
  test.each([
    [NONE, NONE, NONE, 0, "nothing of db becomes visible or invisible to app"],
    [one, NONE, NONE, 1, "1 endpoint in 1 namespace becomes visible to app; 1 address conflicts"],
    [
      NONE,
      { endpoints: 5, namespaces: 2, records: 9 },
      one,
      0,
      "5 endpoints in 2 namespaces become invisible to app; 1 endpoint in 1 namespace gets other labels for app",
    ],
    [profiles, NONE, NONE, 0, "2 records without an endpoint become visible to app"],
  ])("[API50] of %o, %o, %o, %i", (appear, disappear, change, conflicts, text) => {
    expect(summaryOf(edge, { appear, disappear, change }, conflicts)).toBe(text);
  });
});
