/** `/v1/meshes/{mesh}/clusters`: members, their ranges and their join tokens. */
import { z } from "zod";

import { changedSchema, clusterParams, meshParams, nameSchema } from "./common.ts";
import { operation } from "./operation.ts";
import { pagedSchema, pageQuery } from "./page.ts";

const LIST = "/v1/meshes/{mesh}/clusters";
const PATH = `${LIST}/{cluster}`;
const tag = "Clusters";

/** Fields with a default are younger than the oldest hub that the command line still reads. */
export const clusterSchema = z
  .object({
    uid: z.string(),
    name: z.string(),
    createdAt: z.string(),
    joined: z.boolean().meta({ description: "Whether a relay has used a join token" }),
    keyGeneration: z.number().int(),
    ranges: z.object({
      pods: z.array(z.string()),
      nodes: z.array(z.string()),
      shared: z
        .array(z.string())
        .default([])
        .meta({ description: "Other clusters may have them too" }),
    }),
    pools: z.array(z.string()).default([]).meta({
      description: "The cluster's own IP pools, as its relay tells them; at most 64",
    }),
    rangesGivenByOperator: z.array(z.string()),
    refusedClaims: z.array(z.object({ cidr: z.string(), use: z.string(), reason: z.string() })),
    suspended: z.boolean().default(false).meta({ description: "It neither sees nor is seen" }),
    exportPolicy: z.string().nullable().default(null).meta({
      description: "What its owner keeps back, as its relay tells; nothing here changes it",
    }),
  })
  .meta({ id: "Cluster" });
export type ClusterView = z.output<typeof clusterSchema>;

const tokenFields = {
  joinToken: z.string().meta({ description: "Shown once; the hub keeps its hash" }),
  expiresAt: z.string(),
};
export const joinTokenSchema = z.object(tokenFields).meta({ id: "JoinToken" });
export type JoinTokenView = z.output<typeof joinTokenSchema>;

const cidrs = z.array(z.string().max(64)).max(4096);
const rangesFields = {
  cidrs: cidrs.optional().meta({ description: "Pod ranges" }),
  nodeCidrs: cidrs.optional().meta({ description: "Ranges of nodes and host endpoints" }),
  sharedCidrs: cidrs.optional().meta({
    description: "Ranges of pods and nodes that other clusters may be given too",
  }),
};
/** A body that is not there reads as `{}`, which must not pass for a change. */
const someRangesSchema = z
  .strictObject(rangesFields)
  .refine((given) => Object.keys(given).length > 0, {
    error: "must have at least one of the ranges",
    // A field that nobody knows is what is wrong then.
    when: ({ issues }) => issues.length === 0,
  })
  .meta({ minProperties: 1 });
export type RangesBody = z.output<typeof someRangesSchema>;

const changedClusterSchema = z.object({ cluster: clusterSchema, ...changedSchema.shape });
const onCluster = { mesh: "mesh", cluster: "/cluster/name" };

export const addCluster = operation({
  id: "addCluster",
  summary: "Add a member and get its join token",
  tag,
  method: "post",
  path: LIST,
  params: meshParams,
  body: z.strictObject({ name: nameSchema, ...rangesFields }),
  access: "editor",
  answer: changedClusterSchema.extend(tokenFields),
  successes: {
    201: {
      description: "The new member and its join token",
      links: {
        get: { operationId: "getCluster", parameters: onCluster },
        view: { operationId: "getView", parameters: onCluster },
        remove: { operationId: "removeCluster", parameters: onCluster },
      },
    },
  },
});

export const listClusters = operation({
  id: "listClusters",
  summary: "List the members",
  tag,
  method: "get",
  path: LIST,
  params: meshParams,
  access: "viewer",
  query: pageQuery,
  answer: pagedSchema(clusterSchema),
  successes: { 200: { description: "Members, by name" } },
});

export const getCluster = operation({
  id: "getCluster",
  summary: "Show a member",
  tag,
  method: "get",
  path: PATH,
  params: clusterParams,
  access: "viewer",
  owner: "params.cluster",
  answer: clusterSchema,
  successes: { 200: { description: "The member" } },
});

export const setClusterRanges = operation({
  id: "setClusterRanges",
  summary: "Give a member other ranges",
  tag,
  method: "patch",
  path: PATH,
  params: clusterParams,
  body: someRangesSchema,
  access: "editor",
  answer: changedClusterSchema,
  successes: { 200: { description: "The member with its ranges as they are now" } },
});

export const removeCluster = operation({
  id: "removeCluster",
  summary: "Remove a member with its RCCs and grants",
  tag,
  method: "delete",
  path: PATH,
  params: clusterParams,
  answer: changedSchema,
  successes: { 200: { description: "Removed with its RCCs and grants, and those naming it" } },
});

export const createJoinToken = operation({
  id: "createJoinToken",
  summary: "Make a further join token",
  tag,
  method: "post",
  path: `${PATH}/token`,
  params: clusterParams,
  answer: joinTokenSchema,
  successes: { 201: { description: "A further join token" } },
});

export const suspendCluster = operation({
  id: "suspendCluster",
  summary: "Let a member neither see nor be seen",
  tag,
  method: "post",
  path: `${PATH}/suspend`,
  params: clusterParams,
  access: "editor",
  answer: changedSchema,
  successes: { 200: { description: "Suspended; its RCCs, grants, ranges and keys stay" } },
});

export const resumeCluster = operation({
  id: "resumeCluster",
  summary: "End a suspension",
  tag,
  method: "post",
  path: `${PATH}/resume`,
  params: clusterParams,
  access: "editor",
  answer: changedSchema,
  successes: { 200: { description: "What is granted is seen again" } },
});
