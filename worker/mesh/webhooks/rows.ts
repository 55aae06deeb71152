/** What a Mesh object keeps of events and webhooks. */
import type { EventType, HealthReason } from "../../../shared/visibility/health.ts";
import type { HappenedEvent, Signing, WebhookFormat } from "../../../shared/webhooks/event.ts";
import type { ToldHealth } from "../../../shared/webhooks/health-events.ts";

/** Id: its sequence number in the mesh, zero-padded. The oldest go. */
export interface EventRow extends HappenedEvent {
  readonly type: EventType;
  /** Counts the events of the subject, from 1. */
  readonly number: number;
}

/** Id: `wh_` and 16 hex digits. The secret is kept: each delivery is signed with it. */
export interface WebhookRow {
  readonly url: string;
  /** Empty: all. */
  readonly events: readonly EventType[];
  readonly format: WebhookFormat;
  /** The newest first; more than one while they are being changed. */
  readonly secrets: readonly Signing[];
  readonly createdMs: number;
  readonly failingSinceMs: number | null;
  readonly disabled: { readonly atMs: number; readonly reason: string } | null;
}

/** Id: `<webhook id>/<subject>`: the newest event of a subject that was not delivered. */
export interface DueRow {
  /** The event's sequence number. */
  readonly event: number;
  readonly attempts: number;
  readonly dueMs: number;
}

/** Id: `<webhook id>/<zero-padded number>`. */
export interface DeliveryRow {
  readonly event: number;
  readonly type: string;
  readonly atMs: number;
  readonly tookMs: number;
  readonly attempt: number;
  /** `null`: nothing answered. */
  readonly status: number | null;
  /** In words; empty where it was delivered. */
  readonly error: string;
}

/** Id: `<cluster uid>`. As it was told last; absent: all was well. See `health-row.ts`. */
export interface HealthRow extends ToldHealth {
  /** Those whose codes the version before refuses. */
  readonly newReasons?: readonly HealthReason[] | undefined;
}

export const WEBHOOK_LIMITS = {
  webhooks: 32,
  events: 10_000,
  deliveriesPerWebhook: 100,
} as const;

export function numberId(number: number): string {
  return String(number).padStart(12, "0");
}
