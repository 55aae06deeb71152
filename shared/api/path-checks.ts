/**
 * `/v1/meshes/{mesh}/clusters/{cluster}/path-checks/{to}`: whether packets pass between the nodes
 * of two clusters, by packets that their relays send. [OVL10]
 */
import { z } from "zod";

import { PATH_LIMITS, PATH_PHASES } from "../overlay/path-check.ts";
import { changedSchema, clusterParams, nameSchema } from "./common.ts";
import { operation } from "./operation.ts";

const PATH = "/v1/meshes/{mesh}/clusters/{cluster}/path-checks/{to}";
const tag = "Status";
const params = clusterParams.extend({ to: nameSchema });
const phase = z.enum(PATH_PHASES);

const findingSchema = z.object({
  level: z.enum(["ok", "info", "warning", "error"]),
  code: z.string(),
  subject: z.string(),
  message: z.string(),
  todo: z.string(),
});

const checkSchema = z
  .object({
    id: z.number().int(),
    phase: phase.meta({ description: "What relays are told to do" }),
    nodes: z
      .array(
        z.object({
          cluster: z.string(),
          node: z.string(),
          phase: phase.nullable().meta({
            description: "What its relay has done; null: none takes part",
          }),
          problem: z.string(),
        }),
      )
      .meta({ description: "The nodes that were chosen" }),
    findings: z.array(findingSchema).meta({ description: "Of what was sent and heard until now" }),
  })
  .meta({ id: "PathCheck" });
export type PathCheck = z.output<typeof checkSchema>;

export const getPathCheck = operation({
  id: "getPathCheck",
  summary: "The last path check of two clusters",
  tag,
  method: "get",
  path: PATH,
  params,
  access: "viewer",
  answer: checkSchema,
  successes: { 200: { description: "What has come of it" } },
});

export const orderPathCheck = operation({
  id: "orderPathCheck",
  summary: "Let nodes of two clusters send each other packets",
  tag,
  method: "put",
  path: PATH,
  params,
  body: z.strictObject({
    phase: phase.meta({
      description: "listen begins a check; send when nodes listen; end when they have sent",
    }),
    pairs: z
      .number()
      .int()
      .min(1)
      .max(PATH_LIMITS.pairs)
      .optional()
      .meta({ description: "Pairs of nodes at most; 3 where it is left out" }),
  }),
  access: "editor",
  answer: z.object({ ...checkSchema.shape, ...changedSchema.shape }),
  successes: { 200: { description: "Told to the relays of both" } },
});
