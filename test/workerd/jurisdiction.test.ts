/**
 * Jurisdictions in the hub's own runtime, which knows none; and the Worker with objects that do, as
 * Cloudflare's.
 */
import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { SignJWT } from "jose";
import { expect, test } from "vitest";

import worker, { MeshObject } from "../../worker/index.ts";
import { NoSuchPlace, objectsOf, placeOf } from "../../worker/place.ts";

const { MESH, ORIGIN } = env as unknown as {
  readonly MESH: DurableObjectNamespace;
  readonly ORIGIN: DurableObjectNamespace;
};
const TOKEN = "jurisdiction-admin-token";

/** Objects of each jurisdiction apart; what was asked of which is in `asked`. */
function placed(namespace: DurableObjectNamespace, asked: string[]): DurableObjectNamespace {
  const sub = (where: string) => ({
    idFromName: (name: string) => {
      asked.push(`${where} ${name}`);
      return namespace.idFromName(`${where} ${name}`);
    },
    get: (id: DurableObjectId) => namespace.get(id),
  });
  const all = { ...sub("anywhere"), jurisdiction: (where: string) => sub(where) };
  return all as unknown as DurableObjectNamespace;
}

const newKey = async (): Promise<CryptoKeyPair> =>
  (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;

test("[DEP13] workerd knows no jurisdictions: a mesh there cannot be, and nothing else changes", () => {
  expect(placeOf(MESH, undefined, "prod.eu").problem).toContain("its platform does not know");
  expect(() => objectsOf(MESH, undefined, "prod.eu")).toThrow(NoSuchPlace);
  expect(objectsOf(MESH, undefined, "prod")).toBe(MESH);
});

test("[DEP12] a Mesh finds its Origins where its own name says, also when it is removed", async () => {
  const asked: string[] = [];
  const stub = MESH.get(MESH.idFromName("mesh in the EU"));
  await runInDurableObject(stub as DurableObjectStub<undefined>, async (_, state) => {
    const mesh = new MeshObject(state, { ORIGIN: placed(ORIGIN, asked) });
    await mesh.administer("createMesh", ["prod.eu"], "admin");
    await mesh.administer("addCluster", ["db", {}], "admin");
    expect(asked.length).toBeGreaterThan(0);
    const before = asked.length;
    await mesh.administer("deleteMesh", [], "admin");
    expect(asked.length).toBeGreaterThan(before);
  });
  expect(asked.filter((one) => !one.startsWith("eu "))).toEqual([]);
});

test("[DEP12] from the first request to a relay's socket only the list of meshes is elsewhere", async () => {
  const asked: string[] = [];
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(TOKEN));
  const hub = {
    MESH: placed(MESH, asked),
    ORIGIN: placed(ORIGIN, asked),
    ADMIN_TOKEN_HASH: [...new Uint8Array(digest)]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join(""),
    HUB_KEY: JSON.stringify(await crypto.subtle.exportKey("jwk", (await newKey()).privateKey)),
  };
  const ask = async (path: string, init: RequestInit): Promise<Response> =>
    worker.fetch(new Request(`https://hub.example${path}`, init), hub);
  const post = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const answer = await ask(path, { method: "POST", headers, body: JSON.stringify(body) });
    return answer.json();
  };
  const made = await post("/v1/meshes", { name: "prod.eu", jurisdiction: "eu" });
  expect(made).toMatchObject({ name: "prod.eu", jurisdiction: "eu" });
  const { joinToken } = await post("/v1/meshes/prod.eu/clusters", { name: "db" });
  const pair = await newKey();
  const { kty, crv, x } = (await crypto.subtle.exportKey("jwk", pair.publicKey)) as JsonWebKey;
  const joined = await post("/v1/join", { joinToken, publicKey: { kty, crv, x } });
  const now = Math.floor(Date.now() / 1000);
  const jwt = await new SignJWT()
    .setProtectedHeader({ alg: "Ed25519" })
    .setIssuer((joined["cluster"] as { uid: string }).uid)
    .setAudience("catwalk-hub")
    .setIssuedAt(now)
    .setExpirationTime(now + 240)
    .sign(pair.privateKey);
  asked.length = 0;
  const upgraded = await ask("/v1/connect/home", {
    headers: {
      upgrade: "websocket",
      authorization: `Bearer ${jwt}`,
      "catwalk-credential": String(joined["credential"]),
    },
  });
  expect(upgraded.status).toBe(101);
  upgraded.webSocket?.accept();
  upgraded.webSocket?.close(1000);
  // The credential alone says where: neither the list of meshes nor the Mesh is asked.
  expect(asked).toEqual([expect.stringMatching(/^eu [0-9a-f]{32}:[0-9a-f]{32}$/)]);
});
