/**
 * A relay's identity: an Ed25519 key pair and what the hub has told about it, as two files of a
 * folder. All relays of a cluster have the same one, because joining with a new key retires the
 * older [CRE6]: it is made once (`catwalk cluster identity`) and given to each, read-only. A relay
 * that is alone makes its own, where it keeps its views. [CRE5] [CRE11]
 */
import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { decodeJwt, exportJWK, generateKeyPair } from "jose";
import { z } from "zod";

import { isSystemError } from "../lib/system-error.ts";
import { errorText } from "../../shared/lib/error-text.ts";
import { parseJson } from "../../shared/lib/parse-json.ts";
import { writeFileAtomically } from "../lib/atomic-file.ts";
import { readMembership } from "./join.ts";
import type { Membership } from "./join.ts";

/** Names of the files, and of the keys of the Secret that holds them. */
export const KEY_FILE = "relay-key.jwk";
export const MEMBERSHIP_FILE = "membership.json";

const base64url32 = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, "must be base64url of 32 bytes (an Ed25519 key)");

/** RFC 8037: `d` is the private key's seed. */
const keySchema = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: base64url32,
  d: base64url32,
});
export type RelayKey = z.output<typeof keySchema>;

export interface Identity {
  readonly key: RelayKey;
  readonly membership: Membership | null;
}

export async function makeKey(): Promise<RelayKey> {
  const pair = await generateKeyPair("Ed25519", { extractable: true });
  return keySchema.parse(await exportJWK(pair.privateKey));
}

/** The text of the key file, byte for byte as a relay writes it. */
export function keyText(key: RelayKey): string {
  return `${JSON.stringify(key)}\n`;
}

export function membershipText(membership: Membership): string {
  return `${JSON.stringify(membership, null, 2)}\n`;
}

/**
 * Reads an identity, making a key where there is none: the first of several relays that start on an
 * empty folder makes it for all of them.
 * @throws Error naming the file and what is wrong with it.
 */
export async function openIdentity(folder: string): Promise<Identity> {
  const keyPath = join(folder, KEY_FILE);
  if (readIfThere(keyPath) === null) makeKeyFile(folder, keyPath, keyText(await makeKey()));
  return identityIn(folder);
}

/** @throws Error naming the file that is not there, or what is wrong with it. */
export function identityIn(folder: string): Identity {
  const keyPath = join(folder, KEY_FILE);
  const text = readIfThere(keyPath) ?? "";
  const json = parseJson(text);
  const key = keySchema.safeParse(json.ok ? json.value : undefined);
  if (!key.success) {
    const issue = key.error.issues[0];
    const field = issue?.path.join(".") ?? "";
    throw new Error(
      `identity: ${keyPath}: ${field === "" ? "" : `${field}: `}${issue?.message ?? "is no key"}`,
    );
  }
  return { key: key.data, membership: openMembership(join(folder, MEMBERSHIP_FILE), key.data) };
}

/** Written whole or not at all. @throws Error of the file system. */
export function writeMembership(folder: string, membership: Membership): void {
  const path = join(folder, MEMBERSHIP_FILE);
  // A name of its own: relays that start together on one folder write the same, and none moves the
  // other's half.
  writeFileAtomically(path, membershipText(membership), `${path}.${randomUUID()}`);
}

function makeKeyFile(folder: string, path: string, text: string): void {
  const fresh = `${path}.${randomUUID()}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(fresh, text, { mode: 0o600, flag: "wx" });
    // Unlike renaming, linking keeps a key that somebody has made meanwhile.
    linkSync(fresh, path);
  } catch (error) {
    if (isSystemError(error, "EEXIST")) return;
    throw new Error(
      `identity: ${path} is not there and cannot be made (${errorText(error)}): make an identity with \`catwalk cluster identity NAME\``,
      { cause: error },
    );
  } finally {
    rmSync(fresh, { force: true });
  }
}

function openMembership(path: string, key: RelayKey): Membership | null {
  const text = readIfThere(path);
  if (text === null) return null;
  const json = parseJson(text);
  const membership = json.ok ? readMembership(json.value) : null;
  if (membership === null)
    throw new Error(
      `identity: ${path}: must hold credential, meshId, mesh, cluster.uid and cluster.name, as the hub gave them`,
    );
  const publicKey = publicKeyIn(membership.credential);
  if (publicKey !== null && publicKey !== key.x)
    throw new Error(
      `identity: ${path}: its credential is for another key than ${KEY_FILE} beside it: both must come from one identity`,
    );
  return membership;
}

/**
 * The key that a credential was signed for; `null` where that cannot be read, which the hub will
 * tell.
 */
function publicKeyIn(credential: string): string | null {
  try {
    const claims = z.object({ cnf: z.object({ jwk: z.object({ x: z.string() }) }) });
    return claims.parse(decodeJwt(credential)).cnf.jwk.x;
  } catch {
    return null;
  }
}

/** @throws Error naming the file when it is there and cannot be read. */
function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return null;
    throw new Error(`identity: ${errorText(error)}`, { cause: error });
  }
}
