import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { CryptoKey } from "jose";
import { expect, test, vi } from "vitest";

import { MESH_NAME_RULE } from "../../../shared/lib/mesh-name.ts";
import { VERSION } from "../../../shared/lib/version.ts";
import { PROTOCOL_VERSIONS } from "../../../shared/protocol/version.ts";
import { parseRcc } from "../../../shared/visibility/rcc.ts";
import type { OriginStatus } from "../../../shared/visibility/origin-status.ts";
import { BUDGETS } from "../../../worker/origin/budgets/limits.ts";
import { toHex } from "../../../shared/lib/bytes.ts";
import { sha256 } from "../../../shared/lib/hash.ts";
import { INTERNAL_HEADERS } from "../../../worker/ports.ts";
import { ADMIN_TOKEN, TestHub, valueOf } from "./support.ts";
import type { Answer } from "./support.ts";

const RCC = {
  apiVersion: "projectcalico.org/v3",
  kind: "RemoteClusterConfiguration",
  metadata: { name: "db" },
};
const DEMO = "/v1/meshes/demo";
/** Replaces what is there. [API63] */
const ANY = { "if-match": "*" };

async function hubWithPair(): Promise<{ hub: TestHub; uids: Record<string, string> }> {
  const hub = new TestHub();
  const uids = await hub.withClusters("app", "db");
  expect((await hub.call("PUT", `${DEMO}/clusters/app/rccs/db`, RCC)).status).toBe(201);
  const grant = { origin: "db", reader: "app" };
  expect((await hub.call("POST", `${DEMO}/grants`, grant)).status).toBe(201);
  return { hub, uids };
}

test("[API1] every error is problem+json with status, code and a sentence", async () => {
  const { hub } = await hubWithPair();
  const cases = [
    ["GET", "/v1/nothing", undefined, 404],
    ["GET", `${DEMO}/nothing`, undefined, 404],
    ["PATCH", "/v1/meshes", undefined, 405],
    ["DELETE", `${DEMO}/status`, undefined, 405],
    ["GET", "/v1/meshes/other", undefined, 404],
    ["GET", `${DEMO}/clusters/web`, undefined, 404],
    ["GET", "/v1/meshes/Bad_Name", undefined, 400],
    ["POST", "/v1/meshes", "{ not json", 400],
    ["POST", "/v1/meshes", {}, 400],
    ["POST", "/v1/meshes", { name: 1 }, 400],
    ["POST", "/v1/meshes", { name: "demo", extra: 1 }, 400],
    ["POST", "/v1/meshes", { name: "demo" }, 409],
    ["POST", `${DEMO}/clusters`, { name: "x", cidrs: "10.0.0.0/8" }, 400],
    ["POST", `${DEMO}/clusters`, { name: "x", cidrs: ["127.0.0.0/8"] }, 422],
    ["POST", `${DEMO}/grants`, { origin: "db", reader: "db" }, 422],
    ["GET", `${DEMO}/quarantine?limit=0`, undefined, 400],
    ["GET", `${DEMO}/quarantine?limt=5`, undefined, 400],
    ["GET", "/v1/connect/home", undefined, 401],
    ["GET", `${DEMO}/clusters/app/view/${"0".repeat(32)}`, undefined, 426],
    ["POST", "/v1/join", { joinToken: "x", publicKey: { kty: "OKP" } }, 400],
  ] as const;
  for (const [method, path, body, status] of cases) {
    const answer = await hub.call(method, path, body);
    expect([path, answer.status, answer.type]).toEqual([path, status, "application/problem+json"]);
    expect(answer.body).toMatchObject({ status, code: expect.any(String) });
    expect(answer.body.detail?.length).toBeGreaterThan(5);
  }
});

test("[API1] a wrong field is named with its rule", async () => {
  const hub = new TestHub();
  const { body } = await hub.call("POST", "/v1/meshes", { name: "Demo", colour: 1 });
  expect(body.errors).toEqual([
    { field: "name", rule: MESH_NAME_RULE },
    { field: "colour", rule: "is not a known field" },
  ]);
});

test("[API2] a body of more than 1 MiB is 413, and an unexpected failure 500 without its details", async () => {
  const hub = new TestHub();
  const large = await hub.call("POST", "/v1/meshes", { name: "x".repeat(1024 * 1024) });
  expect([large.status, large.body.code]).toEqual([413, "too-large"]);
  hub.service("demo").getMesh = () => Promise.reject(new Error("secret detail"));
  const broken = await hub.call("GET", DEMO);
  expect([broken.status, broken.body.code]).toEqual([500, "internal"]);
  expect(JSON.stringify(broken.body)).not.toContain("secret");
});

test("[CRE4] without the admin token nothing under /v1/meshes answers, whether it exists or not", async () => {
  const { hub } = await hubWithPair();
  for (const authorization of ["", "Bearer wrong", "Basic x"])
    for (const path of ["/v1/meshes", DEMO, `${DEMO}/nothing`, `${DEMO}/clusters/app/view`]) {
      const answer = await hub.call("GET", path, undefined, { authorization });
      expect([path, answer.status, answer.body.code]).toEqual([path, 401, "unauthenticated"]);
    }
  expect((await hub.app.request("/healthz")).status).toBe(200);
  expect(await (await hub.app.request("/v1/time")).json()).toEqual({ unixMs: hub.nowMs });
});

