/**
 * `POST /v1/own`: a relay with its cluster's credential writes the RCCs and grants that the
 * cluster's custom resources ask for, and reads what the hub holds of that cluster. There is no
 * field for another cluster: the credential says which it is. [CRD4]
 */
import { z } from "zod";

import { rccSchema } from "../visibility/rcc.ts";
import { scopeSchema } from "../visibility/scope.ts";
import { nameSchema, refSchema } from "./common.ts";
import { grantSchema } from "./grants.ts";
import { operation } from "./operation.ts";
import { rccViewSchema } from "./rccs.ts";

/** Writes of one request. */
export const MAX_OWN_WRITES = 32;

const under = z
  .string()
  .min(1)
  .max(64)
  .meta({ description: "UID of the CustomResourceDefinition that the object is under" });

const ownWriteSchema = z.discriminatedUnion("op", [
  z.strictObject({ op: z.literal("apply-rcc"), under, document: rccSchema }),
  z.strictObject({ op: z.literal("delete-rcc"), under, name: nameSchema }),
  z.strictObject({
    op: z.literal("apply-grant"),
    under,
    reader: nameSchema,
    scope: scopeSchema.optional(),
  }),
  z.strictObject({ op: z.literal("delete-grant"), under, reader: nameSchema }),
]);
export type OwnWrite = z.output<typeof ownWriteSchema>;

const ownerShape = {
  under: z
    .string()
    .nullable()
    .meta({ description: "Of one that the cluster manages: its CRD's UID; else null" }),
};

const resultSchema = z.union([
  z.object({ ok: z.literal(true) }),
  z.object({
    ok: z.literal(false),
    status: z.number().int(),
    code: z.string(),
    detail: z.string(),
  }),
]);

export const ownStateSchema = z.object({
  cluster: refSchema,
  suspended: z.boolean().default(false),
  rccs: z.array(rccViewSchema.extend(ownerShape)),
  grants: z.array(grantSchema.extend(ownerShape)),
});
export type OwnState = z.output<typeof ownStateSchema>;

const answerSchema = ownStateSchema.extend({
  results: z
    .array(resultSchema)
    .meta({ description: "What became of each write, in their order; the state is of after them" }),
});
export type OwnAnswer = z.output<typeof answerSchema>;

export const syncOwn = operation({
  id: "syncOwn",
  summary: "Write and read what the relay's own cluster declares",
  tag: "Relays",
  method: "post",
  path: "/v1/own",
  access: "anyone",
  body: z.strictObject({ writes: z.array(ownWriteSchema).max(MAX_OWN_WRITES) }),
  answer: answerSchema,
  successes: { 200: { description: "What the hub holds of the cluster, after the writes" } },
});
