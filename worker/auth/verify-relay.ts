/**
 * Who connects: a relay shows the hub's credential, and proves with a token of its own of at most
 * five minutes that it has the credential's key. No storage is read: after a deploy every relay
 * comes back at once, and the Worker alone must stand that. [CRE3]
 */
import { compactVerify, importJWK } from "jose";
import type { CryptoKey } from "jose";
import { z } from "zod";

import { LIMITS } from "../../shared/protocol/limits.ts";
import type { ShownToken } from "../ports.ts";
import { parseJson, verifyCredential } from "./credential.ts";
import type { Credential } from "./credential.ts";
import { ALGORITHM } from "./hub-key.ts";

export const RELAY_AUDIENCE = "catwalk-hub";
export const CREDENTIAL_HEADER = "catwalk-credential";

const MAX_LIFETIME_S = LIMITS.tokenMs / 1000;
/** How far a relay's clock may be off. */
const LEEWAY_S = LIMITS.clockSkewMs / 1000;
/** Longest header that is looked at. */
const MAX_TOKEN_CHARS = 4096;

export type RelayCheck =
  | {
      readonly ok: true;
      readonly relay: Credential;
      /** `null`: of a relay of the version before, whose tokens have no id. */
      readonly token: ShownToken | null;
    }
  | {
      readonly ok: false;
      /** `clock-skew`: the relay can correct itself by the hub's `date` header and try again. */
      readonly code: "unauthenticated" | "foreign-credential" | "foreign-token" | "clock-skew";
      readonly detail: string;
    };

const claimsSchema = z.object({
  iss: z.string(),
  aud: z.literal(RELAY_AUDIENCE),
  iat: z.number(),
  exp: z.number(),
  /** At least 128 random bits; of a bounded length, for it is remembered. [CRE21] */
  jti: z
    .string()
    .regex(/^[A-Za-z0-9_-]{22,43}$/)
    .optional(),
});

/**
 * @param hubKeys See `HubKeys.publicKeys`.
 * @param nowMs The hub's clock, Unix ms.
 */
export async function verifyRelay(
  headers: Headers,
  hubKeys: readonly CryptoKey[],
  nowMs: number,
): Promise<RelayCheck> {
  const credentialText = headers.get(CREDENTIAL_HEADER) ?? "";
  const token = /^Bearer (\S+)$/i.exec(headers.get("authorization") ?? "")?.[1] ?? "";
  if (credentialText === "" || token === "")
    return refuse(
      "unauthenticated",
      `needs the headers authorization (Bearer token) and ${CREDENTIAL_HEADER}`,
    );
  if (credentialText.length > MAX_TOKEN_CHARS || token.length > MAX_TOKEN_CHARS)
    return refuse("unauthenticated", `a token has at most ${MAX_TOKEN_CHARS} characters`);
  const credential = await verifyCredential(credentialText, hubKeys);
  if (credential === null)
    return refuse(
      "foreign-credential",
      `the ${CREDENTIAL_HEADER} was not signed by this hub: join again with a new token`,
    );
  const key = await importJWK(credential.publicKey, ALGORITHM).catch(() => null);
  const verified =
    key === null
      ? null
      : await compactVerify(token, key, { algorithms: [ALGORITHM] }).catch(() => null);
  if (verified === null)
    return refuse("foreign-token", "the token was not signed with the credential's key");
  const claims = claimsSchema.safeParse(parseJson(verified.payload));
  if (!claims.success)
    return refuse(
      "foreign-token",
      `the token needs iss, aud ${RELAY_AUDIENCE}, iat and exp as numbers, and jti as 22 to 43 characters of base64url`,
    );
  const { iss, iat, exp, jti } = claims.data;
  if (iss !== credential.cluster.uid)
    return refuse("foreign-token", "the token's iss must be the credential's cluster");
  if (!(exp > iat) || exp - iat > MAX_LIFETIME_S)
    return refuse("foreign-token", `the token must live at most ${MAX_LIFETIME_S} s`);
  const now = nowMs / 1000;
  if (iat > now + LEEWAY_S)
    return refuse(
      "clock-skew",
      `the token is from ${Math.round(iat - now)} s in the future of the hub's clock`,
    );
  if (exp < now - LEEWAY_S)
    return refuse(
      "clock-skew",
      `the token expired ${Math.round(now - exp)} s ago by the hub's clock`,
    );
  const shown = jti === undefined ? null : { id: jti, issuedMs: iat * 1000 };
  return { ok: true, relay: credential, token: shown };
}

function refuse(code: Exclude<RelayCheck, { ok: true }>["code"], detail: string): RelayCheck {
  return { ok: false, code, detail };
}
