import { expect, test } from "vitest";

import type { MeshStatus } from "../../../shared/api/status.ts";
import type { EdgeReport } from "../../../shared/visibility/facts.ts";
import { worstFirst } from "../../../cli/commands/status.ts";
import { rccRequest, TestHub, valueOf } from "./support.ts";

/** app sees db, and both relays are connected. */
async function world() {
  const hub = new TestHub();
  const uids = await hub.withClusters("db", "app");
  const demo = hub.service("demo");
  valueOf(await demo.applyRcc("app", rccRequest("db"), "create"));
  valueOf(await demo.createGrant("db", "app"));
  const report: EdgeReport = {
    rcc: "db",
    origin: { uid: uids["db"]!, name: "db" },
    connectionStatus: 2,
    endpoints: 3,
    refused: 0,
    digest: null,
    revision: 7,
  };
  const connected = { publisher: "connected", lastSeenMs: hub.nowMs } as const;
  hub.origin(uids["db"]!).report = connected;
  hub.origin(uids["app"]!).report = { ...connected, edges: [report] };
  const status = async () =>
    (await hub.call("GET", "/v1/meshes/demo/status")).body as unknown as MeshStatus;
  const conditions = async () =>
    Object.fromEntries(
      ((await status()).edges[0]?.conditions ?? []).map(({ type, status: is, reason }) => [
        type,
        `${is} ${reason}`,
      ]),
    );
  return { hub, demo, uids, status, conditions };
}

test("[API44] an edge has the conditions Accepted, Granted, Connected and InSync, each with its reason", async () => {
  const { hub, demo, uids, status, conditions } = await world();
  expect(await conditions()).toEqual({
    Accepted: "True Accepted",
    Granted: "True Granted",
    Connected: "True Connected",
    InSync: "True Equal",
  });
  const { accessVersion } = (await status()).mesh;
  expect((await status()).edges[0]?.conditions[3]?.observedGeneration).toBe(accessVersion);
  hub.origin(uids["db"]!).report = { publisher: "absent", lastSeenMs: hub.nowMs };
  expect(await conditions()).toMatchObject({
    Connected: "True Connected",
    InSync: "False OriginAway",
  });
  hub.origin(uids["app"]!).report = {};
  expect(await conditions()).toMatchObject({ Connected: "Unknown NoReport", InSync: /^Unknown/ });
  valueOf(await demo.deleteGrant("db", "app"));
  expect(await conditions()).toMatchObject({ Granted: "False NoGrant", Connected: /^False/ });
});

test("[API57] an RCC that is got has all of them, lists and grants those of the registry", async () => {
  const { hub, demo, uids } = await world();
  const shown = (conditions: unknown) =>
    (conditions as { type: string; status: string; reason: string }[]).map(
      ({ type, status, reason }) => `${type} ${status} ${reason}`,
    );
  const get = async (path: string) => (await hub.call("GET", `/v1/meshes/demo/${path}`)).body;
  const ofRcc = async () =>
    shown(((await get("clusters/app/rccs/db"))["status"] as { conditions: unknown }).conditions);
  const first = async (path: string) => ((await get(path))["items"] as Record<string, never>[])[0];
  const ofList = async () =>
    shown((await first("clusters/app/rccs"))?.["status"]?.["conditions"] ?? []);
  const ofGrant = async () => shown((await first("grants"))?.["conditions"] ?? []);
  const registry = ["Accepted True Accepted", "Granted True Granted"];
  expect(await ofRcc()).toEqual([...registry, "Connected True Connected", "InSync True Equal"]);
  expect([await ofList(), await ofGrant()]).toEqual([registry, registry]);
  hub.origin(uids["db"]!).mode = "fails";
  expect((await ofRcc())[3]).toBe("InSync False OriginUnknown");
  hub.origin(uids["db"]!).mode = "works";
  const overlay = { ...rccRequest("db"), overlayRoutingMode: "Enabled" as const };
  valueOf(await demo.applyRcc("app", overlay, "apply"));
  expect((await ofRcc())[4]).toBe("OverlayReady False NotReady");
  expect((await ofList())[2]).toBe("OverlayReady False NotReady");
  valueOf(await demo.suspendCluster("db", true));
  expect((await ofRcc())[1]).toBe("Granted False Suspended");
  valueOf(await demo.suspendCluster("db", false));
  valueOf(await demo.deleteRcc("app", "db"));
  expect(await ofGrant()).toEqual(["Accepted False NoRcc", "Granted True Granted"]);
  valueOf(await demo.applyRcc("app", rccRequest("db"), "create"));
  valueOf(await demo.deleteGrant("db", "app"));
  expect((await ofRcc()).slice(1)).toEqual([
    "Granted False NoGrant",
    "Connected False NotGranted",
    "InSync False NotGranted",
  ]);
});

