import { createPublicKey, verify } from "node:crypto";

import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";

import { fromHex, toHex } from "../../../../shared/lib/bytes.ts";
import type { ClusterHealth } from "../../../../shared/visibility/health.ts";
import { signingKey, signV1a } from "../../../../shared/webhooks/ed25519.ts";
import type { Payload } from "../../../../shared/webhooks/payload.ts";
import type { Sent } from "../../../../shared/webhooks/retry.ts";
import { rccRequest, TestHub, valueOf } from "../support.ts";

const LOST: ClusterHealth = {
  state: "lost",
  reasons: [{ code: "RelayLost", message: "no relay of db is heard", rccs: [] }],
  quarantined: 0,
  held: 0,
  notInSync: [],
};
const OK: ClusterHealth = { ...LOST, state: "ok", reasons: [] };
const URL_OF_OPS = "https://ops.example/hook";
const DAY = 86_400_000;

/** app and web see db; relays of all have joined. */
async function world() {
  const hub = new TestHub();
  const uids = await hub.withClusters("db", "app", "web");
  const demo = hub.service("demo");
  for (const reader of ["app", "web"]) {
    valueOf(await demo.applyRcc(reader, rccRequest("db"), "create"));
    valueOf(await demo.createGrant("db", reader));
  }
  for (const uid of Object.values(uids)) {
    const { store } = hub.mesh("demo");
    const row = store.get("clusters", uid)!;
    store.transaction(() => store.put("clusters", uid, { ...row, key: { kid: "k", addedMs: 0 } }));
  }
  const hooks = hub.webhooks("demo");
  const make = async (url = URL_OF_OPS, more: object = {}) =>
    valueOf(await hooks.createWebhook({ url, events: [], format: "standard", ...more }));
  const tell = async (health: ClusterHealth) => {
    hooks.noteHealth(uids["db"]!, health);
    await hub.ring("demo");
  };
  const bodies = () => hub.posts.map(({ payload }) => JSON.parse(payload.body) as Told);
  return { hub, hooks, make, tell, bodies, uids };
}

interface Told {
  readonly type: string;
  readonly data: { readonly subjectSequence: number; readonly edges?: readonly object[] };
}

const failing: Sent = { kind: "failed", error: "no answer" };

test("[EVT3] an event is per cluster with its edges, and the same told again is none", async () => {
  const { hub, hooks, make, tell, bodies } = await world();
  await make();
  await tell(LOST);
  await tell(LOST);
  expect(bodies()).toHaveLength(1);
  expect(bodies()[0]).toMatchObject({
    type: "sync.lost",
    data: {
      status: "firing",
      edgeCount: 2,
      edges: [
        { cluster: "app", rcc: "db", origin: "db" },
        { cluster: "web", rcc: "db", origin: "db" },
      ],
    },
  });
  await tell(OK);
  expect(bodies().map(({ type }) => type)).toEqual(["sync.lost", "sync.recovered"]);
  const events = valueOf(await hooks.listEvents({ after: 0, limit: 10 }));
  expect(events.map(({ number }) => number)).toEqual([1, 2]);
  // Told again, as by an Origin that starts anew, it writes nothing.
  const before = hub.mesh("demo").store.list("health");
  hub.nowMs += 60_000;
  await tell(OK);
  expect(hub.mesh("demo").store.list("health")).toEqual(before);
});

test("[DIR23] an event names the edge of a remote that relays read themselves", async () => {
  const { make, tell, bodies } = await world();
  await make();
  const reasons = [{ code: "EdgeDown", message: "no connection", rccs: ["etcd"] }] as const;
  await tell({ ...OK, state: "degraded", reasons, notInSync: ["etcd"] });
  expect(bodies().find(({ type }) => type === "sync.degraded")?.data.edges).toEqual([
    { cluster: "db", rcc: "etcd", origin: "etcd" },
  ]);
});

test("[EVT3] a cluster that no relay has joined is expected to be silent", async () => {
  const { hub, hooks, tell, make } = await world();
  const added = valueOf(await hub.service("demo").addCluster("new"));
  await make();
  hooks.noteHealth(added.cluster.uid, LOST);
  await hub.ring("demo");
  expect(hub.posts).toEqual([]);
  await tell(LOST);
  expect(hub.posts).toHaveLength(1);
});

const REFUSED: ClusterHealth = {
  ...OK,
  state: "degraded",
  reasons: [{ code: "Quarantined", message: "nobody sees a record of db", rccs: [] }],
  quarantined: 1,
};