test("[API3] the OpenAPI 3.1 document describes every admin path", async () => {
  const document = (await (await new TestHub().app.request("/v1/openapi.json")).json()) as {
    openapi: string;
    paths: object;
  };
  expect(document.openapi).toBe("3.1.0");
  expect(Object.keys(document.paths).toSorted()).toEqual([
    "/v1/join",
    "/v1/meshes",
    "/v1/meshes/{mesh}",
    "/v1/meshes/{mesh}/audit",
    "/v1/meshes/{mesh}/clusters",
    "/v1/meshes/{mesh}/clusters/{cluster}",
    "/v1/meshes/{mesh}/clusters/{cluster}/exchange",
    "/v1/meshes/{mesh}/clusters/{cluster}/path-checks/{to}",
    "/v1/meshes/{mesh}/clusters/{cluster}/rccs",
    "/v1/meshes/{mesh}/clusters/{cluster}/rccs/{rcc}",
    "/v1/meshes/{mesh}/clusters/{cluster}/resume",
    "/v1/meshes/{mesh}/clusters/{cluster}/suspend",
    "/v1/meshes/{mesh}/clusters/{cluster}/token",
    "/v1/meshes/{mesh}/clusters/{cluster}/view",
    "/v1/meshes/{mesh}/clusters/{cluster}/withdrawals",
    "/v1/meshes/{mesh}/confirm-restore",
    "/v1/meshes/{mesh}/events",
    "/v1/meshes/{mesh}/grants",
    "/v1/meshes/{mesh}/grants/{origin}/{reader}",
    "/v1/meshes/{mesh}/preflight",
    "/v1/meshes/{mesh}/quarantine",
    "/v1/meshes/{mesh}/rccs",
    "/v1/meshes/{mesh}/status",
    "/v1/meshes/{mesh}/tokens",
    "/v1/meshes/{mesh}/tokens/{token}",
    "/v1/meshes/{mesh}/webhooks",
    "/v1/meshes/{mesh}/webhooks/{webhook}",
    "/v1/meshes/{mesh}/webhooks/{webhook}/deliveries",
    "/v1/meshes/{mesh}/webhooks/{webhook}/redeliver",
    "/v1/meshes/{mesh}/webhooks/{webhook}/test",
    "/v1/own",
    "/v1/version",
  ]);
});

test("[API10] a query parameter that means nothing is refused, and nothing has changed", async () => {
  const { hub } = await hubWithPair();
  const grant = `${DEMO}/grants/db/app`;
  const before = (await hub.call("GET", `${DEMO}/grants`)).body;
  for (const [method, path, body] of [
    ["PUT", `${grant}?dryrun=true`, { scope: { namespaces: ["shop"] } }],
    ["PUT", `${grant}?dryRun=yes`, { scope: { namespaces: ["shop"] } }],
    ["DELETE", `${grant}?dryRun=All`, undefined],
    ["PUT", `${DEMO}/clusters/app/rccs/db?fieldManager=me`, RCC],
    ["POST", `${DEMO}/clusters?dryRun=true`, { name: "new" }],
    ["DELETE", `${DEMO}/clusters/app?cascade=orphan`, undefined],
    ["DELETE", `${DEMO}?dryRun`, undefined],
    ["GET", "/v1/meshes?limit=5", undefined],
    ["GET", `${DEMO}/grants?origin=db&readers=app`, undefined],
    ["GET", `${DEMO}/grants?limit=0`, undefined],
    ["GET", `${DEMO}/rccs?cursor=Bad%20one`, undefined],
    ["GET", `${DEMO}/audit?limit=1.5`, undefined],
    ["GET", `${DEMO}/audit?limit=0x10`, undefined],
    ["GET", `${DEMO}/audit?limit=1001`, undefined],
  ] as const) {
    const answer = await hub.call(method, path, body);
    expect([path, answer.status, answer.body.code]).toEqual([path, 400, "bad-request"]);
    expect(JSON.stringify(answer.body.errors)).toMatch(/"field":"query\.(\w+)"/);
  }
  const dry = await hub.call("DELETE", `${grant}?dryrun=true`);
  expect(dry.body.errors).toEqual([
    { field: "query.dryrun", rule: "is not a known query parameter" },
  ]);
  expect((await hub.call("GET", `${DEMO}/grants`)).body).toEqual(before);
  expect((await hub.call("GET", `${DEMO}/clusters`)).body["items"]).toHaveLength(2);
});

