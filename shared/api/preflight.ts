/** `/v1/meshes/{mesh}/preflight`: which pairs of clusters may have routes to each other. [OVL9] */
import { z } from "zod";

import { meshParams, nameSchema, refSchema } from "./common.ts";
import { operation } from "./operation.ts";

const requirementSchema = z.object({
  code: z.string(),
  state: z.enum(["met", "warning", "failed"]),
  message: z.string(),
  values: z.array(z.string()).meta({ description: "Of both clusters, in the order of the pair" }),
});

export const overlayStateSchema = z.enum(["Ready", "NotReady", "Disabled"]);
export type OverlayState = z.output<typeof overlayStateSchema>;

const pairSchema = z
  .object({
    clusters: z.array(refSchema).meta({ description: "The two" }),
    state: overlayStateSchema.meta({
      description:
        "Ready: relays are told to route; Disabled: no RCC of the two asks for routes; NotReady: else",
    }),
    ready: z.boolean().meta({ description: "No requirement fails, whatever RCCs ask for" }),
    reason: z.string(),
    phase: z.enum(["none", "prepare", "commit", "leave"]),
    stragglers: z.array(z.string()).meta({ description: "Relays that have not obeyed in time" }),
    requirements: z.array(requirementSchema).meta({
      description: "Of a pair that was asked for all; of others those that are not met",
    }),
  })
  .meta({ id: "PreflightPair" });
export type PreflightPair = z.output<typeof pairSchema>;

export const getPreflight = operation({
  id: "getPreflight",
  summary: "Whether pairs of clusters may have routes, and what is in the way",
  tag: "Status",
  method: "get",
  path: "/v1/meshes/{mesh}/preflight",
  params: meshParams,
  query: z.strictObject({ cluster: nameSchema.optional(), to: nameSchema.optional() }),
  answer: z.object({ items: z.array(pairSchema) }),
  successes: { 200: { description: "Pairs of clusters" } },
});
