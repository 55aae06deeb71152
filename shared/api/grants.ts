/**
 * `/v1/meshes/{mesh}/grants`: which cluster lets which other read it, and what of it. [VIS23]
 * [SCP3]
 */
import { z } from "zod";

import { scopeSchema } from "../visibility/scope.ts";
import {
  changedSchema,
  managerQuery,
  managerSchema,
  meshParams,
  nameSchema,
  refSchema,
} from "./common.ts";
import { conditionsField } from "./conditions.ts";
import { dryRunQuery, effectsField } from "./effect.ts";
import { operation } from "./operation.ts";
import { pagedSchema, pageFields } from "./page.ts";

const LIST = "/v1/meshes/{mesh}/grants";
const PATH = `${LIST}/{origin}/{reader}`;
const tag = "Grants";

const scopeMeta = {
  description: "What of the origin the reader sees; without it, or if it narrows nothing: all",
};
const givenScope = scopeSchema.optional().meta(scopeMeta);
const pairParams = meshParams.extend({ origin: nameSchema, reader: nameSchema });

export const grantSchema = z
  .object({
    origin: refSchema,
    reader: refSchema,
    createdAt: z.string(),
    used: z.boolean().meta({ description: "Whether the reader has an RCC that names the origin" }),
    managedBy: managerSchema.default("api"),
    vetoed: z
      .boolean()
      .default(false)
      .meta({ description: "The origin's export policy keeps it from the reader all the same" }),
    scope: scopeSchema.optional().meta(scopeMeta),
    conditions: conditionsField,
  })
  .meta({ id: "Grant" });
export type GrantView = z.output<typeof grantSchema>;

const changedGrantSchema = z.object({
  grant: grantSchema,
  ...changedSchema.shape,
  effects: effectsField,
});
export type ChangedGrant = z.output<typeof changedGrantSchema>;

export const createGrant = operation({
  id: "createGrant",
  tags: "gives",
  summary: "Let a cluster see another",
  tag,
  method: "post",
  path: LIST,
  params: meshParams,
  query: dryRunQuery,
  body: z.strictObject({ origin: nameSchema, reader: nameSchema, scope: givenScope }),
  access: "editor",
  owner: "body.origin",
  answer: changedGrantSchema,
  successes: {
    200: { description: "What `dryRun=true` would do" },
    201: {
      description: "The grant; repeating one changes nothing",
      links: {
        delete: {
          operationId: "deleteGrant",
          parameters: { mesh: "mesh", origin: "/grant/origin/name", reader: "/grant/reader/name" },
        },
      },
    },
  },
});

export const listGrants = operation({
  id: "listGrants",
  summary: "List grants",
  tag,
  method: "get",
  path: LIST,
  params: meshParams,
  query: z.strictObject({
    origin: nameSchema.optional().meta({ description: "Only those by this cluster" }),
    reader: nameSchema.optional().meta({ description: "Only those to this cluster" }),
    ...pageFields,
  }),
  access: "viewer",
  owner: "query.origin",
  answer: pagedSchema(grantSchema),
  successes: { 200: { description: "Grants, by the names of origin and reader" } },
});

export const getGrant = operation({
  id: "getGrant",
  tags: "gives",
  summary: "Show a grant",
  tag,
  method: "get",
  path: PATH,
  params: pairParams,
  access: "viewer",
  owner: "params.origin",
  answer: grantSchema,
  successes: { 200: { description: "The grant" } },
});

export const applyGrant = operation({
  id: "applyGrant",
  tags: "both",
  summary: "Create, narrow or widen a grant",
  tag,
  method: "put",
  path: PATH,
  params: pairParams,
  query: managerQuery.extend(dryRunQuery.shape),
  body: z.strictObject({ scope: givenScope }),
  access: "editor",
  owner: "params.origin",
  answer: changedGrantSchema,
  successes: {
    200: { description: "The grant as it is now, or would be with `dryRun=true`" },
    201: { description: "The new grant" },
  },
});

export const deleteGrant = operation({
  id: "deleteGrant",
  tags: "takes",
  summary: "Take a grant away",
  tag,
  method: "delete",
  path: PATH,
  params: pairParams,
  query: managerQuery.extend(dryRunQuery.shape),
  access: "editor",
  owner: "params.origin",
  answer: z.object({ ...changedSchema.shape, effects: effectsField }),
  successes: { 200: { description: "Revoked, or what `dryRun=true` would do" } },
});