test("[API11] 405 says what is allowed, and 401 how to authenticate", async () => {
  const { hub } = await hubWithPair();
  const headers = async (method: string, path: string, authorization: string) => {
    const answer = await hub.app.request(path, { method, headers: { authorization } });
    const { status } = answer;
    return [status, answer.headers.get("allow"), answer.headers.get("www-authenticate")];
  };
  const admin = `Bearer ${ADMIN_TOKEN}`;
  for (const [method, path, allow] of [
    ["PATCH", "/v1/meshes", "GET, HEAD, POST"],
    ["POST", DEMO, "DELETE, GET, HEAD"],
    ["DELETE", `${DEMO}/status`, "GET, HEAD"],
    ["POST", `${DEMO}/grants/db/app`, "DELETE, GET, HEAD, PUT"],
    ["PUT", "/v1/join", "POST"],
    ["DELETE", "/healthz", "GET, HEAD"],
  ] as const)
    expect([path, ...(await headers(method, path, admin))]).toEqual([path, 405, allow, null]);
  const challenge = 'Bearer realm="catwalk hub"';
  for (const path of ["/v1/meshes", `${DEMO}/nothing`, "/v1/connect/home"])
    expect([path, ...(await headers("GET", path, ""))]).toEqual([path, 401, null, challenge]);
});

test("[API12] every operation of the document has an id of its own, a summary, a tag, and refuses what is not in it", async () => {
  const document = (await (await new TestHub().app.request("/v1/openapi.json")).json()) as {
    paths: Record<
      string,
      Record<string, { operationId?: string; summary?: string; tags?: string[]; responses: object }>
    >;
  };
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  expect(operations.length).toBeGreaterThan(20);
  const ids = operations.map(({ operationId }) => operationId);
  expect(ids.filter((id) => id === undefined || ids.indexOf(id) !== ids.lastIndexOf(id))).toEqual(
    [],
  );
  for (const { operationId, summary, tags, responses } of operations) {
    expect([operationId, summary?.length, tags?.length]).toEqual([
      operationId,
      expect.any(Number),
      1,
    ]);
    expect(Object.keys(responses)).toEqual(
      expect.arrayContaining(["400", "401", "404", "409", "422", "default"]),
    );
  }
});

test("[API12] the document's constraints on connection fields are the hub's own checks", async () => {
  const document = (await (await new TestHub().app.request("/v1/openapi.json")).json()) as {
    paths: Record<
      string,
      {
        post: {
          requestBody: {
            content: Record<
              string,
              {
                schema: {
                  properties: {
                    spec: { properties: Record<string, { pattern?: string; maxLength?: number }> };
                  };
                };
              }
            >;
          };
        };
      }
    >;
  };
  const body = document.paths["/v1/meshes/{mesh}/clusters/{cluster}/rccs"]?.post.requestBody;
  const fields = body?.content["application/json"]?.schema.properties.spec.properties ?? {};
  for (const secret of ["etcdPassword", "etcdKey", "kubeconfigInline", "k8sAPIToken"])
    expect([secret, fields[secret]?.maxLength]).toEqual([secret, 0]);
  for (const [field, value] of [
    ["k8sAPIEndpoint", "https://10.0.0.1:6443/x"],
    ["k8sAPIEndpoint", "https://u:p@10.0.0.1"],
    ["k8sAPIEndpoint", "https://[::1]:6443"],
    ["k8sAPIEndpoint", "10.0.0.1:6443"],
    ["etcdEndpoints", "http://a:2379, http://b:2379"],
    ["etcdEndpoints", "http://a:2379,"],
    ["etcdEndpoints", "http://a b"],
    ["kubeconfig", "/a:/b"],
    ["kubeconfig", "apiVersion: v1\n"],
    ["etcdKeyFile", "-----BEGIN\n"],
  ] as const) {
    const datastoreType = field.startsWith("etcd") ? "etcdv3" : "kubernetes";
    const isValid = parseRcc({ ...RCC, spec: { datastoreType, [field]: value } }).ok;
    expect([value, new RegExp(fields[field]?.pattern ?? "$^").test(value)]).toEqual([
      value,
      isValid,
    ]);
  }
});

test("[API13] the hub tells its version and protocols without a token", async () => {
  const answer = await new TestHub().app.request("/v1/version");
  expect([answer.status, await answer.json()]).toEqual([
    200,
    { version: VERSION, protocols: PROTOCOL_VERSIONS },
  ]);
});

test("[API4] meshes are made, listed, got and deleted", async () => {
  const hub = new TestHub();
  expect((await hub.call("POST", "/v1/meshes", { name: "demo" })).status).toBe(201);
  expect((await hub.call("GET", "/v1/meshes")).body).toMatchObject({ items: [{ name: "demo" }] });
  expect((await hub.call("GET", DEMO)).body).toMatchObject({ name: "demo" });
  expect((await hub.call("DELETE", DEMO)).body).toEqual({ propagated: true });
  expect((await hub.call("GET", DEMO)).status).toBe(404);
  expect((await hub.call("GET", "/v1/meshes")).body).toEqual({ items: [] });
});

