import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { CryptoKey } from "jose";
import { beforeAll, expect, test } from "vitest";

import { isAdmin } from "../../../worker/auth/admin-token.ts";
import { signCredential, verifyCredential } from "../../../worker/auth/credential.ts";
import type { PublicKey } from "../../../shared/api/join.ts";
import { importHubKey } from "../../../worker/auth/hub-key.ts";
import type { HubKeys } from "../../../worker/auth/hub-key.ts";
import { verifyRelay } from "../../../worker/auth/verify-relay.ts";
import { OlderKeys } from "../../../worker/origin/access/older-keys.ts";

const NOW_S = 1_790_000_000;
const UID = "a".repeat(32);
const JOINED = { meshId: "m1", mesh: "demo", cluster: { uid: UID, name: "db" }, keyGeneration: 3 };

interface Relay {
  readonly key: CryptoKey;
  readonly publicKey: PublicKey;
  readonly credential: string;
}

let hub: HubKeys;
let relay: Relay;
let stranger: Relay;

async function makeHub(): Promise<HubKeys> {
  const pair = await generateKeyPair("Ed25519", { extractable: true });
  return importHubKey(JSON.stringify(await exportJWK(pair.privateKey)));
}

async function makeRelay(signer: HubKeys): Promise<Relay> {
  const pair = await generateKeyPair("Ed25519", { extractable: true });
  const { x = "" } = await exportJWK(pair.publicKey);
  const publicKey = { kty: "OKP", crv: "Ed25519", x } as const;
  const credential = await signCredential(JOINED, publicKey, signer.privateKey);
  return { key: pair.privateKey, publicKey, credential };
}

beforeAll(async () => {
  hub = await makeHub();
  relay = await makeRelay(hub);
  stranger = await makeRelay(await makeHub());
});

async function headersOf(
  key: CryptoKey,
  credential: string,
  claims: { iss?: string; aud?: string; iat?: number; exp?: number; jti?: string } = {},
): Promise<Headers> {
  const { iss = UID, aud = "catwalk-hub", iat = NOW_S, exp = NOW_S + 240 } = claims;
  const token = await new SignJWT(claims.jti === undefined ? {} : { jti: claims.jti })
    .setProtectedHeader({ alg: "Ed25519" })
    .setIssuer(iss)
    .setAudience(aud)
    .setIssuedAt(iat)
    .setExpirationTime(exp)
    .sign(key);
  return new Headers({ authorization: `Bearer ${token}`, "catwalk-credential": credential });
}

const check = (headers: Headers) => verifyRelay(headers, hub.publicKeys, NOW_S * 1000);

test("[CRE3] a credential of this hub and a token of its key prove who connects, from headers alone", async () => {
  expect(await check(await headersOf(relay.key, relay.credential))).toMatchObject({
    ok: true,
    relay: { meshId: "m1", mesh: "demo", cluster: { uid: UID, name: "db" }, keyGeneration: 3 },
  });
});

test("[CRE3] a foreign credential, a foreign key and a missing header are refused", async () => {
  const refusals = [
    [await headersOf(stranger.key, stranger.credential), "foreign-credential"],
    [await headersOf(stranger.key, relay.credential), "foreign-token"],
    [await headersOf(relay.key, "garbage"), "foreign-credential"],
    [new Headers({ "catwalk-credential": relay.credential }), "unauthenticated"],
    [new Headers({ authorization: "Bearer x" }), "unauthenticated"],
    [
      new Headers({ authorization: "Bearer a.b.c", "catwalk-credential": relay.credential }),
      "foreign-token",
    ],
    [
      new Headers({ authorization: "Bearer x", "catwalk-credential": "x".repeat(5000) }),
      "unauthenticated",
    ],
  ] as const;
  for (const [headers, code] of refusals)
    expect(await check(headers)).toMatchObject({ ok: false, code });
});

test("[CRE3] a token of another cluster, for another audience, or that lives too long is refused", async () => {
  for (const claims of [
    { iss: "b".repeat(32) },
    { aud: "somebody-else" },
    { exp: NOW_S + 301 },
    { exp: NOW_S - 1, iat: NOW_S },
  ])
    expect(await check(await headersOf(relay.key, relay.credential, claims))).toMatchObject({
      ok: false,
      code: "foreign-token",
    });
});

