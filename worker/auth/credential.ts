/**
 * The credential that a join token is exchanged for: the hub's signature over which cluster a
 * public key belongs to. It does not expire: what ends it is a newer key generation or the
 * cluster's removal, which the Origin knows, so that connecting never asks a registry. [CRE1]
 */
import { calculateJwkThumbprint, compactVerify, SignJWT } from "jose";
import type { CryptoKey } from "jose";
import { z } from "zod";

import { publicKeySchema } from "../../shared/api/join.ts";
import type { PublicKey } from "../../shared/api/join.ts";
import type { Joined } from "../mesh/membership.ts";
import { ALGORITHM } from "./hub-key.ts";

const ISSUER = "catwalk-hub";
/** Of the JWT's header: a credential is never taken for another kind of token. */
const TYPE = "catwalk-credential+jwt";

const claimsSchema = z.object({
  iss: z.literal(ISSUER),
  meshId: z.string(),
  mesh: z.string(),
  sub: z.string(),
  cluster: z.string(),
  gen: z.number().int().positive(),
  kid: z.string(),
  cnf: z.object({ jwk: publicKeySchema }),
});

export interface Credential {
  readonly meshId: string;
  readonly mesh: string;
  readonly cluster: { readonly uid: string; readonly name: string };
  readonly keyGeneration: number;
  readonly kid: string;
  readonly publicKey: PublicKey;
  /** The hub has another signing key since. [CRE29] */
  readonly isOfOlderKey: boolean;
}

/** RFC 7638, SHA-256. */
export function thumbprint(key: PublicKey): Promise<string> {
  return calculateJwkThumbprint(key);
}

export async function signCredential(
  joined: Joined,
  publicKey: PublicKey,
  hubKey: CryptoKey,
): Promise<string> {
  return new SignJWT({
    meshId: joined.meshId,
    mesh: joined.mesh,
    cluster: joined.cluster.name,
    gen: joined.keyGeneration,
    kid: await thumbprint(publicKey),
    cnf: { jwk: publicKey },
  })
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
    .setIssuer(ISSUER)
    .setSubject(joined.cluster.uid)
    .setIssuedAt()
    .sign(hubKey);
}

/**
 * `null` for anything that this hub did not sign as a credential.
 * @param hubKeys Its own and those that it had before, the one that signs first.
 */
export async function verifyCredential(
  token: string,
  hubKeys: readonly CryptoKey[],
): Promise<Credential | null> {
  const found = await signerOf(token, hubKeys);
  if (found === null) return null;
  const { verified, isOlder } = found;
  if (verified.protectedHeader.typ !== TYPE) return null;
  const claims = claimsSchema.safeParse(parseJson(verified.payload));
  if (!claims.success) return null;
  const { meshId, mesh, sub, cluster, gen, kid, cnf } = claims.data;
  return {
    meshId,
    mesh,
    cluster: { uid: sub, name: cluster },
    keyGeneration: gen,
    kid,
    publicKey: cnf.jwk,
    isOfOlderKey: isOlder,
  };
}

async function signerOf(token: string, hubKeys: readonly CryptoKey[]) {
  for (const [at, key] of hubKeys.entries()) {
    const verified = await compactVerify(token, key, { algorithms: [ALGORITHM] }).catch(() => null);
    if (verified !== null) return { verified, isOlder: at > 0 };
  }
  return null;
}

/** `undefined` for what is not JSON. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
