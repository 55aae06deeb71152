/** The Mesh object in its own runtime, with eviction between any two calls. */
import { env } from "cloudflare:workers";
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";

import { createApp } from "../../worker/app.ts";
import { importHubKey } from "../../worker/auth/hub-key.ts";
import type { MeshAdmin } from "../../worker/mesh/mesh-calls.ts";
import {
  directoryStub,
  idempotencyStub,
  meshStub,
  ownStub,
  rehearsalStub,
  tokenStub,
  webhookStub,
} from "../../worker/mesh/mesh-stub.ts";
import { placeOf } from "../../worker/place.ts";
import { meshOfOrigin, originStub } from "../../worker/stubs.ts";
import type { Outcome } from "../../worker/mesh/outcome.ts";
import { originObjectName } from "../../worker/ports.ts";

const { MESH, ORIGIN } = env as unknown as {
  readonly MESH: DurableObjectNamespace;
  readonly ORIGIN: DurableObjectNamespace;
};

function valueOf<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(outcome.refusal.detail);
  return outcome.value;
}

const stubOf = (name: string): DurableObjectStub => MESH.get(MESH.idFromName(name));
const meshOf = (name: string): MeshAdmin => meshStub(MESH, name);

const RCC = {
  name: "db",
  remoteName: "db",
  overlayRoutingMode: "Disabled" as const,
  annotations: {},
  spec: {},
};

test("[VIS28] the registry survives the eviction of its object after every call", async () => {
  const mesh = meshOf("evicted");
  const evict = (): Promise<void> => evictDurableObject(stubOf("mesh:evicted"));
  const { id } = valueOf(await mesh.createMesh("evicted"));
  await evict();
  const app = valueOf(await mesh.addCluster("app", { cidrs: ["10.10.0.0/16"] })).cluster;
  await evict();
  const db = valueOf(await mesh.addCluster("db")).cluster;
  await evict();
  expect(valueOf(await mesh.applyRcc("app", RCC, "apply")).propagated).toBe(true);
  await evict();
  expect(valueOf(await mesh.createGrant("db", "app")).propagated).toBe(true);
  await evict();
  const facts = await meshOfOrigin({ MESH }, "evicted").pullFacts(db.uid);
  expect(facts).toMatchObject({ meshId: id, readers: [{ cluster: { uid: app.uid }, rcc: "db" }] });
  const origin = originStub(ORIGIN, originObjectName(id, db.uid));
  expect(await origin.setFacts(facts as never)).toEqual({
    accessVersion: facts?.accessVersion,
  });
});

test("[VIS24] what was not pushed is pushed by the alarm of the next instance", async () => {
  const mesh = meshOf("alarmed");
  valueOf(await mesh.createMesh("alarmed"));
  const { uid } = valueOf(await mesh.addCluster("db")).cluster;
  const stub = stubOf("mesh:alarmed");
  // As if the first try had been lost: the entry is back in the outbox, due now.
  await runInDurableObject(stub as DurableObjectStub<undefined>, (_, state) => {
    const body = JSON.stringify({ version: 1, attempts: 0, dueMs: 0 });
    state.storage.sql.exec(
      "INSERT INTO registry (collection, id, body) VALUES (7, ?, ?)",
      uid,
      body,
    );
  });
  await evictDurableObject(stub);
  await runDurableObjectAlarm(stub);
  expect(valueOf(await mesh.overview()).unacknowledged).toEqual([]);
});

test("[VIS28] asking for a mesh that never was leaves its object's storage empty", async () => {
  expect((await meshOf("nobody").join("00", "key", true)).ok).toBe(false);
  expect((await meshOf("nobody").getMesh()).ok).toBe(false);
  const tables = await runInDurableObject(
    stubOf("mesh:nobody") as DurableObjectStub<undefined>,
    (_, state) => state.storage.sql.exec("SELECT name FROM sqlite_master").toArray(),
  );
  expect(tables).toEqual([]);
});

test("[CRE1] a relay joins through the app in workerd, and its socket reaches the Origin", async () => {
  const token = "workerd-admin-token";
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  const hash = [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("");
  const hubPair = (await crypto.subtle.generateKey("Ed25519", true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  const keys = await importHubKey(
    JSON.stringify(await crypto.subtle.exportKey("jwk", hubPair.privateKey)),
  );
  const app = createApp({
    clock: { now: () => Date.now() },
    adminTokenHash: hash,
    hubKeys: () => Promise.resolve(keys),
    onOlderKey: () => undefined,
    hasRoom: () => true,
    dialWaitMs: () => 0,
    mesh: meshOf,
    idempotency: (name) => idempotencyStub(MESH, name),
    rehearsal: (name) => rehearsalStub(MESH, name),
    webhooks: (name) => webhookStub(MESH, name),
    own: (name) => ownStub(MESH, name),
    tokens: (name) => tokenStub(MESH, name),
    requestWaitMs: () => 0,
    directory: () => directoryStub(MESH),
    origin: ({ id }, uid) => originStub(ORIGIN, originObjectName(id, uid)),
    place: (name) => placeOf(MESH, undefined, name),
  });
  const call = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const response = await app.request(path, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return (await response.json()) as Record<string, unknown>;
  };
  await call("/v1/meshes", { name: "joined" });
  const { joinToken } = await call("/v1/meshes/joined/clusters", { name: "db" });
  const pair = (await crypto.subtle.generateKey("Ed25519", true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  const jwk = (await crypto.subtle.exportKey("jwk", pair.publicKey)) as JsonWebKey;
  const publicKey = { kty: jwk.kty, crv: jwk.crv, x: jwk.x };
  const joined = await call("/v1/join", { joinToken, publicKey });
  expect(joined).toMatchObject({ mesh: "joined", cluster: { name: "db" }, keyGeneration: 1 });
  const { SignJWT } = await import("jose");
  const now = Math.floor(Date.now() / 1000);
  const jwt = await new SignJWT()
    .setProtectedHeader({ alg: "Ed25519" })
    .setIssuer((joined["cluster"] as { uid: string }).uid)
    .setAudience("catwalk-hub")
    .setIssuedAt(now)
    .setExpirationTime(now + 240)
    .sign(pair.privateKey);
  const upgraded = await app.request("/v1/connect/home", {
    headers: {
      upgrade: "websocket",
      authorization: `Bearer ${jwt}`,
      "catwalk-credential": String(joined["credential"]),
    },
  });
  expect(upgraded.status).toBe(101);
  upgraded.webSocket?.accept();
  upgraded.webSocket?.close(1000);
});
