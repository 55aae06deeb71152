/** `POST /v1/join`: a join token and a public key for a credential. [CRE1] */
import { z } from "zod";

import { refSchema } from "./common.ts";
import { operation } from "./operation.ts";

/** A relay's public key; anything private or of another kind is refused. */
export const publicKeySchema = z.strictObject({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string().regex(/^[A-Za-z0-9_-]{43}$/, "must be base64url of 32 bytes"),
});
export type PublicKey = z.output<typeof publicKeySchema>;

export const join = operation({
  id: "join",
  summary: "Exchange a join token and a public key for a credential",
  tag: "Join",
  method: "post",
  path: "/v1/join",
  access: "anyone",
  body: z.strictObject({
    joinToken: z.string().max(256),
    publicKey: publicKeySchema,
    beside: z.boolean().optional().meta({
      description: "The key in use is taken until a relay comes with this one",
    }),
  }),
  answer: z.object({
    credential: z.string(),
    meshId: z.string(),
    mesh: z.string(),
    cluster: refSchema,
    keyGeneration: z.number().int(),
  }),
  successes: { 200: { description: "Membership; the same token and key give it again" } },
});
