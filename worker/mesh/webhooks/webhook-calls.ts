/** What the Worker asks of a Mesh object about events and webhooks. Plain values only. */
import type { EventType } from "../../../shared/visibility/health.ts";
import type { CallNames } from "../calls-by-name.ts";
import type { Outcome } from "../outcome.ts";
import type { WebhookFormat } from "../../../shared/webhooks/event.ts";
import type { DeliveryRow, EventRow, WebhookRow } from "./rows.ts";

/** Without its secrets. */
export interface Webhook extends Omit<WebhookRow, "secrets"> {
  readonly id: string;
  readonly secrets: number;
  /** Those that verify its `v1a` signatures, the newest first; empty: it has none. */
  readonly publicKeys: readonly string[];
  /** Events that are due, or tried again later. */
  readonly waiting: number;
}

export interface NewWebhook {
  readonly url: string;
  readonly events: readonly EventType[];
  readonly format: WebhookFormat;
  /** Whether `v1a` signatures go beside those of `v1`. */
  readonly isAsymmetric?: boolean;
}

export interface NumberedEvent extends EventRow {
  readonly sequence: number;
}

export interface WebhookChange {
  /** A second secret; the older one counts for a day more. */
  readonly rotateSecret?: boolean;
  /** Of one that was disabled. */
  readonly enabled?: boolean;
}

/** A webhook, and its new secret where it was given one: shown once. */
export interface ChangedWebhook {
  readonly webhook: Webhook;
  readonly secret: string | null;
}

export interface TestResult {
  readonly status: number | null;
  readonly error: string;
}

export interface EventQuery {
  /** Sequence number; events after it. */
  readonly after: number;
  readonly limit: number;
}

export interface WebhookCalls {
  createWebhook(given: NewWebhook): Promise<Outcome<ChangedWebhook>>;
  listWebhooks(): Promise<Outcome<readonly Webhook[]>>;
  getWebhook(id: string): Promise<Outcome<Webhook>>;
  updateWebhook(id: string, change: WebhookChange): Promise<Outcome<ChangedWebhook>>;
  deleteWebhook(id: string): Promise<Outcome<object>>;
  testWebhook(id: string): Promise<Outcome<TestResult>>;
  /** Newest first. */
  listDeliveries(id: string): Promise<Outcome<readonly DeliveryRow[]>>;
  /** @param event A sequence number. */
  redeliver(id: string, event: number): Promise<Outcome<object>>;
  /** Oldest first; of those before the first that is kept nothing is told. */
  listEvents(query: EventQuery): Promise<Outcome<readonly NumberedEvent[]>>;
  /** The newest, oldest first. */
  newestEvents(limit: number): Promise<Outcome<readonly NumberedEvent[]>>;
}

export const WEBHOOK_CALLS: CallNames<WebhookCalls> = {
  createWebhook: true,
  listWebhooks: true,
  getWebhook: true,
  updateWebhook: true,
  deleteWebhook: true,
  testWebhook: true,
  listDeliveries: true,
  redeliver: true,
  listEvents: true,
  newestEvents: true,
};
