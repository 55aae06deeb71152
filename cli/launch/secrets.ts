/**
 * The hub's two secrets, made at the first start and readable by their owner only: its signing key,
 * and the admin token.
 */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { writeFileAtomically } from "../../relay/lib/atomic-file.ts";
import { HUB_KEY_FILE, newHubKey } from "./hub-key-file.ts";

export interface HubSecrets {
  /** Private Ed25519 JWK, or a JWK Set that begins with one, as text. */
  readonly hubKey: string;
  readonly adminToken: string;
  readonly adminTokenHash: string;
  readonly adminTokenFile: string;
}

/** @param adminTokenFile Used if it exists, else written; default: in the data folder. */
export function loadSecrets(
  dataDir: string,
  adminTokenFile = join(dataDir, "admin-token"),
): HubSecrets {
  const hubKey = readOrMake(join(dataDir, HUB_KEY_FILE), () => JSON.stringify(newHubKey()));
  const adminToken = readOrMake(adminTokenFile, () => `cwa_${randomBytes(24).toString("hex")}`);
  if (!/^\S{16,4096}$/.test(adminToken))
    throw new Error(`${adminTokenFile}: an admin token has at least 16 characters and no spaces`);
  return {
    hubKey,
    adminToken,
    adminTokenHash: createHash("sha256").update(adminToken).digest("hex"),
    adminTokenFile,
  };
}

/** Written whole or not at all: a key cut short by a full disk would lock every relay out. */
function readOrMake(path: string, make: () => string): string {
  if (existsSync(path)) return readFileSync(path, "utf8").trim();
  const text = make();
  writeFileAtomically(path, `${text}\n`);
  return text;
}
