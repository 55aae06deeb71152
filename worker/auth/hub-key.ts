/**
 * The hub's signing key: one Ed25519 private JWK in the environment; its public half is all that
 * verification needs.
 */
import { importJWK } from "jose";
import type { CryptoKey } from "jose";
import { z } from "zod";

export interface HubKeys {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/** One algorithm everywhere, by its fully specified name (RFC 9864 deprecates `EdDSA`). */
export const ALGORITHM = "Ed25519";

/**
 * @throws when the text is not an Ed25519 private JWK: a hub without its key must not start
 *   serving.
 */
export async function importHubKey(jwkText: string): Promise<HubKeys> {
  const jwk = readJwk(jwkText);
  if (jwk === null) throw new Error("HUB_KEY must be an Ed25519 private key as JWK");
  const { kty, crv, x, d } = jwk;
  return {
    privateKey: (await importJWK({ kty, crv, x, d }, ALGORITHM)) as CryptoKey,
    publicKey: (await importJWK({ kty, crv, x }, ALGORITHM)) as CryptoKey,
  };
}

const jwkSchema = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string(),
  d: z.string(),
});

function readJwk(text: string): z.output<typeof jwkSchema> | null {
  try {
    return jwkSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