test("[EVT14] a quarantine is told for the edges that see the cluster, and each that joins it", async () => {
  const { hub, make, tell, bodies, uids } = await world();
  await make();
  await tell(REFUSED);
  await tell({ ...REFUSED, quarantined: 2 });
  // Of two subjects either may be sent first.
  const told = bodies().map(({ type, data }) => `${type} ${data.edges?.length}`);
  expect(told.toSorted()).toEqual([
    "origin.quarantined undefined",
    "origin.quarantined undefined",
    "sync.degraded 2",
  ]);
  expect(hub.mesh("demo").store.get("health", uids["db"]!)).toMatchObject({
    state: "degraded",
    quarantined: 2,
  });
});

test("[EVT16] a lost cluster that comes back degraded is told to who wants to know of the end of a loss", async () => {
  const { hub, make, tell, bodies } = await world();
  await make(URL_OF_OPS, { events: ["sync.lost", "sync.recovered"] });
  await make("https://other.example/hook", { events: ["sync.lost"] });
  await tell(REFUSED);
  expect(bodies()).toEqual([]);
  await tell(LOST);
  await tell(REFUSED);
  await tell(OK);
  const told = hub.posts.map(({ url, payload }) => [
    new URL(url).host,
    (JSON.parse(payload.body) as Told).type,
  ]);
  expect(told.filter(([host]) => host === "ops.example").map(([, type]) => type)).toEqual([
    "sync.lost",
    "sync.degraded",
    "sync.recovered",
  ]);
  expect(told.filter(([host]) => host === "other.example")).toEqual([
    ["other.example", "sync.lost"],
  ]);
});

test("[EVT14] [VER3] a quarantine is stored so that the version before reads the row", async () => {
  const { hub, tell, uids } = await world();
  await tell({ ...REFUSED, reasons: [...LOST.reasons, ...REFUSED.reasons] });
  const row = hub.mesh("demo").store.get("health", uids["db"]!);
  expect(row?.reasons.map(({ code }) => code)).toEqual(["RelayLost"]);
  expect(hub.mesh("demo").store.get("health", uids["db"]!)?.newReasons).toHaveLength(1);
  const overview = await hub.service("demo").overview();
  const db = valueOf(overview).clusters.find(({ name }) => name === "db");
  expect(db?.health.reasons.map(({ code }) => code)).toEqual(["RelayLost", "Quarantined"]);
});

test("[EVT4] a newer state supersedes what was not delivered, and other subjects do not wait", async () => {
  const { hub, hooks, make, tell, bodies, uids } = await world();
  await make();
  hub.answer = async () => failing;
  await tell(LOST);
  await tell(OK);
  await tell(LOST);
  await tell(OK);
  const asked = hub.posts.length;
  hub.answer = async () => ({ kind: "answered", status: 200, retryAfterMs: null });
  // Another cluster's comes through at once; the first one's newest state with its retry.
  hooks.noteHealth(uids["app"]!, LOST);
  await hub.ring("demo");
  expect(bodies().slice(asked)).toMatchObject([{ data: { cluster: { name: "app" } } }]);
  hub.nowMs += 5_000;
  await hub.ring("demo");
  expect(bodies().slice(asked + 1)).toMatchObject([
    { type: "sync.recovered", data: { subjectSequence: 4 } },
  ]);
});

test("[EVT4] of one subject one request is under way, and the next comes after it", async () => {
  const { hub, make, tell, bodies } = await world();
  await make();
  let end: (sent: Sent) => void = () => undefined;
  hub.answer = () => new Promise((resolve) => (end = resolve));
  await tell(LOST);
  await tell(OK);
  expect(bodies().map(({ type }) => type)).toEqual(["sync.lost"]);
  end({ kind: "answered", status: 200, retryAfterMs: null });
  await hub.ring("demo");
  expect(bodies().map(({ type }) => type)).toEqual(["sync.lost", "sync.recovered"]);
});

test("[EVT4] a hub that ends in the middle of a request sends it again", async () => {
  const { hub, make, tell } = await world();
  await make();
  hub.answer = () => new Promise(() => {});
  await tell(LOST);
  const [[, row] = []] = hub.mesh("demo").store.list("due");
  expect(row).toMatchObject({ attempts: 1, dueMs: hub.nowMs + 30_000 });
});

