/**
 * `/v1/meshes/{mesh}/clusters/{cluster}/withdrawals`: what a cluster's relay holds back because so
 * much was missing at once, and what becomes of it. [PUB20]
 */
import { z } from "zod";

import { changedSchema, clusterParams, listSchema } from "./common.ts";
import { operation } from "./operation.ts";

const PATH = "/v1/meshes/{mesh}/clusters/{cluster}/withdrawals";
const tag = "Withdrawals";

const heldSchema = z
  .object({
    collection: z.string(),
    keys: z.number().int(),
    since: z.string().meta({ description: "By the relay's clock" }),
    until: z.string().nullable().meta({
      description: "When they are withdrawn all the same; null: rejected, so they stay",
    }),
  })
  .meta({ id: "HeldWithdrawal" });

export const listWithdrawals = operation({
  id: "listWithdrawals",
  summary: "Withdrawals that a cluster's relay holds back",
  tag,
  method: "get",
  path: PATH,
  params: clusterParams,
  access: "viewer",
  owner: "params.cluster",
  answer: listSchema(heldSchema),
  successes: { 200: { description: "What is held, by collection" } },
});

export const decideWithdrawals = operation({
  id: "decideWithdrawals",
  summary: "Confirm or reject withdrawals that are held",
  tag,
  method: "post",
  path: PATH,
  params: clusterParams,
  body: z.strictObject({
    decision: z.enum(["confirm", "reject"]).meta({
      description: "confirm: they are gone; reject: they stay until the source lists them again",
    }),
    collection: z.string().max(64).optional().meta({ description: "Without it: all that is held" }),
  }),
  access: "editor",
  owner: "params.cluster",
  answer: z.object({ keys: z.number().int(), ...changedSchema.shape }),
  successes: { 200: { description: "How many records it is about; the cluster's relays obey" } },
});
