/**
 * `/v1/meshes/{mesh}/clusters/{cluster}/rccs`: the documented RemoteClusterConfiguration. [VIS22]
 */
import { z } from "zod";

import { rccSchema } from "../visibility/rcc.ts";
import {
  changedSchema,
  clusterParams,
  managerQuery,
  managerSchema,
  meshParams,
  nameSchema,
  refSchema,
} from "./common.ts";
import { conditionsField } from "./conditions.ts";
import { dryRunQuery, effectsField } from "./effect.ts";
import { operation } from "./operation.ts";
import { pagedSchema, pageQuery } from "./page.ts";

const LIST = "/v1/meshes/{mesh}/clusters/{cluster}/rccs";
const PATH = `${LIST}/{rcc}`;
const tag = "RemoteClusterConfigurations";
const rccParams = clusterParams.extend({ rcc: nameSchema });

export const rccViewSchema = z
  .object({
    apiVersion: z.literal("projectcalico.org/v3"),
    kind: z.literal("RemoteClusterConfiguration"),
    metadata: z.object({
      name: z.string(),
      creationTimestamp: z.string(),
      annotations: z.record(z.string(), z.string()).default({}),
    }),
    spec: z.record(z.string(), z.unknown()),
    status: z.object({
      managedBy: managerSchema.default("api"),
      vetoed: z.boolean().default(false).meta({
        description: "It is granted, and the remote's export policy keeps it from this cluster",
      }),
      remote: refSchema.nullable().meta({
        description: "The member that it names; null for one with connection fields",
      }),
      state: z.enum(["granted", "not-granted", "not-served"]),
      notServed: z
        .array(z.object({ field: z.string(), rule: z.string() }))
        .default([])
        .meta({ description: "What it asks for and this version of the hub does not do" }),
      conditions: conditionsField,
    }),
  })
  .meta({ id: "RemoteClusterConfiguration" });
export type RccView = z.output<typeof rccViewSchema>;

const clusterRccSchema = rccViewSchema
  .extend({ cluster: refSchema.meta({ description: "Who wants to see" }) })
  .meta({ id: "ClusterRcc" });
export type ClusterRccView = z.output<typeof clusterRccSchema>;

const changedRccSchema = z.object({
  rcc: rccViewSchema,
  ...changedSchema.shape,
  effects: effectsField,
});

const onRcc = { mesh: "mesh", cluster: "cluster", rcc: "/rcc/metadata/name" };
const created = {
  description: "The new RCC",
  links: {
    get: { operationId: "getRcc", parameters: onRcc },
    delete: { operationId: "deleteRcc", parameters: onRcc },
  },
};

export const createRcc = operation({
  id: "createRcc",
  tags: "gives",
  summary: "Create an RCC",
  tag,
  method: "post",
  path: LIST,
  params: clusterParams,
  query: dryRunQuery,
  body: rccSchema,
  access: "editor",
  owner: "params.cluster",
  answer: changedRccSchema,
  successes: { 200: { description: "What `dryRun=true` would do" }, 201: created },
});

export const applyRcc = operation({
  id: "applyRcc",
  tags: "both",
  summary: "Create or change an RCC",
  tag,
  method: "put",
  path: PATH,
  params: rccParams,
  query: managerQuery.extend(dryRunQuery.shape),
  body: rccSchema,
  access: "editor",
  owner: "params.cluster",
  answer: changedRccSchema,
  successes: {
    200: { description: "The RCC as it is now, or would be with `dryRun=true`" },
    201: { description: "The new RCC" },
  },
});

export const listRccs = operation({
  id: "listRccs",
  summary: "List a cluster's RCCs",
  tag,
  method: "get",
  path: LIST,
  params: clusterParams,
  query: pageQuery,
  access: "viewer",
  owner: "params.cluster",
  answer: pagedSchema(rccViewSchema),
  successes: { 200: { description: "RCCs of the cluster, by name" } },
});

export const listAllRccs = operation({
  id: "listAllRccs",
  summary: "List the RCCs of all clusters",
  tag,
  method: "get",
  path: "/v1/meshes/{mesh}/rccs",
  params: meshParams,
  query: pageQuery,
  access: "viewer",
  answer: pagedSchema(clusterRccSchema),
  successes: { 200: { description: "RCCs of all clusters, by cluster and name" } },
});

export const getRcc = operation({
  id: "getRcc",
  tags: "gives",
  summary: "Show an RCC",
  tag,
  method: "get",
  path: PATH,
  params: rccParams,
  access: "viewer",
  owner: "params.cluster",
  answer: rccViewSchema,
  successes: { 200: { description: "The RCC" } },
});

export const deleteRcc = operation({
  id: "deleteRcc",
  tags: "takes",
  summary: "Delete an RCC",
  tag,
  method: "delete",
  path: PATH,
  params: rccParams,
  query: managerQuery.extend(dryRunQuery.shape),
  access: "editor",
  owner: "params.cluster",
  answer: z.object({ ...changedSchema.shape, effects: effectsField }),
  successes: { 200: { description: "Deleted, or what `dryRun=true` would do" } },
});
