/** The two files that a relay's identity is. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { importJWK, SignJWT } from "jose";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Credentials } from "../../../relay/hub/credentials.ts";
import {
  KEY_FILE,
  keyText,
  makeKey,
  MEMBERSHIP_FILE,
  membershipText,
  openIdentity,
  writeMembership,
} from "../../../relay/hub/identity.ts";
import type { RelayKey } from "../../../relay/hub/identity.ts";
import type { Membership } from "../../../relay/hub/join.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "catwalk-identity-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** As a hub signs it, by whatever key: only the hub can tell. */
async function membershipOf(key: RelayKey): Promise<Membership> {
  const { kty, crv, x } = key;
  const credential = await new SignJWT({ cnf: { jwk: { kty, crv, x } } })
    .setProtectedHeader({ alg: "Ed25519" })
    .sign(await importJWK(key, "Ed25519"));
  return { credential, meshId: "m-1", mesh: "m", cluster: { uid: "u", name: "app" } };
}

function write(key: string, membership: string): void {
  writeFileSync(join(folder, KEY_FILE), key);
  writeFileSync(join(folder, MEMBERSHIP_FILE), membership);
}

test("[CRE11] an identity that was given is read as it is, and nothing is written beside it", async () => {
  const key = await makeKey();
  const membership = await membershipOf(key);
  write(keyText(key), membershipText(membership));
  expect(await openIdentity(folder)).toEqual({ key, membership });
  expect(readdirSync(folder).toSorted()).toEqual([MEMBERSHIP_FILE, KEY_FILE].toSorted());
});

test("[CRE11] of relays that start together on an empty folder one makes the key and all have it", async () => {
  const shared = join(folder, "new");
  const opened = await Promise.all(Array.from({ length: 8 }, () => openIdentity(shared)));
  expect(new Set(opened.map(({ key }) => key.d)).size).toBe(1);
  expect(readdirSync(shared)).toEqual([KEY_FILE]);
  expect(statSync(join(shared, KEY_FILE)).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(shared, KEY_FILE), "utf8")).toBe(
    keyText((opened[0] as (typeof opened)[0]).key),
  );
});

test("[CRE11] a membership is written whole, for its owner only", async () => {
  const { key } = await openIdentity(folder);
  const membership = await membershipOf(key);
  writeMembership(folder, membership);
  expect((await openIdentity(folder)).membership).toEqual(membership);
  expect(statSync(join(folder, MEMBERSHIP_FILE)).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toHaveLength(2);
});

test("[CRE11] [CRE13] a file that is wrong is named, with what is wrong in it", async () => {
  const key = await makeKey();
  const good = membershipText(await membershipOf(key));
  const cases: readonly (readonly [key: string, membership: string, error: RegExp])[] = [
    ["no JSON", good, /^identity: .*relay-key\.jwk: /],
    [JSON.stringify({ ...key, crv: "X25519" }), good, /relay-key\.jwk: crv: /],
    [JSON.stringify({ ...key, d: undefined }), good, /relay-key\.jwk: d: /],
    [JSON.stringify({ ...key, d: "short" }), good, /relay-key\.jwk: d: must be base64url of 32/],
    [keyText(key), "{", /membership\.json: must hold credential, meshId/],
    [keyText(key), '{"credential":"c","meshId":"m"}', /membership\.json: must hold credential/],
    [
      keyText(await makeKey()),
      good,
      /membership\.json: its credential is for another key than relay-key\.jwk beside it/,
    ],
  ];
  for (const [keyFile, membershipFile, error] of cases) {
    write(keyFile, membershipFile);
    await expect(openIdentity(folder)).rejects.toThrow(error);
  }
});

test("[CRE11] a folder that has no key and takes none says how to make one", async () => {
  await expect(openIdentity("/proc/self")).rejects.toThrow(
    /^identity: \/proc\/self\/relay-key\.jwk is not there and cannot be made .*catwalk cluster identity NAME/,
  );
  writeFileSync(join(folder, "file"), "");
  await expect(openIdentity(join(folder, "file"))).rejects.toThrow(/^identity: ENOTDIR/);
});

test("[CRE27] files that are deleted under a relay that runs, or come back halves, change nothing", async () => {
  const key = await makeKey();
  const membership = await membershipOf(key);
  write(keyText(key), membershipText(membership));
  const credentials = await Credentials.open(folder);
  const shown = async (): Promise<string | undefined> =>
    (await credentials.headers())["catwalk-credential"];
  expect(await shown()).toBe(membership.credential);
  const other = await makeKey();
  for (const spoil of [
    () => rmSync(join(folder, KEY_FILE)),
    () => rmSync(join(folder, MEMBERSHIP_FILE)),
    () => write(keyText(other), membershipText(membership)),
    () => write(keyText(other), '{"credential":'),
    () => rmSync(folder, { recursive: true }),
  ]) {
    spoil();
    expect(await shown()).toBe(membership.credential);
  }
  // Another key of the same cluster is taken, once it is there whole.
  mkdirSync(folder);
  const newer = await membershipOf(other);
  write(keyText(other), membershipText(newer));
  expect(await shown()).toBe(newer.credential);
  expect(credentials.privateKey).toEqual(key);
});