test("[VIS40] an RCC with connection fields is kept, says that it is not served, and status and lists say so", async () => {
  const hub = new TestHub();
  const { app = "" } = await hub.withClusters("app", "db");
  const spec = { datastoreType: "etcdv3", etcdEndpoints: "http://e:2379" };
  const direct = { ...RCC, spec };
  const status = {
    remote: null,
    state: "not-served",
    notServed: [{ field: "spec.datastoreType" }, { field: "spec.etcdEndpoints" }],
  };
  const made = await hub.call("PUT", `${DEMO}/clusters/app/rccs/db`, direct);
  expect([made.status, made.body["rcc"]]).toMatchObject([201, { spec, status }]);
  const got = await hub.call("GET", `${DEMO}/clusters/app/rccs/db`);
  expect(got.body).toMatchObject({ metadata: { name: "db" }, spec, status });
  expect((await hub.call("GET", `${DEMO}/clusters/app/rccs`)).body).toMatchObject({
    items: [{ status }],
  });
  expect((await hub.call("GET", `${DEMO}/rccs`)).body).toMatchObject({
    items: [{ cluster: { uid: app, name: "app" }, metadata: { name: "db" }, status }],
  });
  expect((await hub.call("GET", `${DEMO}/status`)).body).toMatchObject({
    edges: [],
    notServed: [
      { cluster: { name: "app" }, rcc: "db", field: "spec.datastoreType", isServed: false },
      { cluster: { name: "app" }, rcc: "db", field: "spec.etcdEndpoints", isServed: false },
    ],
  });
  // What was answered can be applied.
  expect((await hub.call("PUT", `${DEMO}/clusters/app/rccs/db`, got.body)).status).toBe(200);
  const secret = { ...RCC, spec: { ...spec, etcdPassword: "hush" } };
  const refused = await hub.call("PUT", `${DEMO}/clusters/app/rccs/db`, secret);
  expect([refused.status, refused.body.code]).toEqual([422, "not-possible"]);
  expect(refused.body.detail).toContain("spec.etcdPassword: is a secret");
  expect(JSON.stringify(refused.body)).not.toContain("hush");
});

test("[VIS40] [OVL9] overlay routing that is asked for is served, and status says how far it is", async () => {
  const { hub } = await hubWithPair();
  const overlay = { ...RCC, spec: { syncOptions: { overlayRoutingMode: "Enabled" } } };
  const made = await hub.call("PUT", `${DEMO}/clusters/app/rccs/db`, overlay, ANY);
  expect(made.body["rcc"]).toMatchObject({
    status: { remote: { name: "db" }, state: "granted", notServed: [] },
  });
  const reason = "db has no RCC that names app";
  expect((await hub.call("GET", `${DEMO}/status`)).body).toMatchObject({
    edges: [{ rcc: "db", state: "granted", overlay: { state: "NotReady", phase: "none", reason } }],
    notServed: [],
  });
});

test("[VIS22] the name must be the path's", async () => {
  const { hub } = await hubWithPair();
  const other = await hub.call("PUT", `${DEMO}/clusters/app/rccs/other`, RCC);
  expect(other.body.errors).toEqual([
    { field: "metadata.name", rule: "must be other, the name in the path" },
  ]);
  expect((await hub.call("GET", `${DEMO}/clusters/app/rccs`)).body).toMatchObject({
    items: [{ metadata: { name: "db" }, spec: {}, status: { state: "granted" } }],
  });
});

const PAIR = { origin: "db", reader: "app" };

test("[SCP2] a scope is kept and shown in canonical form; one that narrows nothing is none", async () => {
  const hub = new TestHub();
  await hub.withClusters("app", "db");
  const scope = { selector: "role=='db'", namespaces: ["shop", "pay", "shop"] };
  const canonical = { namespaces: ["pay", "shop"], selector: 'role == "db"' };
  const made = await hub.call("POST", `${DEMO}/grants`, { ...PAIR, scope });
  expect([made.status, made.body["grant"]]).toEqual([
    201,
    expect.objectContaining({ scope: canonical }),
  ]);
  expect((await hub.call("POST", `${DEMO}/grants`, { ...PAIR, scope: canonical })).status).toBe(
    201,
  );
  const other = await hub.call("POST", `${DEMO}/grants`, PAIR);
  expect([other.status, other.body.code]).toEqual([409, "grant-exists"]);
  expect(other.body.detail).toContain('namespaces pay,shop; selector role == "db"');
  expect((await hub.call("GET", `${DEMO}/grants`)).body).toMatchObject({
    items: [{ scope: canonical }],
  });
  for (const all of [{}, { scope: {} }, { scope: { selector: "all()" } }]) {
    const widened = await hub.call("PUT", `${DEMO}/grants/db/app`, all, ANY);
    expect([widened.status, widened.body["grant"]]).toEqual([
      200,
      expect.not.objectContaining({ scope: expect.anything() }),
    ]);
  }
});

