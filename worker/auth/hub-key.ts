/**
 * The hub's signing key: an Ed25519 private JWK in the environment, or a JWK Set that begins with
 * it. The others of a set are keys that it had before: what they signed is still taken. [CRE29]
 */
import { importJWK } from "jose";
import type { CryptoKey } from "jose";
import { z } from "zod";

export interface HubKeys {
  readonly privateKey: CryptoKey;
  /** Of that key, then of those before it. All that verification needs. */
  readonly publicKeys: readonly CryptoKey[];
}

/** One algorithm everywhere, by its fully specified name (RFC 9864 deprecates `EdDSA`). */
export const ALGORITHM = "Ed25519";

/** Each costs a verification of what none of them signed. */
const MOST_KEYS = 4;

const publicSchema = z.object({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: z.string() });
const privateSchema = publicSchema.extend({ d: z.string() });
const setSchema = z.object({ keys: z.tuple([privateSchema], publicSchema) });

/**
 * @throws when the text is neither: a hub without its key must not start serving.
 */
export async function importHubKey(text: string): Promise<HubKeys> {
  const [first, ...older] = readKeys(text);
  const { kty, crv, x, d } = first;
  const all = [first, ...older].map((key) =>
    importJWK({ kty: key.kty, crv: key.crv, x: key.x }, ALGORITHM),
  );
  return {
    privateKey: (await importJWK({ kty, crv, x, d }, ALGORITHM)) as CryptoKey,
    publicKeys: (await Promise.all(all)) as CryptoKey[],
  };
}

function readKeys(text: string): z.output<typeof setSchema>["keys"] {
  const json = parsed(text);
  const one = privateSchema.safeParse(json);
  if (one.success) return [one.data];
  const set = setSchema.safeParse(json);
  if (!set.success)
    throw new Error(
      "HUB_KEY must be an Ed25519 private key as JWK, or a JWK Set that begins with one",
    );
  const { keys } = set.data;
  if (keys.length > MOST_KEYS) throw new Error(`HUB_KEY has at most ${MOST_KEYS} keys`);
  return keys;
}

/** `undefined` for what is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
