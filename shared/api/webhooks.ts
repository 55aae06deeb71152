/** `/v1/meshes/{mesh}/webhooks`: who is told what happens, and whether it reached them. */
import { z } from "zod";

import { EVENT_TYPES } from "../visibility/health.ts";
import { listSchema, meshParams } from "./common.ts";
import { operation } from "./operation.ts";

const LIST = "/v1/meshes/{mesh}/webhooks";
const PATH = `${LIST}/{webhook}`;
const tag = "Webhooks";

export const webhookIdSchema = z
  .string()
  .regex(/^wh_[0-9a-f]{16}$/, "must be wh_ and 16 hex digits");
const params = meshParams.extend({ webhook: webhookIdSchema });
const eventTypes = z.array(z.enum(EVENT_TYPES)).max(EVENT_TYPES.length);
const formatSchema = z.enum(["standard", "alertmanager"]);

export const webhookSchema = z
  .object({
    id: z.string(),
    url: z.string(),
    events: z.array(z.string()).meta({ description: "Which events it is told; empty: all" }),
    format: formatSchema,
    createdAt: z.string(),
    secrets: z.number().int().meta({ description: "Two while the secret is being changed" }),
    publicKeys: z
      .array(z.string())
      .default([])
      .meta({ description: "Of `v1a` signatures, the newest first; empty: it has none" }),
    waiting: z.number().int().meta({ description: "Deliveries that are due or tried again" }),
    failingSince: z.string().nullable(),
    disabled: z.object({ at: z.string(), reason: z.string() }).nullable(),
  })
  .meta({ id: "Webhook" });
export type WebhookView = z.output<typeof webhookSchema>;

const secretMeta = { description: "Shown once: it verifies what the hub sends" };
const link = (operationId: string) => ({
  operationId,
  parameters: { mesh: "mesh", webhook: "/webhook/id" },
});

export const createWebhook = operation({
  id: "createWebhook",
  summary: "Have events sent to a URL",
  tag,
  method: "post",
  path: LIST,
  params: meshParams,
  body: z.strictObject({
    url: z.string().max(2048),
    events: eventTypes.optional().meta({ description: "Which events; without it: all" }),
    format: formatSchema.optional(),
    signature: z.enum(["v1", "v1a"]).optional().meta({
      description: "`v1a`: Ed25519 signatures beside those of `v1` (HMAC), which there always are",
    }),
  }),
  answer: z.object({ webhook: webhookSchema, secret: z.string().meta(secretMeta) }),
  successes: {
    201: {
      description: "The webhook, and its secret",
      links: { get: link("getWebhook"), test: link("testWebhook"), delete: link("deleteWebhook") },
    },
  },
});

export const listWebhooks = operation({
  id: "listWebhooks",
  summary: "List webhooks",
  tag,
  method: "get",
  path: LIST,
  params: meshParams,
  access: "editor",
  answer: listSchema(webhookSchema),
  successes: { 200: { description: "Webhooks" } },
});

export const getWebhook = operation({
  id: "getWebhook",
  summary: "Show a webhook",
  tag,
  method: "get",
  path: PATH,
  params,
  access: "editor",
  answer: webhookSchema,
  successes: { 200: { description: "The webhook" } },
});

export const updateWebhook = operation({
  id: "updateWebhook",
  summary: "Change a webhook's secret, or enable it again",
  tag,
  method: "patch",
  path: PATH,
  params,
  body: z.strictObject({
    rotateSecret: z.boolean().optional().meta({
      description: "A new secret; both sign what is sent for a day",
    }),
    enabled: z.literal(true).optional(),
  }),
  answer: z.object({ webhook: webhookSchema, secret: z.string().nullable().meta(secretMeta) }),
  successes: { 200: { description: "The webhook as it is now" } },
});

export const deleteWebhook = operation({
  id: "deleteWebhook",
  summary: "Delete a webhook with what it has not been told",
  tag,
  method: "delete",
  path: PATH,
  params,
  answer: z.object({}),
  successes: { 200: { description: "Deleted" } },
});

export const testWebhook = operation({
  id: "testWebhook",
  summary: "Send a test event now",
  tag,
  method: "post",
  path: `${PATH}/test`,
  params,
  access: "editor",
  answer: z.object({ status: z.number().int().nullable(), error: z.string() }),
  successes: { 200: { description: "What the receiver answered; null: nothing" } },
});

export const deliverySchema = z
  .object({
    event: z.number().int(),
    type: z.string(),
    at: z.string(),
    tookMs: z.number(),
    attempt: z.number().int(),
    status: z.number().int().nullable(),
    error: z.string().meta({ description: "Empty where it was delivered" }),
  })
  .meta({ id: "Delivery" });
export type DeliveryView = z.output<typeof deliverySchema>;

export const listDeliveries = operation({
  id: "listDeliveries",
  summary: "The last attempts, newest first",
  tag,
  method: "get",
  path: `${PATH}/deliveries`,
  params,
  access: "editor",
  answer: listSchema(deliverySchema),
  successes: { 200: { description: "The last 100 attempts" } },
});

export const redeliverWebhook = operation({
  id: "redeliverWebhook",
  summary: "Send an event again",
  tag,
  method: "post",
  path: `${PATH}/redeliver`,
  params,
  body: z.strictObject({ event: z.int().min(1).max(999_999_999_999) }),
  access: "editor",
  answer: z.object({}),
  successes: { 200: { description: "It is sent soon" } },
});
