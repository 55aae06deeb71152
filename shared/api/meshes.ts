/** `/v1/meshes`: create, list, get, delete, confirm a restore, audit. */
import { z } from "zod";

import { JURISDICTIONS } from "../lib/mesh-name.ts";
import { changedSchema, limitSchema, listSchema, meshNameSchema, meshParams } from "./common.ts";
import { operation } from "./operation.ts";

const PATH = "/v1/meshes/{mesh}";
const tag = "Meshes";

export const meshSchema = z
  .object({
    name: z.string(),
    id: z.string(),
    createdAt: z.string(),
    jurisdiction: z.string().optional().meta({
      description: "Where the mesh's objects are, all of them; absent: wherever the hub has them",
    }),
  })
  .meta({ id: "Mesh" });
export type MeshView = z.output<typeof meshSchema>;

export const auditEntrySchema = z
  .object({ at: z.string(), who: z.string(), action: z.string(), subject: z.string() })
  .meta({ id: "AuditEntry" });
export type AuditEntry = z.output<typeof auditEntrySchema>;

/** A jurisdiction is part of the name, so that nobody has to be asked for it. [DEP12] */
const newMeshSchema = z.strictObject({
  name: meshNameSchema,
  jurisdiction: z.enum(JURISDICTIONS).optional().meta({
    description: "What the name ends in, after a dot: a mesh named `prod.eu` is in the EU",
  }),
});

export const createMesh = operation({
  id: "createMesh",
  summary: "Make a mesh",
  tag,
  method: "post",
  path: "/v1/meshes",
  body: newMeshSchema,
  access: "hub",
  answer: meshSchema,
  successes: {
    201: {
      description: "The new mesh",
      links: {
        get: { operationId: "getMesh", parameters: { mesh: "/name" } },
        add: { operationId: "addCluster", parameters: { mesh: "/name" } },
        status: { operationId: "getStatus", parameters: { mesh: "/name" } },
        delete: { operationId: "deleteMesh", parameters: { mesh: "/name" } },
      },
    },
  },
});

export const listMeshes = operation({
  id: "listMeshes",
  summary: "List the meshes of this hub",
  tag,
  method: "get",
  path: "/v1/meshes",
  access: "hub",
  answer: listSchema(meshSchema),
  successes: { 200: { description: "All meshes of this hub, by name" } },
});

export const getMesh = operation({
  id: "getMesh",
  summary: "Show a mesh",
  tag,
  method: "get",
  path: PATH,
  params: meshParams,
  access: "viewer",
  answer: meshSchema,
  successes: { 200: { description: "The mesh" } },
});

export const deleteMesh = operation({
  id: "deleteMesh",
  summary: "Delete a mesh with all its clusters",
  tag,
  method: "delete",
  path: PATH,
  params: meshParams,
  answer: changedSchema,
  successes: { 200: { description: "Deleted with all its clusters" } },
});

export const confirmRestore = operation({
  id: "confirmRestore",
  summary: "Confirm what a restored hub permits",
  tag,
  method: "post",
  path: `${PATH}/confirm-restore`,
  params: meshParams,
  answer: changedSchema,
  successes: {
    200: {
      description:
        "What a restored hub permits now is what its operator wants: relays show what they held back",
    },
  },
});

export const listAudit = operation({
  id: "listAudit",
  summary: "Who did what, newest first",
  tag,
  method: "get",
  path: `${PATH}/audit`,
  params: meshParams,
  query: z.strictObject({ limit: limitSchema(1000, 100) }),
  access: "viewer",
  answer: listSchema(auditEntrySchema),
  successes: { 200: { description: "Who did what, newest first" } },
});
