/** Routes × roles × meshes: who may make which request. */
import { expect, test } from "vitest";

import type { Operation } from "../../../shared/api/operation.ts";
import { wireRequest } from "../../../shared/api/request.ts";
import { memberRcc } from "../../../shared/visibility/rcc.ts";
import { OPERATIONS } from "../../support/operations.ts";
import { TestHub, valueOf } from "../mesh/support.ts";

/** What each operation is sent, about the cluster `db`. */
const BODIES: Readonly<Record<string, unknown>> = {
  createMesh: { name: "other" },
  addCluster: { name: "new" },
  setClusterRanges: { cidrs: ["10.9.0.0/16"] },
  createRcc: memberRcc("app"),
  applyRcc: memberRcc("app"),
  createGrant: { origin: "db", reader: "app" },
  applyGrant: {},
  syncOwn: { writes: [] },
  createWebhook: { url: "https://ops.example/hook" },
  updateWebhook: {},
  redeliverWebhook: { event: 1 },
  decideWithdrawals: { decision: "confirm" },
  orderPathCheck: { phase: "listen" },
  createApiToken: { name: "some", role: "viewer", expiresSeconds: 600 },
};

const LEAST: Readonly<Record<string, readonly string[]>> = {
  hub: ["hub"],
  admin: ["hub", "admin"],
  editor: ["hub", "admin", "editor"],
  viewer: ["hub", "admin", "editor", "viewer"],
};

/** May be asked by the owner of the cluster that the request is about. */
const OWNERS = new Set([
  "getCluster",
  "getView",
  "getExchange",
  "createRcc",
  "applyRcc",
  "deleteRcc",
  "listRccs",
  "getRcc",
  "createGrant",
  "getGrant",
  "applyGrant",
  "deleteGrant",
  "listGrants",
  "listWithdrawals",
  "decideWithdrawals",
]);

const CALLERS = ["hub", "admin", "editor", "viewer", "owner of db", "owner of app"] as const;

async function world() {
  const hub = new TestHub();
  await hub.withClusters("db", "app");
  const tokens = new Map<string, string>([["hub", ""]]);
  for (const role of ["admin", "editor", "viewer"]) tokens.set(role, await makeToken(hub, role));
  for (const cluster of ["db", "app"])
    tokens.set(`owner of ${cluster}`, await makeToken(hub, "owner", cluster));
  return { hub, tokens };
}

async function makeToken(hub: TestHub, role: string, cluster?: string): Promise<string> {
  const made = await hub.call("POST", "/v1/meshes/demo/tokens", {
    name: role,
    role,
    expiresSeconds: 3600,
    ...(cluster === undefined ? {} : { cluster }),
  });
  return String(made.body["token"]);
}

function requestOf(operation: Operation, mesh = "demo", cluster = "db") {
  const params = {
    mesh,
    cluster,
    origin: cluster,
    reader: "app",
    to: "app",
    rcc: "app",
    webhook: "wh_0123456789abcdef",
    token: "tok_0123456789abcdef",
  };
  const query = operation.id === "listGrants" ? { origin: cluster } : {};
  const body = BODIES[operation.id];
  return wireRequest(operation, { params, query, body } as never);
}

async function statusOf(hub: TestHub, token: string, request: ReturnType<typeof requestOf>) {
  const { method, path, body } = request;
  const answer = await hub.call(
    method,
    path,
    body,
    token === "" ? {} : { authorization: `Bearer ${token}` },
  );
  return answer.status;
}

const ADMIN_API = OPERATIONS.filter(({ access }) => access !== "anyone");

test("[API40] routes × roles: a request is served to the roles that its document names, and to no other", async () => {
  const table: Record<string, readonly string[]> = {};
  for (const operation of ADMIN_API) {
    const allowed: string[] = [];
    for (const caller of CALLERS) {
      // Of its own: what one caller changes is not there for the next.
      const { hub, tokens } = await world();
      const status = await statusOf(hub, tokens.get(caller) ?? "", requestOf(operation));
      expect([operation.id, caller, status]).not.toEqual([operation.id, caller, 401]);
      if (status !== 403) allowed.push(caller);
    }
    table[operation.id] = allowed;
  }
  const expected = Object.fromEntries(
    ADMIN_API.map(({ id, access }) => [
      id,
      [...(LEAST[access] ?? []), ...(OWNERS.has(id) ? ["owner of db"] : [])],
    ]),
  );
  expect(table).toEqual(expected);
});