test("[EVT5] 410 disables a webhook, with an event for the others", async () => {
  const { hub, hooks, make, tell, bodies } = await world();
  const { webhook } = await make();
  await make("https://other.example/hook");
  hub.answer = async (url) =>
    ({ kind: "answered", status: url === URL_OF_OPS ? 410 : 200, retryAfterMs: null }) as const;
  await tell(LOST);
  await hub.ring("demo");
  expect(valueOf(await hooks.getWebhook(webhook.id)).disabled?.reason).toContain("410");
  expect(bodies().map(({ type }) => type)).toContain("webhook.disabled");
  const before = hub.posts.length;
  await tell(OK);
  expect(hub.posts.slice(before).map(({ url }) => url)).toEqual(["https://other.example/hook"]);
  valueOf(await hooks.updateWebhook(webhook.id, { enabled: true }));
  await tell(LOST);
  expect(hub.posts.at(-1)?.url).toBeDefined();
  expect(hub.posts.slice(before + 1).map(({ url }) => url)).toContain(URL_OF_OPS);
});

test("[EVT6] what is sent verifies by the official library, by both secrets while they change", async () => {
  const { hub, hooks, make, tell } = await world();
  hub.nowMs = Date.now();
  const { webhook, secret } = await make();
  const other = valueOf(await hooks.updateWebhook(webhook.id, { rotateSecret: true })).secret;
  await tell(LOST);
  const { headers, body } = hub.posts[0]!.payload;
  for (const known of [secret, other])
    expect(new Webhook(known!).verify(body, { ...headers })).toMatchObject({ type: "sync.lost" });
  expect(() => new Webhook(known(other)).verify(`${body} `, { ...headers })).toThrow();
  // A day later the older one signs no more.
  hub.nowMs += DAY + 1;
  await tell(OK);
  expect(hub.posts[1]!.payload.headers["webhook-signature"]?.split(" ")).toHaveLength(1);
});

function known(secret: string | null): string {
  return secret ?? "";
}

test("[EVT7] for Alertmanager a loss fires one alert, and its end resolves the same", async () => {
  const { hub, make, tell } = await world();
  await make(URL_OF_OPS, { format: "alertmanager" });
  await tell(LOST);
  hub.nowMs += 60_000;
  await tell(OK);
  const alerts = hub.posts.map(
    ({ payload }) =>
      JSON.parse(payload.body) as { labels: Record<string, string>; endsAt: string }[],
  );
  const lost = (of: number) =>
    alerts[of]!.find(({ labels }) => labels["alertname"] === "CatwalkSyncLost")!;
  expect(lost(0).labels).toEqual(lost(1).labels);
  expect(lost(0).labels).toMatchObject({ severity: "critical", cluster: "db", mesh: "demo" });
  expect(Date.parse(lost(0).endsAt)).toBeGreaterThan(hub.nowMs);
  expect(Date.parse(lost(1).endsAt)).toBeLessThanOrEqual(hub.nowMs);
});

test("[EVT9] a receiver that hangs costs its own deliveries only", async () => {
  const { hub, hooks, make, tell, uids } = await world();
  await make("https://hangs.example/hook");
  await make();
  hub.answer = (url) =>
    url === URL_OF_OPS
      ? Promise.resolve({ kind: "answered", status: 200, retryAfterMs: null })
      : new Promise(() => {});
  await tell(LOST);
  for (const name of ["app", "web"]) hooks.noteHealth(uids[name]!, LOST);
  await hub.ring("demo");
  const to = (url: string) => hub.posts.filter((post) => post.url === url).length;
  expect(to(URL_OF_OPS)).toBe(3);
  expect(to("https://hangs.example/hook")).toBe(2);
});

test("[EVT10] a secret is shown once, and neither lists nor the audit have it", async () => {
  const { hub } = await world();
  const path = "/v1/meshes/demo/webhooks";
  const made = await hub.call("POST", path, { url: `${URL_OF_OPS}?key=word` });
  expect(made.status).toBe(201);
  const { secret, webhook } = made.body as unknown as { secret: string; webhook: { id: string } };
  const texts = [
    await hub.call("GET", path),
    await hub.call("GET", `${path}/${webhook.id}`),
    await hub.call("GET", "/v1/meshes/demo/audit"),
  ].map(({ body }) => JSON.stringify(body));
  expect(texts.join("")).not.toContain(secret);
  expect(texts[2]).not.toContain("key=word");
  const refused = await hub.call("POST", path, { url: "http://10.0.0.1/hook" });
  expect(refused).toMatchObject({ status: 422, body: { errors: [{ field: "url" }] } });
  expect((await hub.call("DELETE", `${path}/${webhook.id}`)).status).toBe(200);
  expect((await hub.call("GET", `${path}/${webhook.id}`)).status).toBe(404);
});

