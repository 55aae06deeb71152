/** `/v1/meshes/{mesh}/clusters/{cluster}/view`: the origins that a cluster may see. [API6] */
import { z } from "zod";

import { clusterParams, refSchema } from "./common.ts";
import { operation } from "./operation.ts";

export const viewSchema = z
  .object({
    accessVersion: z.number(),
    cluster: refSchema,
    origins: z.array(
      z.object({
        rcc: z.string().nullable().meta({ description: "null for the cluster itself" }),
        origin: refSchema,
        labels: z.enum(["original", "prefixed"]).default("original").meta({
          description: "prefixed: rules see label keys with the RCC's name in them",
        }),
        watch: z.string().meta({ description: "Path of a WebSocket that reads this origin" }),
      }),
    ),
  })
  .meta({ id: "View" });
export type ClusterAccess = z.output<typeof viewSchema>;

export const getView = operation({
  id: "getView",
  summary: "The origins that a cluster may see",
  tag: "Status",
  method: "get",
  path: "/v1/meshes/{mesh}/clusters/{cluster}/view",
  params: clusterParams,
  access: "viewer",
  owner: "params.cluster",
  answer: viewSchema,
  successes: { 200: { description: "The origins that the cluster may see" } },
});