test("[API40] tokens of one mesh are nothing in another, and no name is made by asking", async () => {
  const { hub, tokens } = await world();
  await hub.call("POST", "/v1/meshes", { name: "prod" });
  for (const [caller, token] of tokens) {
    if (caller === "hub") continue;
    for (const operation of ADMIN_API.filter(({ path }) => path.includes("{mesh}")))
      expect([operation.id, await statusOf(hub, token, requestOf(operation, "prod"))]).toEqual([
        operation.id,
        401,
      ]);
  }
  hub.touched.clear();
  const foreign = `cwt_nowhere_${"0".repeat(48)}`;
  const ask = { method: "GET", path: "/v1/meshes/nowhere" };
  expect(await statusOf(hub, foreign, ask)).toBe(401);
  expect([...hub.touched]).toEqual([]);
});

test("[API40] an owner's path to another cluster's view is closed, WebSocket and all", async () => {
  const { hub, tokens } = await world();
  const path = "/v1/meshes/demo/clusters/db/view/0123";
  for (const [caller, status] of [
    ["owner of app", 403],
    ["owner of db", 426],
    ["viewer", 426],
  ] as const)
    expect(await statusOf(hub, tokens.get(caller) ?? "", { method: "GET", path })).toBe(status);
});

test("[API42] a token is kept as a hash, expires, says when it was used, and is taken back at once", async () => {
  const { hub, tokens } = await world();
  const viewer = tokens.get("viewer") ?? "";
  const ask = { method: "GET", path: "/v1/meshes/demo" };
  expect(await statusOf(hub, viewer, ask)).toBe(200);
  const rows = hub.mesh("demo").store.list("apitokens");
  expect(JSON.stringify(rows)).not.toContain(viewer);
  const listed = await hub.call("GET", "/v1/meshes/demo/tokens");
  const items = listed.body["items"] as { id: string; role: string; lastUsedAt: string | null }[];
  const shown = items.find(({ role }) => role === "viewer");
  expect(shown?.lastUsedAt).not.toBeNull();
  expect(JSON.stringify(listed.body)).not.toContain(viewer.slice(-48));
  await hub.call("DELETE", `/v1/meshes/demo/tokens/${shown?.id}`);
  expect(await statusOf(hub, viewer, ask)).toBe(401);
  const editor = tokens.get("editor") ?? "";
  hub.nowMs += 3_600_000;
  expect(await statusOf(hub, editor, ask)).toBe(401);
});

test("[API42] an owner's token goes with its cluster, also where one of its name is added", async () => {
  const { hub, tokens } = await world();
  const owner = tokens.get("owner of db") ?? "";
  const ask = { method: "GET", path: "/v1/meshes/demo/clusters/db" };
  expect(await statusOf(hub, owner, ask)).toBe(200);
  valueOf(await hub.service("demo").removeCluster("db"));
  valueOf(await hub.service("demo").addCluster("db"));
  expect(await statusOf(hub, owner, ask)).toBe(401);
});

test("[API43] the audit tells who", async () => {
  const { hub, tokens } = await world();
  const request = requestOf(OPERATIONS.find(({ id }) => id === "createGrant")!);
  expect(await statusOf(hub, tokens.get("owner of db") ?? "", request)).toBe(201);
  const audit = await hub.call("GET", "/v1/meshes/demo/audit");
  expect(audit.body["items"]).toContainEqual(
    expect.objectContaining({ who: "token owner (owner)", action: "grant create" }),
  );
});

test("[API41] a token makes 200 requests at once and 50 a second, another is not concerned", async () => {
  const { hub, tokens } = await world();
  const ask = { method: "GET", path: "/v1/meshes/demo" };
  const viewer = tokens.get("viewer") ?? "";
  const statuses: number[] = [];
  for (let i = 0; i < 203; i++) statuses.push(await statusOf(hub, viewer, ask));
  expect(statuses.filter((status) => status === 200).length).toBe(201);
  expect(statuses.at(-1)).toBe(429);
  expect(await statusOf(hub, tokens.get("editor") ?? "", ask)).toBe(200);
  hub.nowMs += 1_000;
  expect(await statusOf(hub, viewer, ask)).toBe(200);
});
