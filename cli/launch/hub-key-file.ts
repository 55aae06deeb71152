/**
 * The file of the hub's signing key: one private Ed25519 JWK, or a JWK Set that begins with it and
 * has the public halves of those before it, whose signatures the hub still takes. [CRE29]
 */
import { generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import { writeFileAtomically } from "../../relay/lib/atomic-file.ts";
import { parseJson } from "../../shared/lib/parse-json.ts";

export const HUB_KEY_FILE = "hub-key.jwk";
/** As many as the hub takes. */
const MOST_KEYS = 4;

const publicSchema = z.object({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: z.string() });
const privateSchema = publicSchema.extend({ d: z.string() });
const setSchema = z.object({ keys: z.tuple([privateSchema], publicSchema) });
type Keys = z.output<typeof setSchema>["keys"];

export function newHubKey(): z.output<typeof privateSchema> {
  return privateSchema.parse(generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" }));
}

/**
 * A new key signs; what the present one has signed is still taken, and nobody can sign with it any
 * more. Holds from the hub's next start on.
 * @returns Keys that are taken beside the new one.
 * @throws Error naming the file and what is wrong with it.
 */
export function rotateHubKey(dataDir: string): number {
  const [present, ...older] = keysIn(dataDir);
  const { kty, crv, x } = present;
  const keys: Keys = [newHubKey(), { kty, crv, x }, ...older];
  if (keys.length > MOST_KEYS)
    throw new Error(
      `${pathIn(dataDir)}: has ${keys.length - 1} keys already, and may have ${MOST_KEYS}: --forget-older first`,
    );
  write(dataDir, { keys });
  return keys.length - 1;
}

/**
 * Memberships that the older keys have signed are void from the hub's next start on.
 * @returns Keys that are forgotten.
 * @throws Error naming the file and what is wrong with it.
 */
export function forgetOlderKeys(dataDir: string): number {
  const [present, ...older] = keysIn(dataDir);
  if (older.length > 0) write(dataDir, present);
  return older.length;
}

function keysIn(dataDir: string): Keys {
  const path = pathIn(dataDir);
  if (!existsSync(path)) throw new Error(`${path}: is not there: no hub has run with this folder`);
  const json = parseJson(readFileSync(path, "utf8"));
  const one = privateSchema.safeParse(json.ok ? json.value : undefined);
  if (one.success) return [one.data];
  const set = setSchema.safeParse(json.ok ? json.value : undefined);
  if (set.success) return set.data.keys;
  throw new Error(
    `${path}: must be an Ed25519 private key as JWK, or a JWK Set that begins with one`,
  );
}

function write(dataDir: string, value: object): void {
  writeFileAtomically(pathIn(dataDir), `${JSON.stringify(value)}\n`);
}

const pathIn = (dataDir: string): string => join(dataDir, HUB_KEY_FILE);
