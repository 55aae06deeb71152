/**
 * Sends what is due. The row that says so is written before each attempt, and moved on first: an
 * end of the object in the middle repeats a delivery, and loses none. Of one subject one request
 * is under way at most, so that a receiver hears its events in order. [EVT4] [EVT5]
 */
import type { Mesh } from "../mesh.ts";
import { payloadOf } from "../../../shared/webhooks/payload.ts";
import type { Post } from "./post.ts";
import { countUp, recordEvent } from "./record-event.ts";
import { afterSend, dueMs } from "../../../shared/webhooks/retry.ts";
import type { Sent } from "../../../shared/webhooks/retry.ts";
import { numberId, WEBHOOK_LIMITS } from "./rows.ts";
import type { DueRow, WebhookRow } from "./rows.ts";

export interface DelivererPorts {
  readonly post: Post;
  /** Keeps the object awake until the work is over. */
  background(work: Promise<void>): void;
  /** Calls `onAlarm` at that Unix time; a later call replaces it. */
  setAlarm(atMs: number): void;
}

/** A hanging receiver holds so many requests, and no other webhook's. */
const IN_FLIGHT_PER_WEBHOOK = 2;
/** Longer than a request may take: due again where the object ended in the middle. */
const LEASE_MS = 30_000;

export class Deliverer {
  readonly #mesh: Mesh;
  readonly #ports: DelivererPorts;
  /** Ids of due rows whose request is under way. */
  readonly #inFlight = new Set<string>();

  constructor(mesh: Mesh, ports: DelivererPorts) {
    this.#mesh = mesh;
    this.#ports = ports;
  }

  /** Starts what is due and may be sent now; the alarm wakes it for the rest. Never throws. */
  wake(): void {
    const nowMs = this.#mesh.environment.clock.now();
    const due = this.#mesh.store
      .list("due")
      .toSorted(([, a], [, b]) => a.dueMs - b.dueMs || a.event - b.event);
    for (const [id, row] of due)
      if (dueMs(row, nowMs) <= nowMs && this.#hasRoom(id)) this.#start(id, row);
    this.#schedule();
  }

  #hasRoom(id: string): boolean {
    const prefix = `${webhookOf(id)}/`;
    const busy = [...this.#inFlight].filter((other) => other.startsWith(prefix)).length;
    return !this.#inFlight.has(id) && busy < IN_FLIGHT_PER_WEBHOOK;
  }

  #start(id: string, row: DueRow): void {
    this.#inFlight.add(id);
    this.#ports.background(
      this.#deliver(id, row).finally(() => {
        this.#inFlight.delete(id);
        this.wake();
      }),
    );
  }

  async #deliver(id: string, row: DueRow): Promise<void> {
    const { store, environment } = this.#mesh;
    const startMs = environment.clock.now();
    const webhook = store.get("webhooks", webhookOf(id));
    const event = store.get("events", numberId(row.event));
    const mesh = this.#mesh.row();
    if (webhook === undefined || event === undefined || mesh === undefined) {
      store.transaction(() => store.delete("due", id));
      return;
    }
    const attempt = row.attempts + 1;
    const leased = { ...row, attempts: attempt, dueMs: startMs + LEASE_MS };
    store.transaction(() => store.put("due", id, leased));
    const told = { mesh: { id: mesh.id, name: mesh.name }, sequence: row.event, event };
    const payload = await payloadOf(told, webhook, startMs);
    const sent = await this.#ports.post(webhook.url, payload);
    this.#settle(id, leased, { type: event.type, startMs, sent });
  }

  #settle(
    id: string,
    leased: DueRow,
    done: { readonly type: string; readonly startMs: number; readonly sent: Sent },
  ): void {
    const { store, environment } = this.#mesh;
    const webhookId = webhookOf(id);
    const webhook = store.get("webhooks", webhookId);
    if (webhook === undefined) return;
    const nowMs = environment.clock.now();
    const after = afterSend(done.sent, leased.attempts, webhook.failingSinceMs, nowMs);
    store.transaction(() => {
      this.#log(webhookId, leased, done, after.kind === "delivered" ? "" : after.error, nowMs);
      const current = store.get("due", id);
      // A newer event may have taken its place meanwhile: that one is due now.
      const isCurrent = current?.event === leased.event;
      if (after.kind === "disable") this.#disable(webhookId, webhook, after.reason, nowMs);
      else if (after.kind === "delivered") {
        if (isCurrent) store.delete("due", id);
        if (webhook.failingSinceMs !== null)
          store.put("webhooks", webhookId, { ...webhook, failingSinceMs: null });
      } else {
        if (isCurrent) store.put("due", id, { ...leased, dueMs: after.dueMs });
        if (webhook.failingSinceMs === null)
          store.put("webhooks", webhookId, { ...webhook, failingSinceMs: nowMs });
      }
    });
  }

  #disable(id: string, webhook: WebhookRow, reason: string, nowMs: number): void {
    const { store } = this.#mesh;
    store.put("webhooks", id, { ...webhook, disabled: { atMs: nowMs, reason } });
    for (const [due] of store.list("due", `${id}/`)) store.delete("due", due);
    recordEvent(this.#mesh, {
      type: "webhook.disabled",
      subject: `webhook/${id}`,
      isFiring: true,
      cluster: null,
      summary: `webhook ${id} is disabled: ${reason}`,
      data: { webhook: id, reason },
    });
  }

  #log(
    webhookId: string,
    { event, attempts: attempt }: DueRow,
    done: { readonly type: string; readonly startMs: number; readonly sent: Sent },
    error: string,
    nowMs: number,
  ): void {
    const { store } = this.#mesh;
    const number = countUp(this.#mesh, `deliveries/${webhookId}`);
    store.put("deliveries", `${webhookId}/${numberId(number)}`, {
      event,
      attempt,
      error,
      type: done.type,
      atMs: done.startMs,
      tookMs: Math.max(0, nowMs - done.startMs),
      status: done.sent.kind === "answered" ? done.sent.status : null,
    });
    const oldest = number - WEBHOOK_LIMITS.deliveriesPerWebhook;
    store.delete("deliveries", `${webhookId}/${numberId(oldest)}`);
  }

  /** What is under way has its own end; its lease is what wakes the next instance. */
  #schedule(): void {
    const nowMs = this.#mesh.environment.clock.now();
    const waiting = this.#mesh.store
      .list("due")
      .filter(([id, row]) => this.#inFlight.has(id) || dueMs(row, nowMs) > nowMs)
      .map(([, row]) => Math.max(nowMs + 1, dueMs(row, nowMs)));
    if (waiting.length > 0) this.#ports.setAlarm(Math.min(...waiting));
  }
}

function webhookOf(dueId: string): string {
  return dueId.slice(0, dueId.indexOf("/"));
}
