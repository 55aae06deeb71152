/** Exchanges a join token for the membership that the hub signs. [CRE1] [CRE24] */
import { importJWK, SignJWT } from "jose";
import type { JWK } from "jose";
import { z } from "zod";

import { toHex } from "../../shared/lib/bytes.ts";
import { sha256 } from "../../shared/lib/hash.ts";
import { JOIN_PROOF } from "../../shared/protocol/join-proof.ts";
import { postJson } from "./post-json.ts";
import type { JsonAnswer } from "./post-json.ts";
import type { HubRoute } from "./route.ts";

/** A hub that accepts and says nothing is tried again after this. [FLT2] */
const JOIN_MS = 10_000;

/** A key's membership, as the hub has told it. */
export interface Membership {
  readonly credential: string;
  readonly meshId: string;
  readonly mesh: string;
  readonly cluster: { readonly uid: string; readonly name: string };
}

export class JoinError extends Error {
  /** The hub has said no: trying again with the same token is useless. */
  readonly isFinal: boolean;

  constructor(message: string, isFinal: boolean) {
    super(message);
    this.isFinal = isFinal;
  }
}

/**
 * Idempotent: the same token and key give the same membership.
 * @param key Private; its public part is sent, and a proof that the rest is here.
 * @param isBeside The key in use is retired once a relay comes with this one. [CRE30]
 * @throws JoinError
 */
export async function joinMesh(
  hub: string,
  joinToken: string,
  key: JWK,
  route: HubRoute,
  isBeside = false,
): Promise<Membership> {
  const { kty, crv, x } = key;
  const options = {
    agent: route.agent,
    timeoutMs: JOIN_MS,
    headers: { [JOIN_PROOF.header]: await proofOf(key, joinToken) },
  };
  let answer: JsonAnswer;
  try {
    answer = await postJson(
      new URL("/v1/join", hub),
      { joinToken, publicKey: { kty, crv, x }, ...(isBeside ? { beside: true } : {}) },
      options,
    );
  } catch (error) {
    throw new JoinError(`cannot reach the hub at ${hub}: ${route.describe(error)}`, false);
  }
  const { status, body } = answer;
  const { detail } = body;
  if (status < 200 || status > 299)
    throw new JoinError(
      `the hub refused the join token: ${typeof detail === "string" ? detail : `HTTP ${status}`}`,
      status >= 400 && status < 500 && status !== 429,
    );
  const membership = readMembership(body);
  if (membership === null)
    throw new JoinError(`the answer of the hub at ${hub} to the join token is not whole`, false);
  return membership;
}

/** Shows that who joins has the key. [CRE24] */
async function proofOf(key: JWK, joinToken: string): Promise<string> {
  const tokenHash = toHex(sha256(new TextEncoder().encode(joinToken)));
  return new SignJWT({ tokenHash })
    .setProtectedHeader({ alg: "Ed25519", typ: JOIN_PROOF.type })
    .setAudience(JOIN_PROOF.audience)
    .sign(await importJWK(key, "Ed25519"));
}

const text = z.string().min(1);
const membershipSchema = z.object({
  credential: text,
  meshId: text,
  mesh: text,
  cluster: z.object({ uid: text, name: text }),
});

/**
 * The hub's answer, or the file that keeps it.
 * @returns `null` for one that broke off on its way: kept, it would cost the relay its next start.
 *   [FLT2]
 */
export function readMembership(json: unknown): Membership | null {
  const parsed = membershipSchema.safeParse(json);
  return parsed.success ? parsed.data : null;
}