test("[SCP3] PUT creates a grant or makes it show this: 201, then 200; only an object says all", async () => {
  const hub = new TestHub();
  await hub.withClusters("app", "db");
  const path = `${DEMO}/grants/db/app`;
  for (const nothing of [undefined, "", "null", "[]"])
    expect([nothing, (await hub.call("PUT", path, nothing)).status]).toEqual([nothing, 400]);
  const scope = { kinds: ["IPPool", "WorkloadEndpoint"] };
  const form = { "content-type": "application/x-www-form-urlencoded" };
  expect((await hub.call("PUT", path, { scope }, form)).body.errors).toEqual([
    { field: "content-type", rule: "must be application/json" },
  ]);
  expect((await hub.call("GET", `${DEMO}/grants`)).body).toEqual({
    items: [],
    next: null,
  });
  expect((await hub.call("PUT", path, { scope })).status).toBe(201);
  expect((await hub.call("PUT", path, { scope: { labels: ["role"] } }, ANY)).status).toBe(200);
  expect((await hub.call("GET", `${DEMO}/grants`)).body).toMatchObject({
    items: [{ scope: { labels: ["role"] } }],
  });
  expect((await hub.call("PUT", `${DEMO}/grants/db/nobody`, {})).status).toBe(404);
  expect((await hub.call("PUT", `${DEMO}/grants/db/db`, {})).status).toBe(422);
});

test.each([
  [{ namespaces: ["Shop"] }, 400, "scope.namespaces.0"],
  [{ kinds: ["Pod"] }, 400, "scope.kinds.0"],
  [{ labels: [] }, 400, "scope.labels"],
  [{ pods: ["x"] }, 400, "scope.pods"],
  [null, 400, "scope"],
  [{ selector: "role ==" }, 422, "scope.selector"],
])("[SCP2] a scope %j is refused with %i and its field", async (scope, status, field) => {
  const { hub } = await hubWithPair();
  for (const answer of [
    await hub.call("POST", `${DEMO}/grants`, { ...PAIR, scope }),
    await hub.call("PUT", `${DEMO}/grants/db/app`, { scope }),
  ]) {
    expect(answer.status).toBe(status);
    expect(answer.body.errors).toEqual([{ field, rule: expect.stringMatching(/.{8}/) }]);
  }
  expect((await hub.call("GET", `${DEMO}/grants`)).body).toMatchObject({ items: [{ used: true }] });
});

test("[SCP3] status has what each scope of an Origin shows", async () => {
  const { hub, uids } = await hubWithPair();
  const scopes = [
    {
      id: "0123456789abcdef",
      scope: { namespaces: ["shop"] },
      state: "ready" as const,
      records: 12,
      digest: "9f3c",
    },
  ];
  hub.origin(uids["db"] ?? "").report = { scopes };
  expect((await hub.call("GET", `${DEMO}/status`)).body["clusters"]).toMatchObject([
    { cluster: { name: "app" }, scopes: [] },
    { cluster: { name: "db" }, scopes },
  ]);
});

test("[API5] status joins the registry with what Origins report, and a failing Origin is unknown", async () => {
  const { hub, uids } = await hubWithPair();
  const { app = "", db = "" } = uids;
  const report: Partial<OriginStatus> = {
    publisher: "connected",
    lastSeenMs: hub.nowMs - 500,
    edges: [
      {
        rcc: "db",
        origin: { uid: db, name: "db" },
        connectionStatus: 2,
        endpoints: 12,
        refused: 1,
        digest: "9f3c",
        revision: 40,
      },
    ],
  };
  hub.origin(app).report = report;
  hub.origin(db).mode = "fails";
  const { body } = await hub.call("GET", `${DEMO}/status`);
  expect(body["edges"]).toMatchObject([
    {
      rcc: "db",
      connection: "ReSyncInProgress",
      reportedStatus: 2,
      endpoints: 12,
      digest: "9f3c",
      revision: 40,
      ageMs: 500,
    },
  ]);
  expect(body["clusters"]).toMatchObject([
    { cluster: { name: "app" }, publisher: "connected" },
    { cluster: { name: "db" }, publisher: "unknown", error: "the Origin is broken" },
  ]);
  // A relay that is gone reports nothing any more: the last word is not passed off as now.
  hub.origin(app).report = { ...report, publisher: "absent" };
  const later = await hub.call("GET", `${DEMO}/status`);
  expect(later.body["edges"]).toMatchObject([{ connection: "Unknown" }]);
  const quarantine = await hub.call("GET", `${DEMO}/quarantine`);
  expect(quarantine.body).toEqual({ items: [], unknown: ["db"] });
});

test("[API6] the view lists the cluster itself and what is effective, and the upgrade reads as that cluster", async () => {
  const { hub, uids } = await hubWithPair();
  const { app = "", db = "" } = uids;
  const view = await hub.call("GET", `${DEMO}/clusters/app/view`);
  expect(view.body["origins"]).toMatchObject([
    { rcc: null, origin: { uid: app } },
    { rcc: "db", origin: { uid: db }, watch: `${DEMO}/clusters/app/view/${db}` },
  ]);
  await hub.call("GET", `${DEMO}/clusters/app/view/${db}`, undefined, { upgrade: "websocket" });
  const forwarded = hub.origin(db).requests[0]?.headers;
  expect(forwarded?.get(INTERNAL_HEADERS.role)).toBe("admin");
  expect(forwarded?.get(INTERNAL_HEADERS.clusterUid)).toBe(app);
  expect(forwarded?.get("authorization")).toBeNull();
  const blind = await hub.call("GET", `${DEMO}/clusters/db/view/${app}`, undefined, {
    upgrade: "websocket",
  });
  expect(blind.status).toBe(404);
});

