/** Webhooks of a mesh, and what happened in it. [EVT3] [EVT10] */
import type { OpenAPIHono } from "@hono/zod-openapi";

import { listEvents } from "../../shared/api/events.ts";
import type { EventView } from "../../shared/api/events.ts";
import {
  createWebhook,
  deleteWebhook,
  getWebhook,
  listDeliveries,
  listWebhooks,
  redeliverWebhook,
  testWebhook,
  updateWebhook,
} from "../../shared/api/webhooks.ts";
import type { WebhookView } from "../../shared/api/webhooks.ts";
import type { NumberedEvent, Webhook } from "../mesh/webhooks/webhook-calls.ts";
import type { HubPorts } from "./hub-ports.ts";
import { valueOf } from "./problem.ts";
import { created, newRouter, ok, serve } from "./serve.ts";
import { isoTime } from "./shown.ts";

export function webhookRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  serve(router, createWebhook, async ({ params: { mesh }, body }, { who }) => {
    const { url, events = [], format = "standard", signature = "v1" } = body;
    const isAsymmetric = signature === "v1a";
    const asked = { url, events, format, isAsymmetric };
    const made = await ports.webhooks(mesh, who).createWebhook(asked);
    const { webhook, secret } = valueOf(made);
    return created({ webhook: showWebhook(webhook), secret: secret ?? "" });
  });
  serve(router, listWebhooks, async ({ params }) => {
    const webhooks = valueOf(await ports.webhooks(params.mesh).listWebhooks());
    return ok({ items: webhooks.map(showWebhook) });
  });
  serve(router, getWebhook, async ({ params: { mesh, webhook } }) =>
    ok(showWebhook(valueOf(await ports.webhooks(mesh).getWebhook(webhook)))),
  );
  serve(router, updateWebhook, async ({ params: { mesh, webhook }, body }, { who }) => {
    const { rotateSecret, enabled } = body;
    const changed = await ports.webhooks(mesh, who).updateWebhook(webhook, {
      ...(rotateSecret === undefined ? {} : { rotateSecret }),
      ...(enabled === undefined ? {} : { enabled }),
    });
    const value = valueOf(changed);
    return ok({ webhook: showWebhook(value.webhook), secret: value.secret });
  });
  serve(router, deleteWebhook, async ({ params: { mesh, webhook } }, { who }) => {
    valueOf(await ports.webhooks(mesh, who).deleteWebhook(webhook));
    return ok({});
  });
  serve(router, testWebhook, async ({ params: { mesh, webhook } }) =>
    ok({ ...valueOf(await ports.webhooks(mesh).testWebhook(webhook)) }),
  );
  serve(router, listDeliveries, async ({ params: { mesh, webhook } }) => {
    const rows = valueOf(await ports.webhooks(mesh).listDeliveries(webhook));
    return ok({ items: rows.map(({ atMs, ...row }) => ({ at: isoTime(atMs), ...row })) });
  });
  serve(router, redeliverWebhook, async ({ params: { mesh, webhook }, body }, { who }) => {
    valueOf(await ports.webhooks(mesh, who).redeliver(webhook, body.event));
    return ok({});
  });
  serve(router, listEvents, async ({ params: { mesh }, query: { after, limit } }) => {
    const found =
      after === undefined
        ? await ports.webhooks(mesh).newestEvents(limit)
        : await ports.webhooks(mesh).listEvents({ after, limit });
    const items = valueOf(found).map(showEvent);
    return ok({ items, next: items.at(-1)?.sequence ?? after ?? 0 });
  });
  return router;
}

function showWebhook(webhook: Webhook): WebhookView {
  const { createdMs, failingSinceMs, disabled, events, ...shown } = webhook;
  return {
    ...shown,
    events: [...events],
    publicKeys: [...shown.publicKeys],
    createdAt: isoTime(createdMs),
    failingSince: failingSinceMs === null ? null : isoTime(failingSinceMs),
    disabled: disabled && { at: isoTime(disabled.atMs), reason: disabled.reason },
  };
}

function showEvent(event: NumberedEvent): EventView {
  const { number, atMs, sinceMs, isFiring, cluster, data, ...shown } = event;
  return {
    ...shown,
    subjectSequence: number,
    at: isoTime(atMs),
    since: isoTime(sinceMs),
    status: isFiring ? "firing" : "resolved",
    cluster: cluster && { uid: cluster.uid, name: cluster.name },
    data: { ...data },
  };
}