test("[API59] each side sees what it shows and sees, with the scope, and nothing of others", async () => {
  const { hub, demo, uids } = await world();
  uids["web"] = valueOf(await demo.addCluster("web")).cluster.uid;
  valueOf(await demo.applyRcc("web", rccRequest("db"), "create"));
  valueOf(await demo.applyGrant("db", "app", { namespaces: ["shop"] }));
  const exchange = async (cluster: string) =>
    (await hub.call("GET", `/v1/meshes/demo/clusters/${cluster}/exchange`)).body;
  const side = {
    rcc: "db",
    scope: { namespaces: ["shop"] },
    connection: "InSync",
    endpoints: 3,
    refused: 0,
  };
  expect(await exchange("db")).toMatchObject({
    cluster: { name: "db" },
    shows: [
      { peer: { name: "app" }, ...side },
      { peer: { name: "web" }, connection: "NotGranted", endpoints: 0 },
    ],
    sees: [],
  });
  expect(await exchange("app")).toMatchObject({
    shows: [],
    sees: [{ peer: { name: "db" }, ...side }],
  });
  expect(JSON.stringify(await exchange("app"))).not.toContain("web");
  expect((await hub.call("GET", "/v1/meshes/demo/clusters/none/exchange")).status).toBe(404);
});

test("[VIS50] a suspended cluster neither sees nor is seen, and all of it stays", async () => {
  const { hub, uids, conditions } = await world();
  const path = "/v1/meshes/demo/clusters/db";
  expect((await hub.call("POST", `${path}/suspend`)).status).toBe(200);
  expect(hub.origin(uids["db"]!).facts?.readers).toEqual([]);
  expect(hub.origin(uids["app"]!).facts?.remotes[0]?.state).toBe("not-granted");
  expect(await conditions()).toMatchObject({ Granted: "False Suspended" });
  expect((await hub.call("GET", path)).body).toMatchObject({ suspended: true });
  // Repeating it changes nothing.
  const version = hub.mesh("demo").version();
  await hub.call("POST", `${path}/suspend`);
  expect(hub.mesh("demo").version()).toBe(version);
  expect((await hub.call("POST", `${path}/resume`)).status).toBe(200);
  expect(hub.origin(uids["db"]!).facts?.readers).toHaveLength(1);
  expect(await conditions()).toMatchObject({ InSync: "True Equal" });
  const events = (await hub.call("GET", "/v1/meshes/demo/events")).body["items"];
  expect(events).toMatchObject([{ type: "cluster.suspended" }, { type: "cluster.resumed" }]);
});

test("[API45] metrics are Prometheus text, and names are escaped", async () => {
  const { hub } = await world();
  const answer = await hub.app.request("/v1/meshes/demo/metrics", {
    headers: { authorization: "Bearer test-admin-token" },
  });
  expect(answer.headers.get("content-type")).toContain("text/plain");
  const text = await answer.text();
  expect(text).toContain('catwalk_cluster_connected{mesh="demo",cluster="db"} 1\n');
  expect(text).toContain(
    'remote_cluster_connection_status{mesh="demo",cluster="app",rcc="db",origin="db"} 2\n',
  );
  for (const line of text.trim().split("\n"))
    expect(line).toMatch(/^(# (HELP|TYPE) |[a-z_]+\{[^}]*\} [-\d.]+$)/);
  expect((await hub.app.request("/v1/meshes/demo/metrics")).status).toBe(401);
});

test("[CLI74] status lists the worst first", async () => {
  const { status } = await world();
  const { edges, clusters, ...rest } = await status();
  const [edge, cluster] = [edges[0]!, clusters[0]!];
  const named = (word: "InSync" | "Unknown" | "ReSyncInProgress") => ({
    ...edge,
    connection: word,
  });
  const sorted = worstFirst({
    ...rest,
    edges: [named("InSync"), named("ReSyncInProgress"), named("Unknown")],
    clusters: [cluster, { ...cluster, health: { ...cluster.health, state: "lost" } }],
  });
  expect(sorted.edges.map(({ connection }) => connection)).toEqual([
    "Unknown",
    "ReSyncInProgress",
    "InSync",
  ]);
  expect(sorted.clusters.map(({ health }) => health.state)).toEqual(["lost", "ok"]);
});
