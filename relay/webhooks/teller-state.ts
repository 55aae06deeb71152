/**
 * What a relay has told of its remotes, and to whom it has yet to: a value, and its steps. Newer
 * events of a subject take the place of older ones that were not delivered. Pure. [DIR20] [DIR21]
 */
import { directUid } from "../../shared/visibility/direct-origin.ts";
import type { ClusterHealth } from "../../shared/visibility/health.ts";
import { isWanted } from "../../shared/webhooks/event.ts";
import type { EventDraft, HappenedEvent } from "../../shared/webhooks/event.ts";
import type { ToldHealth } from "../../shared/webhooks/health-events.ts";
import { conditionEvents, healthEvents, WELL } from "../../shared/webhooks/health-events.ts";
import { afterSend } from "../../shared/webhooks/retry.ts";
import type { AfterSend, Sent } from "../../shared/webhooks/retry.ts";

export interface Due {
  /** Number of the event of its subject. */
  readonly event: number;
  readonly attempts: number;
  /** Unix ms. */
  readonly dueMs: number;
}

export interface TellerState {
  /** 12 hex digits: this relay, unlike any other of its cluster. */
  readonly relay: string;
  /** Of the newest event. A number is its time, so that it rises also where another relay tells. */
  readonly newest: number;
  /** By RCC, as it was told last. */
  readonly health: Readonly<Record<string, ToldHealth>>;
  /** RCCs that were told not to be in sync. */
  readonly notInSync: readonly string[];
  /** By subject: its newest. */
  readonly events: Readonly<Record<string, HappenedEvent>>;
  /** By `dueId`. */
  readonly due: Readonly<Record<string, Due>>;
  /** By webhook: since when no delivery came through. */
  readonly failingSinceMs: Readonly<Record<string, number>>;
}

export interface Wanted {
  readonly name: string;
  /** Empty: all. */
  readonly events: readonly string[];
}

/** Longer than a request may take: due again where the process ended in the middle. */
export const LEASE_MS = 30_000;
/** What is over for longer is told to nobody again. */
const OLD_MS = 24 * 3_600_000;

export function newTellerState(relay: string): TellerState {
  const none = { health: {}, events: {}, due: {}, failingSinceMs: {} };
  return { relay, newest: 0, notInSync: [], ...none };
}

export function dueId(webhook: string, subject: string): string {
  return `${webhook} ${subject}`;
}

export function partsOf(id: string): { readonly webhook: string; readonly subject: string } {
  const at = id.indexOf(" ");
  return { webhook: id.slice(0, at), subject: id.slice(at + 1) };
}

/** Remotes as they were judged now. `null`: not known yet, what was told stays. */
export interface Judgement {
  readonly rcc: string;
  readonly health: ClusterHealth | null;
  readonly isInSync: boolean | null;
}

/**
 * @param cluster The name of the cluster that has the RCCs.
 * @returns The same where nothing is new.
 */
export function noteRemotes(
  state: TellerState,
  cluster: string,
  judged: readonly Judgement[],
  webhooks: readonly Wanted[],
  nowMs: number,
): TellerState {
  const names = new Set(judged.map(({ rcc }) => rcc));
  const gone = Object.keys(state.health).filter((rcc) => !names.has(rcc));
  const all = [...judged, ...gone.map((rcc): Judgement => ({ rcc, health: WELL, isInSync: true }))];
  let next = state;
  for (const { rcc, health } of all) {
    if (health === null) continue;
    const over = names.has(rcc) ? {} : { over: `${rcc} is no remote of ${cluster} any more` };
    const before = next.health[rcc] ?? WELL;
    const edges = () => [{ cluster, rcc, origin: rcc }];
    const of = { uid: directUid(rcc), name: rcc };
    const news = { cluster: of, before, health, nowMs, edges, ...over };
    const { sinceMs, drafts } = healthEvents(news);
    // Words and counts that fall are not told, and are the next comparison's.
    const kept = { ...health, sinceMs };
    if (JSON.stringify(kept) !== JSON.stringify(before))
      next = { ...next, health: { ...next.health, [rcc]: kept } };
    for (const draft of drafts) next = record(next, draft, webhooks, nowMs);
  }
  if (gone.length > 0) {
    const left = Object.entries(next.health).filter(([rcc]) => names.has(rcc));
    next = { ...next, health: Object.fromEntries(left) };
  }
  const known = new Map(all.map(({ rcc, isInSync }) => [rcc, isInSync]));
  const wasOut = (rcc: string): boolean => state.notInSync.includes(rcc);
  const notInSync = [...known].flatMap(([rcc, isIn]) => (!(isIn ?? !wasOut(rcc)) ? [rcc] : []));
  const reader = { uid: directUid(cluster), name: cluster };
  const changed = conditionEvents(reader, state.notInSync, notInSync);
  for (const draft of changed) next = record(next, draft, webhooks, nowMs);
  return changed.length === 0 ? next : { ...next, notInSync };
}

