/** What a Mesh object keeps of events and webhooks. */
import type { ClusterHealth, EventType, HealthReason } from "../../../shared/visibility/health.ts";
import type { SigningKey } from "./ed25519.ts";

/** Id: its sequence number in the mesh, zero-padded. The oldest go. */
export interface EventRow {
  readonly type: EventType;
  /** What it is the state of: a newer event of a subject supersedes the older ones. */
  readonly subject: string;
  /** Counts the events of the subject, from 1. */
  readonly number: number;
  readonly atMs: number;
  /** When the trouble began, or ended: what `startsAt` and `endsAt` of an alert are made of. */
  readonly sinceMs: number;
  /** Whether something is wrong now. */
  readonly isFiring: boolean;
  readonly cluster: { readonly uid: string; readonly name: string } | null;
  /** One sentence. */
  readonly summary: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface WebhookSecret {
  /** `whsec_` and base64. */
  readonly secret: string;
  /** Unix ms; `null`: it is the present one. */
  readonly untilMs: number | null;
  /** Signs besides, where the receiver wants signatures that only the hub can make. [EVT13] */
  readonly signing?: SigningKey | undefined;
}

export type WebhookFormat = "standard" | "alertmanager";

/** Id: `wh_` and 16 hex digits. The secret is kept: each delivery is signed with it. */
export interface WebhookRow {
  readonly url: string;
  /** Empty: all. */
  readonly events: readonly EventType[];
  readonly format: WebhookFormat;
  /** The newest first; more than one while they are being changed. */
  readonly secrets: readonly WebhookSecret[];
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
export interface HealthRow extends ClusterHealth {
  readonly sinceMs: number;
  /** Those whose codes the version before refuses. */
  readonly newReasons?: readonly HealthReason[] | undefined;
}

export const WEBHOOK_LIMITS = {
  webhooks: 32,
  events: 10_000,
  deliveriesPerWebhook: 100,
  /** Edges that an event names. */
  edges: 100,
} as const;

export function numberId(number: number): string {
  return String(number).padStart(12, "0");
}