interface TestRelay {
  readonly key: CryptoKey;
  readonly credential: string;
  readonly uid: string;
}

test("[CRE24] who joins has the key: a proof of another key, token or kind is refused and uses no token; none is told in the audit", async () => {
  const { hub } = await hubWithPair();
  const [own, other] = [
    await generateKeyPair("Ed25519", { extractable: true }),
    await generateKeyPair("Ed25519", { extractable: true }),
  ];
  const { kty, crv, x } = await exportJWK(own.publicKey);
  const { joinToken } = valueOf(await hub.service("demo").newToken("app"));
  const proofOf = (key: CryptoKey, of: string, aud = "catwalk-hub", typ = "catwalk-join+jwt") =>
    new SignJWT({ tokenHash: toHex(sha256(new TextEncoder().encode(of))) })
      .setProtectedHeader({ alg: "Ed25519", typ })
      .setAudience(aud)
      .sign(key);
  const join = async (proof: string | null) => {
    const headers: Record<string, string> = proof === null ? {} : { "catwalk-join-proof": proof };
    const body = { joinToken, publicKey: { kty, crv, x } };
    const answer = await hub.call("POST", "/v1/join", body, headers);
    return [answer.status, answer.body.code];
  };
  for (const wrong of [
    "",
    "x".repeat(2_000),
    await proofOf(other.privateKey, joinToken),
    await proofOf(own.privateKey, `${joinToken}0`),
    await proofOf(own.privateKey, joinToken, "another-hub"),
    await proofOf(own.privateKey, joinToken, "catwalk-hub", "catwalk-credential+jwt"),
  ])
    expect(await join(wrong)).toEqual([401, "join-proof-wrong"]);
  expect(await join(await proofOf(own.privateKey, joinToken))).toEqual([200, undefined]);
  const actions = async () => {
    const { body } = await hub.call("GET", `${DEMO}/audit`);
    return (body["items"] as { action: string }[]).map(({ action }) => action);
  };
  expect(await actions()).not.toContain("join without proof");
  await joinRelay(hub, "app");
  expect(await actions()).toContain("join without proof");
});

async function joinRelay(hub: TestHub, cluster: string): Promise<TestRelay> {
  const pair = await generateKeyPair("Ed25519", { extractable: true });
  const { joinToken } = valueOf(await hub.service("demo").newToken(cluster));
  const { kty, crv, x } = await exportJWK(pair.publicKey);
  const joined = await hub.call("POST", "/v1/join", { joinToken, publicKey: { kty, crv, x } });
  expect(joined.status).toBe(200);
  const body = joined.body as Answer & { credential: string; cluster: { uid: string } };
  return { key: pair.privateKey, credential: body.credential, uid: body.cluster.uid };
}

async function relayHeaders(
  relay: TestRelay,
  nowMs: number,
  id?: string,
): Promise<Record<string, string>> {
  const iat = Math.floor(nowMs / 1000);
  const token = await new SignJWT(id === undefined ? {} : { jti: id })
    .setProtectedHeader({ alg: "Ed25519" })
    .setIssuer(relay.uid)
    .setAudience("catwalk-hub")
    .setIssuedAt(iat)
    .setExpirationTime(iat + 240)
    .sign(relay.key);
  return {
    authorization: `Bearer ${token}`,
    "catwalk-credential": relay.credential,
    upgrade: "websocket",
  };
}

test("[CRE7] a relay's upgrade reaches its Origin with headers that only the Worker can have set", async () => {
  const { hub, uids } = await hubWithPair();
  const { app = "", db = "" } = uids;
  const relay = await joinRelay(hub, "app");
  const headers = {
    ...(await relayHeaders(relay, hub.nowMs)),
    [INTERNAL_HEADERS.role]: "admin",
    [INTERNAL_HEADERS.clusterUid]: db,
    "catwalk-internal-other": "x",
  };
  expect((await hub.call("GET", "/v1/connect/home", undefined, headers)).status).toBe(200);
  await hub.call("GET", `/v1/connect/watch/${db}`, undefined, headers);
  for (const [uid, role] of [
    [app, "home"],
    [db, "watch"],
  ] as const) {
    const seen = hub.origin(uid).requests[0]?.headers;
    expect(seen?.get(INTERNAL_HEADERS.role)).toBe(role);
    expect(seen?.get(INTERNAL_HEADERS.clusterUid)).toBe(app);
    expect(seen?.get(INTERNAL_HEADERS.keyGeneration)).toBe("1");
    expect(seen?.get(INTERNAL_HEADERS.originUid)).toBe(uid);
    expect(seen?.get(INTERNAL_HEADERS.meshName)).toBe("demo");
    expect(seen?.get("catwalk-internal-other")).toBeNull();
    expect(seen?.get("catwalk-credential")).toBeNull();
  }
});