function record(
  state: TellerState,
  draft: EventDraft,
  webhooks: readonly Wanted[],
  nowMs: number,
): TellerState {
  const number = Math.max(state.newest + 1, nowMs);
  const { also: _, ...kept } = draft;
  const event: HappenedEvent = { sinceMs: nowMs, ...kept, number, atMs: nowMs };
  const { subject } = draft;
  const due = new Map(Object.entries(state.due));
  for (const { name } of webhooks) due.delete(dueId(name, subject));
  for (const webhook of webhooks)
    if (isWanted(webhook.events, draft))
      due.set(dueId(webhook.name, subject), { event: number, attempts: 0, dueMs: nowMs });
  const events = Object.entries({ ...state.events, [subject]: event }).filter(
    ([, one]) => one.isFiring || nowMs - one.atMs < OLD_MS,
  );
  return {
    ...state,
    newest: number,
    events: Object.fromEntries(events),
    due: Object.fromEntries(due),
  };
}

/** Another relay told until now, and may not have come to the end: all that counts is due again. */
export function takeOver(
  state: TellerState,
  webhooks: readonly Wanted[],
  nowMs: number,
): TellerState {
  const due = webhooks.flatMap((webhook) =>
    Object.values(state.events)
      .filter(
        (event) =>
          isWanted(webhook.events, event) && (event.isFiring || nowMs - event.atMs < OLD_MS),
      )
      .map(({ subject, number }) => {
        const row: Due = { event: number, attempts: 0, dueMs: nowMs };
        return [dueId(webhook.name, subject), row] as const;
      }),
  );
  return { ...state, due: Object.fromEntries(due) };
}

/** What belongs to webhooks that are no more, and to events that a newer one has replaced. */
export function withoutStale(state: TellerState, webhooks: readonly Wanted[]): TellerState {
  const names = new Set(webhooks.map(({ name }) => name));
  const due = Object.entries(state.due).filter(([id, { event }]) => {
    const { webhook, subject } = partsOf(id);
    return names.has(webhook) && state.events[subject]?.number === event;
  });
  const failing = Object.entries(state.failingSinceMs).filter(([name]) => names.has(name));
  return {
    ...state,
    due: Object.fromEntries(due),
    failingSinceMs: Object.fromEntries(failing),
  };
}

/** A request is about to be made. */
export function begun(state: TellerState, id: string, nowMs: number): TellerState {
  const row = state.due[id];
  if (row === undefined) return state;
  const leased = { ...row, attempts: row.attempts + 1, dueMs: nowMs + LEASE_MS };
  return { ...state, due: { ...state.due, [id]: leased } };
}

export interface Settled {
  readonly state: TellerState;
  readonly after: AfterSend;
}

/** @param sentRow The row as the request began. */
export function settled(
  state: TellerState,
  id: string,
  sentRow: Due,
  sent: Sent,
  nowMs: number,
): Settled {
  const { webhook } = partsOf(id);
  const since = state.failingSinceMs[webhook] ?? null;
  const after = afterSend(sent, sentRow.attempts, since, nowMs);
  const due = new Map(Object.entries(state.due));
  // A newer event may have taken its place meanwhile: that one is due now.
  const isCurrent = due.get(id)?.event === sentRow.event;
  const failing = new Map(Object.entries(state.failingSinceMs));
  switch (after.kind) {
    case "delivered":
      if (isCurrent) due.delete(id);
      failing.delete(webhook);
      break;
    case "again":
      if (isCurrent) due.set(id, { ...sentRow, dueMs: after.dueMs });
      failing.set(webhook, since ?? nowMs);
      break;
    case "disable":
      for (const other of due.keys()) if (partsOf(other).webhook === webhook) due.delete(other);
      failing.delete(webhook);
      break;
  }
  return {
    after,
    state: {
      ...state,
      due: Object.fromEntries(due),
      failingSinceMs: Object.fromEntries(failing),
    },
  };
}
