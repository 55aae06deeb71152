/**
 * How well a cluster is in sync, against what was told of it before: what has changed becomes
 * events. The same again is none. Pure. [EVT3]
 */
import type { ClusterHealth, EventType } from "../visibility/health.ts";
import { MOST_EDGES } from "./event.ts";
import type { EventDraft, ToldCluster } from "./event.ts";

export interface EdgeName {
  readonly cluster: string;
  readonly rcc: string;
  readonly origin: string;
}

/** As it was told last. */
export interface ToldHealth extends ClusterHealth {
  readonly sinceMs: number;
}

/** Of a cluster of which nothing else was ever told. */
export const WELL: ToldHealth = {
  state: "ok",
  reasons: [],
  quarantined: 0,
  held: 0,
  notInSync: [],
  sinceMs: 0,
};

export interface HealthNews {
  readonly cluster: ToldCluster;
  readonly before: ToldHealth;
  readonly health: ClusterHealth;
  readonly nowMs: number;
  /** Edges that the trouble concerns. */
  edges(): readonly EdgeName[];
  /** In words, why all is well now; absent: it is in sync again. */
  readonly over?: string;
}

export interface HealthEvents {
  /** When its state became what it is. */
  readonly sinceMs: number;
  readonly drafts: readonly EventDraft<EventType>[];
}

export function healthEvents(news: HealthNews): HealthEvents {
  const { cluster, before, health, nowMs } = news;
  const isNewState = before.state !== health.state;
  const sinceMs = isNewState ? nowMs : before.sinceMs;
  const isSync = isNewState || codesOf(before) !== codesOf(health);
  const isLost = health.state === "lost";
  const drafts = [
    ...(isSync ? [syncEvent(news, sinceMs)] : []),
    ...(isLost || before.state === "lost"
      ? []
      : conditionEvents(cluster, before.notInSync, health.notInSync)),
    ...(isLost
      ? []
      : [
          ...countEvent(cluster, "origin.quarantined", before.quarantined, health.quarantined),
          ...countEvent(cluster, "withdrawal.held", before.held, health.held),
        ]),
  ];
  return { sinceMs, drafts };
}

/** Telling it would tell nothing new. */
export function isSameHealth(before: ClusterHealth, health: ClusterHealth): boolean {
  return JSON.stringify(compared(before)) === JSON.stringify(compared(health));
}

function compared({ state, reasons, quarantined, held, notInSync }: ClusterHealth): unknown {
  return [state, reasons.map(({ code, rccs }) => [code, rccs]), quarantined, held, notInSync];
}

function codesOf({ reasons }: ClusterHealth): string {
  return reasons.map(({ code }) => code).join(" ");
}

const SYNC_TYPES = {
  ok: "sync.recovered",
  degraded: "sync.degraded",
  lost: "sync.lost",
} as const satisfies Record<ClusterHealth["state"], EventType>;

function syncEvent(news: HealthNews, sinceMs: number): EventDraft<EventType> {
  const { cluster, before, health, over = `cluster ${cluster.name} is in sync again` } = news;
  const edges = news.edges();
  const { state, reasons } = health;
  return {
    type: SYNC_TYPES[state],
    // Who wants to know of the end of a loss only is not left with it.
    ...(before.state === "lost" && state === "degraded" ? { also: SYNC_TYPES.ok } : {}),
    subject: `sync/${cluster.uid}`,
    sinceMs,
    isFiring: state !== "ok",
    cluster,
    summary: state === "ok" ? over : reasons.map(({ message }) => message).join("; "),
    data: {
      state,
      reasons: reasons.map((reason) => ({ ...reason, rccs: [...reason.rccs] })),
      edges: edges.slice(0, MOST_EDGES),
      edgeCount: edges.length,
    },
  };
}

/** One event for all RCCs of the cluster whose view became equal, or stopped to be. */
export function conditionEvents(
  cluster: ToldCluster,
  before: readonly string[],
  notInSync: readonly string[],
): EventDraft<EventType>[] {
  const lost = notInSync.filter((rcc) => !before.includes(rcc));
  const won = before.filter((rcc) => !notInSync.includes(rcc));
  if (lost.length + won.length === 0) return [];
  const names = [...lost, ...won].slice(0, MOST_EDGES);
  return [
    {
      type: "rcc.condition_changed",
      subject: `rcc/${cluster.uid}`,
      isFiring: notInSync.length > 0,
      cluster,
      summary: `InSync of ${names.length} RCCs of ${cluster.name} has changed`,
      data: {
        condition: "InSync",
        changed: names.map((rcc) => ({ rcc, status: lost.includes(rcc) ? "False" : "True" })),
      },
    },
  ];
}

function countEvent(
  cluster: ToldCluster,
  type: "origin.quarantined" | "withdrawal.held",
  before: number,
  now: number,
): EventDraft<EventType>[] {
  if (now <= before && (now > 0 || before === 0)) return [];
  const records = `${now} ${now === 1 ? "record" : "records"} of ${cluster.name}`;
  const summary =
    type === "origin.quarantined"
      ? `in quarantine: ${records}`
      : `the withdrawal of ${records} is held back`;
  const subject = `${type}/${cluster.uid}`;
  return [{ type, subject, isFiring: now > 0, cluster, summary, data: { count: now, before } }];
}