test("[CRE21] a token's id comes with its time of issue; one that is too short to be random, or too long to keep, is refused", async () => {
  const shown = async (jti: string) => check(await headersOf(relay.key, relay.credential, { jti }));
  expect(await shown("j".repeat(22))).toMatchObject({
    ok: true,
    token: { id: "j".repeat(22), issuedMs: NOW_S * 1000 },
  });
  for (const jti of ["", "j".repeat(21), "j".repeat(44), `${"j".repeat(21)} `])
    expect(await shown(jti)).toMatchObject({ ok: false, code: "foreign-token" });
  expect(await check(await headersOf(relay.key, relay.credential))).toMatchObject({ token: null });
});

test("[CRE3] an expired token and one from the future tell of clock skew, beyond 30 s", async () => {
  const at = async (offsetS: number): Promise<unknown> =>
    check(
      await headersOf(relay.key, relay.credential, {
        iat: NOW_S + offsetS,
        exp: NOW_S + offsetS + 240,
      }),
    );
  expect(await at(29)).toMatchObject({ ok: true });
  expect(await at(31)).toMatchObject({ ok: false, code: "clock-skew" });
  expect(await at(-269)).toMatchObject({ ok: true });
  expect(await at(-271)).toMatchObject({ ok: false, code: "clock-skew" });
});

test("[CRE1] a relay's own token is never a credential, whoever signed it", async () => {
  const token = await new SignJWT({ meshId: "m1" })
    .setProtectedHeader({ alg: "Ed25519" })
    .setIssuer("catwalk-hub")
    .sign(hub.privateKey);
  expect(await verifyCredential(token, hub.publicKeys)).toBeNull();
});

test("[CRE1] a hub key that is not an Ed25519 private key is refused", async () => {
  for (const text of ["{}", JSON.stringify({ ...relay.publicKey })])
    await expect(importHubKey(text)).rejects.toThrow("Ed25519 private key");
});

test("[CRE29] what an older key of the hub has signed is taken, and told; the newest signs", async () => {
  const pairs = await Promise.all(
    Array.from({ length: 3 }, () => generateKeyPair("Ed25519", { extractable: true })),
  );
  const [newest, before, forgotten] = await Promise.all(
    pairs.map(async ({ privateKey }) => exportJWK(privateKey)),
  );
  const of = (...keys: readonly object[]): Promise<HubKeys> =>
    importHubKey(keys.length === 1 ? JSON.stringify(keys[0]) : JSON.stringify({ keys }));
  const { kty, crv, x } = before ?? {};
  const rotated = await of(newest ?? {}, { kty, crv, x });
  const checkOf = async (signer: HubKeys): Promise<unknown> => {
    const { key, credential } = await makeRelay(signer);
    return verifyRelay(await headersOf(key, credential), rotated.publicKeys, NOW_S * 1000);
  };
  expect(await checkOf(rotated)).toMatchObject({ ok: true, relay: { isOfOlderKey: false } });
  const older = await of(before ?? {});
  expect(await checkOf(older)).toMatchObject({ ok: true, relay: { isOfOlderKey: true } });
  const stranger = await of(forgotten ?? {});
  expect(await checkOf(stranger)).toMatchObject({ ok: false, code: "foreign-credential" });
  const signed = await makeRelay(rotated);
  expect(await verifyCredential(signed.credential, [rotated.publicKeys[0] as CryptoKey])).not.toBe(
    null,
  );
});

test("[CRE29] a set of keys begins with one that can sign, and has at most four", async () => {
  const { privateKey } = await generateKeyPair("Ed25519", { extractable: true });
  const key = await exportJWK(privateKey);
  const { kty, crv, x } = key;
  const open = { kty, crv, x };
  await importHubKey(JSON.stringify({ keys: [key, open, open, open] }));
  for (const keys of [[], [open, key], [key, {}]])
    await expect(importHubKey(JSON.stringify({ keys }))).rejects.toThrow("Ed25519 private key");
  await expect(
    importHubKey(JSON.stringify({ keys: [key, open, open, open, open] })),
  ).rejects.toThrow("at most 4 keys");
});

test("[CRE29] each cluster with a membership by an older key is named once", () => {
  const lines: object[] = [];
  const keys = new OlderKeys((line) => lines.push(line));
  for (const cluster of ["app", "db", "app"]) keys.onDial("demo", cluster);
  expect(lines).toMatchObject([{ cluster: "app" }, { cluster: "db", mesh: "demo" }]);
});

test("[CRE4] the admin token matches its hash only, and a hub without a hash is closed", () => {
  const hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"; // of "test"
  expect(isAdmin("Bearer test", hash)).toBe(true);
  for (const [header, stored] of [
    ["Bearer tesT", hash],
    ["test", hash],
    ["Basic test", hash],
    [null, hash],
    ["Bearer test", ""],
    ["Bearer test", "zz"],
  ] as const)
    expect(isAdmin(header, stored)).toBe(false);
});