test("[EVT11] events are read from a cursor, oldest first", async () => {
  const { hub, tell } = await world();
  for (const health of [LOST, OK, LOST]) await tell(health);
  const path = "/v1/meshes/demo/events";
  const first = await hub.call("GET", `${path}?after=0&limit=2`);
  expect(first.body).toMatchObject({ next: 2, items: [{ sequence: 1 }, { sequence: 2 }] });
  const rest = await hub.call("GET", `${path}?after=2`);
  expect(rest.body).toMatchObject({ next: 3, items: [{ type: "sync.lost" }] });
  expect((await hub.call("GET", `${path}?after=3`)).body).toEqual({ items: [], next: 3 });
  expect((await hub.call("GET", `${path}?limit=1`)).body).toMatchObject({ next: 3 });
  expect((await hub.call("GET", `${path}?after=-1`)).status).toBe(400);
});

test("[CRE25] [CRE28] who took over from a publisher that was heard is in the audit, once in ten minutes", async () => {
  const { hub, tell, bodies, make } = await world();
  await make();
  const taken = (atMs: number): ClusterHealth => ({
    ...OK,
    takenOver: { by: "relay b", from: "relay a", atMs },
  });
  const rows = async () =>
    valueOf(await hub.service("demo").audit(100)).filter(({ action }) => action === "take over");
  await tell(taken(1_000));
  await tell(taken(1_000));
  // The publisher has gone, and its Origin tells the same of another one, then of the next.
  await tell(OK);
  await tell(taken(1_000));
  expect(await rows()).toMatchObject([
    {
      who: "cluster db",
      subject: "relay b from relay a, which was heard, at 1970-01-01T00:00:01.000Z",
    },
  ]);
  await tell(taken(2_000));
  await tell(taken(600_999));
  expect(await rows()).toHaveLength(1);
  await tell(taken(601_000));
  expect(await rows()).toHaveLength(2);
  // That alone is no event.
  expect(bodies()).toEqual([]);
});

/** By Node's own Ed25519, with the public key only. */
function verifiesV1a(publicKey: string, post: Payload): boolean {
  const raw = Buffer.from(publicKey.slice("whpk_".length), "base64");
  const key = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") },
    format: "jwk",
  });
  const { headers, body } = post;
  const text = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  return (headers["webhook-signature"] ?? "")
    .split(" ")
    .filter((signature) => signature.startsWith("v1a,"))
    .some((signature) =>
      verify(null, Buffer.from(text), key, Buffer.from(signature.slice("v1a,".length), "base64")),
    );
}

test("[EVT13] with v1a an Ed25519 signature goes beside the others, which the official library verifies as ever", async () => {
  const { hub, hooks, make, tell } = await world();
  hub.nowMs = Date.now();
  const { webhook, secret } = await make(URL_OF_OPS, { isAsymmetric: true });
  const [first = ""] = webhook.publicKeys;
  expect(first).toMatch(/^whpk_[A-Za-z0-9+/]{43}=$/);
  expect(valueOf(await hooks.getWebhook(webhook.id)).publicKeys).toEqual([first]);
  expect(JSON.stringify(webhook)).not.toContain("whsk_");
  await tell(LOST);
  const [lost] = hub.posts.map(({ payload }) => payload);
  expect(new Webhook(known(secret)).verify(lost!.body, { ...lost!.headers })).toBeTruthy();
  expect(verifiesV1a(first, lost!)).toBe(true);
  expect(verifiesV1a(first, { ...lost!, body: `${lost!.body} ` })).toBe(false);
  // Both are changed together, and for a day all four sign.
  const rotated = valueOf(await hooks.updateWebhook(webhook.id, { rotateSecret: true }));
  const [second = ""] = rotated.webhook.publicKeys;
  expect(rotated.webhook.publicKeys).toEqual([second, first]);
  expect(second).not.toBe(first);
  await tell(OK);
  const won = hub.posts[1]!.payload;
  expect(won.headers["webhook-signature"]?.split(" ")).toHaveLength(4);
  expect([first, second].map((key) => verifiesV1a(key, won))).toEqual([true, true]);
  expect(new Webhook(known(rotated.secret)).verify(won.body, { ...won.headers })).toBeTruthy();
});

test("[EVT13] keys and signatures are those of RFC 8032", async () => {
  const seed = fromHex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  const key = await signingKey(seed ?? new Uint8Array());
  expect(toHex(Buffer.from(key.publicKey.slice("whpk_".length), "base64"))).toBe(
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
  );
  const signature = await signV1a(key.privateKey, "");
  expect(toHex(Buffer.from(signature.slice("v1a,".length), "base64"))).toBe(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  );
});
