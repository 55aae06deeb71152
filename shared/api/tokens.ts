/** `/v1/meshes/{mesh}/tokens`: tokens of the admin API, each with a role in one mesh. [API40] */
import { z } from "zod";

import { listSchema, meshParams, nameSchema } from "./common.ts";
import { operation } from "./operation.ts";

const LIST = "/v1/meshes/{mesh}/tokens";
const tag = "Tokens";

export const tokenIdSchema = z
  .string()
  .regex(/^tok_[0-9a-f]{16}$/, "must be tok_ and 16 hex digits");

export const apiTokenSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    role: z.enum(["viewer", "editor", "admin", "owner"]),
    cluster: z.string().nullable().meta({ description: "Of an owner" }),
    createdAt: z.string(),
    expiresAt: z.string(),
    lastUsedAt: z.string().nullable().meta({ description: "To the hour" }),
  })
  .meta({ id: "ApiToken" });
export type ApiTokenView = z.output<typeof apiTokenSchema>;

/** A year. */
const MOST_SECONDS = 366 * 86_400;

export const createApiToken = operation({
  id: "createApiToken",
  summary: "Make a token of the admin API",
  tag,
  method: "post",
  path: LIST,
  params: meshParams,
  access: "admin",
  body: z.strictObject({
    name: nameSchema.meta({ description: "For the audit" }),
    role: z.enum(["viewer", "editor", "admin", "owner"]),
    cluster: nameSchema.optional().meta({ description: "Of an owner, and of nobody else" }),
    expiresSeconds: z.int().min(60).max(MOST_SECONDS),
  }),
  answer: z.object({
    token: z.string().meta({ description: "Shown once; the hub keeps its hash" }),
    details: apiTokenSchema,
  }),
  successes: {
    201: {
      description: "The token",
      links: {
        delete: {
          operationId: "deleteApiToken",
          parameters: { mesh: "mesh", token: "/details/id" },
        },
      },
    },
  },
});

export const listApiTokens = operation({
  id: "listApiTokens",
  summary: "List tokens of the admin API",
  tag,
  method: "get",
  path: LIST,
  params: meshParams,
  access: "admin",
  answer: listSchema(apiTokenSchema),
  successes: { 200: { description: "Tokens, without what they are used by" } },
});

export const deleteApiToken = operation({
  id: "deleteApiToken",
  summary: "Take a token back",
  tag,
  method: "delete",
  path: `${LIST}/{token}`,
  params: meshParams.extend({ token: tokenIdSchema }),
  access: "admin",
  answer: z.object({}),
  successes: { 200: { description: "It counts no more" } },
});