test("[CRE3] connecting never asks the Mesh object; clock skew is told with the hub's time", async () => {
  const { hub } = await hubWithPair();
  const relay = await joinRelay(hub, "app");
  hub.service = () => {
    throw new Error("the Mesh object was asked");
  };
  const good = await relayHeaders(relay, hub.nowMs);
  expect((await hub.call("GET", "/v1/connect/home", undefined, good)).status).toBe(200);
  const skewed = await relayHeaders(relay, hub.nowMs + 3_600_000);
  const response = await hub.app.request("/v1/connect/home", { headers: skewed });
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ code: "clock-skew" });
  expect(Date.parse(response.headers.get("date") ?? "")).not.toBeNaN();
});

test("[CRE15] a relay dials its own origin and those that its RCCs name; anything else reaches no object", async () => {
  const { hub, uids } = await hubWithPair();
  const { app = "", db = "" } = uids;
  const relay = await joinRelay(hub, "app");
  const dial = async (uid: string, from = relay): Promise<readonly [number, unknown]> => {
    const headers = await relayHeaders(from, hub.nowMs);
    const { status, body } = await hub.call("GET", `/v1/connect/watch/${uid}`, undefined, headers);
    return [status, body.code];
  };
  hub.touched.clear();
  for (let n = 0; n < 20; n++)
    expect(await dial(n.toString(16).padStart(32, "e"))).toEqual([403, "access-denied"]);
  // Its own Origin was asked, and nothing else.
  expect([...hub.touched]).toEqual([expect.stringMatching(new RegExp(`:${app}$`))]);
  expect(await dial(db)).toEqual([200, undefined]);
  expect(await dial(app)).toEqual([200, undefined]);
  // Another cluster of the mesh, which no RCC names, is as good as made up.
  expect(await dial(app, await joinRelay(hub, "db"))).toEqual([403, "access-denied"]);
  // A key that was replaced, and a cluster that was removed, open nothing at all.
  const newer = await joinRelay(hub, "app");
  expect(await dial(db)).toEqual([401, "unauthenticated"]);
  expect(await dial(db, newer)).toEqual([200, undefined]);
  expect((await hub.call("DELETE", `${DEMO}/clusters/app`)).status).toBe(200);
  hub.touched.clear();
  expect(await dial(db, newer)).toEqual([410, "removed"]);
  expect([...hub.touched]).toEqual([expect.stringMatching(new RegExp(`:${app}$`))]);
});

test("[CRE21] a token that was heard opens nothing, wherever it is shown again; the Mesh is asked nothing", async () => {
  const { hub, uids } = await hubWithPair();
  const { db = "" } = uids;
  const relay = await joinRelay(hub, "app");
  hub.service = () => {
    throw new Error("the Mesh object was asked");
  };
  const [home, watch] = ["/v1/connect/home", `/v1/connect/watch/${db}`];
  const dial = async (path: string, headers: Record<string, string>) => {
    const { status, body } = await hub.call("GET", path, undefined, headers);
    return [status, body.code];
  };
  for (const [n, first] of [home, watch].entries()) {
    const heard = await relayHeaders(relay, hub.nowMs, `${n}`.padEnd(22, "x"));
    expect(await dial(first, heard)).toEqual([200, undefined]);
    for (const again of [home, watch])
      expect(await dial(again, heard)).toEqual([401, "token-used"]);
  }
  expect(await dial(home, await relayHeaders(relay, hub.nowMs, "y".repeat(22)))).toEqual([
    200,
    undefined,
  ]);
});

test("[API37] a cluster that dials without end is told when to come again, and another is taken", async () => {
  const { hub } = await hubWithPair();
  const [relay, other] = [await joinRelay(hub, "app"), await joinRelay(hub, "db")];
  const headers = await relayHeaders(relay, hub.nowMs);
  const dial = () => hub.app.request("/v1/connect/home", { headers });
  let [taken, refused] = [0, await dial()];
  for (; refused.status === 200 && taken < 6_000; taken++) refused = await dial();
  expect(taken).toBeGreaterThanOrEqual(BUDGETS.dialsAtOnce);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
  const quiet = await relayHeaders(other, hub.nowMs);
  expect((await hub.call("GET", "/v1/connect/home", undefined, quiet)).status).toBe(200);
  hub.nowMs += 1_000;
  expect((await dial()).status).toBe(200);
});

test("[CRE23] a token without an id is taken as before", async () => {
  const { hub } = await hubWithPair();
  const relay = await joinRelay(hub, "app");
  const headers = await relayHeaders(relay, hub.nowMs);
  for (let n = 0; n < 2; n++)
    expect((await hub.call("GET", "/v1/connect/home", undefined, headers)).status).toBe(200);
});

test("[CRE17] join tokens of meshes that are not there reach no object but the directory", async () => {
  const { hub } = await hubWithPair();
  const publicKey = { kty: "OKP", crv: "Ed25519", x: "A".repeat(43) };
  const join = async (joinToken: string) =>
    (await hub.call("POST", "/v1/join", { joinToken, publicKey })).body.code;
  hub.touched.clear();
  for (let n = 0; n < 20; n++)
    expect(await join(`cwj_made-up-${n}_${"0".repeat(48)}`)).toBe("join-token-wrong");
  expect([...hub.touched]).toEqual([]);
  expect(await join(`cwj_demo_${"0".repeat(48)}`)).toBe("join-token-wrong");
  expect([...hub.touched]).toEqual(["mesh:demo"]);
  await hub.call("DELETE", DEMO);
  hub.touched.clear();
  expect(await join(`cwj_demo_${"0".repeat(48)}`)).toBe("join-token-wrong");
  expect([...hub.touched]).toEqual([]);
});

