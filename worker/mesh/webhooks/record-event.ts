/**
 * Something happened: one row of what happened, and one due delivery for each webhook that wants
 * it, in the transaction of what made it so. [EVT3] [EVT4]
 */
import type { EventType } from "../../../shared/visibility/health.ts";
import { isWanted } from "../../../shared/webhooks/event.ts";
import type { EventDraft } from "../../../shared/webhooks/event.ts";
import type { Mesh } from "../mesh.ts";
import { numberId, WEBHOOK_LIMITS } from "./rows.ts";
import type { WebhookRow } from "./rows.ts";

/** Inside a transaction. */
export function recordEvent(mesh: Mesh, draft: EventDraft<EventType>): void {
  const { store, environment } = mesh;
  const nowMs = environment.clock.now();
  const sequence = countUp(mesh, "events");
  const number = countUp(mesh, `events/${draft.subject}`);
  const { also: _, ...kept } = draft;
  store.put("events", numberId(sequence), { sinceMs: nowMs, ...kept, number, atMs: nowMs });
  store.delete("events", numberId(sequence - WEBHOOK_LIMITS.events));
  for (const [id, webhook] of store.list("webhooks")) {
    const due = `${id}/${draft.subject}`;
    // What was not delivered is old news now, also where the newer event is not wanted.
    if (wants(webhook, draft))
      store.put("due", due, { event: sequence, attempts: 0, dueMs: nowMs });
    else if (store.get("due", due) !== undefined) store.delete("due", due);
  }
}

/** A cluster came, went, or was suspended: states of one subject. Inside a transaction. */
export function recordMembership(
  mesh: Mesh,
  { uid, name }: { readonly uid: string; readonly name: string },
  type: "cluster.joined" | "cluster.left" | "cluster.suspended" | "cluster.resumed",
  summary: string,
): void {
  const isFiring = type === "cluster.suspended";
  const cluster = { uid, name };
  recordEvent(mesh, { type, subject: `member/${uid}`, isFiring, cluster, summary, data: {} });
}

/** Events of the webhook's own end reach the others. */
function wants({ events, disabled }: WebhookRow, draft: EventDraft<EventType>): boolean {
  return disabled === null && isWanted(events, draft);
}

/** Inside a transaction. */
export function countUp(mesh: Mesh, counter: string): number {
  const value = (mesh.store.get("counters", counter)?.value ?? 0) + 1;
  mesh.store.put("counters", counter, { value });
  return value;
}
