/** Whether a relay that joins has the key that it names. [CRE24] */
import { compactVerify, importJWK } from "jose";
import { z } from "zod";

import type { PublicKey } from "../../shared/api/join.ts";
import { JOIN_PROOF } from "../../shared/protocol/join-proof.ts";
import { hashToken } from "../mesh/membership.ts";
import { parseJson } from "./credential.ts";
import { ALGORITHM } from "./hub-key.ts";

/** Longest proof that is looked at. */
const MAX_CHARS = 1_024;

const claimsSchema = z.object({ aud: z.literal(JOIN_PROOF.audience), tokenHash: z.string() });

/** `absent`: of a relay of the version before. */
export type JoinProof = "valid" | "wrong" | "absent";

export async function checkJoinProof(
  proof: string | null,
  joinToken: string,
  publicKey: PublicKey,
): Promise<JoinProof> {
  if (proof === null) return "absent";
  if (proof.length > MAX_CHARS) return "wrong";
  const key = await importJWK(publicKey, ALGORITHM).catch(() => null);
  const verified =
    key === null
      ? null
      : await compactVerify(proof, key, { algorithms: [ALGORITHM] }).catch(() => null);
  if (verified === null || verified.protectedHeader.typ !== JOIN_PROOF.type) return "wrong";
  const claims = claimsSchema.safeParse(parseJson(verified.payload));
  return claims.success && claims.data.tokenHash === hashToken(joinToken) ? "valid" : "wrong";
}