test("[CRE17] a mesh that was made and not listed is listed with its next token", async () => {
  const hub = new TestHub();
  await hub.withClusters("app");
  await hub.directory.forgetMesh("demo");
  const made = await hub.call("POST", `${DEMO}/clusters/app/token`);
  const publicKey = { kty: "OKP", crv: "Ed25519", x: "A".repeat(43) };
  const { joinToken } = made.body as Answer & { joinToken: string };
  expect((await hub.call("POST", "/v1/join", { joinToken, publicKey })).status).toBe(200);
});

test("[API8] a hub that can hold no more sockets says so, and takes them again when it can", async () => {
  const { hub } = await hubWithPair();
  const relay = await joinRelay(hub, "app");
  const dial = async () =>
    hub.call("GET", "/v1/connect/home", undefined, {
      ...(await relayHeaders(relay, hub.nowMs)),
      upgrade: "websocket",
    });
  hub.hasRoom = false;
  const refused = await dial();
  expect([refused.status, refused.body.code]).toEqual([503, "hub-full"]);
  hub.hasRoom = true;
  expect((await dial()).status).toBe(200);
});

test("[BAK4] what a restored mesh permits is said to be unconfirmed until the operator confirms it, once", async () => {
  const hub = new TestHub();
  const { app = "" } = await hub.withClusters("app");
  expect((await hub.call("POST", `${DEMO}/confirm-restore`)).body).toMatchObject({
    status: 409,
    code: "nothing-to-confirm",
  });
  hub.mesh("demo").noteRestore(1_000);
  const status = await hub.call("GET", `${DEMO}/status`);
  expect(status.body["mesh"]).toMatchObject({ unconfirmedRestore: "1970-01-01T00:00:01.000Z" });
  expect(hub.mesh("demo").facts(app)?.unconfirmedRestore).toBe(1_000);
  expect((await hub.call("POST", `${DEMO}/confirm-restore`)).body).toEqual({ propagated: true });
  expect(hub.origin(app).facts).not.toHaveProperty("unconfirmedRestore");
  expect((await hub.call("POST", `${DEMO}/confirm-restore`)).status).toBe(409);
});

test("[VIS35] PATCH gives a cluster other ranges, and tells a wrong one by its field", async () => {
  const hub = new TestHub();
  await hub.withClusters("app");
  const path = `${DEMO}/clusters/app`;
  const set = await hub.call("PATCH", path, {
    cidrs: ["10.1.0.0/16"],
    sharedCidrs: ["10.9.0.0/16"],
  });
  expect(set).toMatchObject({
    status: 200,
    body: {
      propagated: true,
      cluster: { ranges: { pods: ["10.1.0.0/16"], shared: ["10.9.0.0/16"], nodes: [] } },
    },
  });
  for (const nothing of [undefined, {}])
    expect((await hub.call("PATCH", path, nothing)).status).toBe(400);
  expect(await hub.call("PATCH", path, { cidrs: ["10.1.2.3/16"] })).toMatchObject({
    status: 422,
    body: { errors: [{ field: "cidrs.0" }] },
  });
  expect(await hub.call("PATCH", path, { cidr: [] })).toMatchObject({
    status: 400,
    body: { errors: [{ field: "cidr" }] },
  });
  expect((await hub.call("PATCH", `${DEMO}/clusters/nobody`, { cidrs: [] })).status).toBe(404);
});

test("[API36] no answer may be kept, a request that needs no token is small, and the document is made once", async () => {
  const hub = new TestHub();
  const at = (path: string, init?: RequestInit) => hub.app.request(path, init);
  for (const anybodys of ["/healthz", "/v1/version", "/v1/meshes", "/v1/nothing"])
    expect((await at(anybodys)).headers.get("cache-control"), anybodys).toBe("no-store");
  // Those with secrets above all: a join token, and what a join answers.
  await hub.withClusters("db");
  const asAdmin = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const path = "/v1/meshes/demo/clusters/db/token";
  const secret = await at(path, { method: "POST", headers: asAdmin });
  expect(await secret.json()).toMatchObject({ joinToken: expect.any(String) });
  expect(secret.headers.get("cache-control")).toBe("no-store");
  const deep = { method: "POST", body: "[".repeat(8 * 1024 + 1) };
  const headers = { "content-type": "application/json", "content-length": "8193" };
  expect((await at("/v1/join", { ...deep, headers })).status).toBe(413);
  const spied = vi.spyOn(hub.app, "getOpenAPI31Document");
  const [one, two] = [await at("/v1/openapi.json"), await at("/v1/openapi.json")];
  expect(await one.text()).toBe(await two.text());
  expect(spied).toHaveBeenCalledTimes(1);
});
