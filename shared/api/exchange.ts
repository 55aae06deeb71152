/**
 * `/v1/meshes/{mesh}/clusters/{cluster}/exchange`: what a cluster shows to whom, and what it sees
 * of whom, as it is really delivered. For the owner of either side. [API59]
 */
import { z } from "zod";

import { CONNECTION_WORDS } from "../visibility/connection-words.ts";
import { scopeSchema } from "../visibility/scope.ts";
import { clusterParams, refSchema } from "./common.ts";
import { conditionSchema } from "./conditions.ts";
import { operation } from "./operation.ts";

const sideSchema = z
  .object({
    peer: refSchema.meta({ description: "The other cluster" }),
    rcc: z.string().meta({ description: "Of the cluster that sees" }),
    scope: z.object(scopeSchema.shape).optional().meta({
      description: "What the grant shows; absent: all, or there is no grant",
    }),
    connection: z.enum([...CONNECTION_WORDS, "NotGranted", "Unknown"]),
    endpoints: z.number().nullable().meta({
      description: "That the seeing relay has of the other; null: it has not reported",
    }),
    withheld: z.number().nullable().meta({ description: "Records that the scope does not show" }),
    quarantined: z
      .number()
      .nullable()
      .meta({ description: "Records that the hub admits nothing of" }),
    refused: z.number().nullable().meta({ description: "Records that the seeing relay refuses" }),
    conditions: z.array(conditionSchema),
  })
  .meta({ id: "ExchangeSide" });
export type ExchangeSide = z.output<typeof sideSchema>;

const exchangeSchema = z
  .object({
    cluster: refSchema,
    at: z.string(),
    shows: z.array(sideSchema).meta({ description: "Who sees the cluster, or asks to" }),
    sees: z.array(sideSchema).meta({ description: "Whom the cluster sees, or asks to see" }),
  })
  .meta({ id: "Exchange" });
export type Exchange = z.output<typeof exchangeSchema>;

export const getExchange = operation({
  id: "getExchange",
  summary: "What a cluster shows to whom, and sees of whom",
  tag: "Status",
  method: "get",
  path: "/v1/meshes/{mesh}/clusters/{cluster}/exchange",
  params: clusterParams,
  access: "viewer",
  owner: "params.cluster",
  answer: exchangeSchema,
  successes: { 200: { description: "Both sides, as they are now" } },
});
