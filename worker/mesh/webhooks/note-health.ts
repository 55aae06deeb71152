/**
 * How well a cluster is in sync, as its Origin tells it, against what was told before: what has
 * changed becomes events. Telling the same again writes nothing. [EVT3]
 */
import { isEffective } from "../../../shared/visibility/access.ts";
import type { ClusterHealth, EventType } from "../../../shared/visibility/health.ts";
import type { Mesh } from "../mesh.ts";
import type { ClusterRow } from "../registry.ts";
import { healthIn, healthRow } from "./health-row.ts";
import { recordEvent } from "./record-event.ts";
import { WEBHOOK_LIMITS } from "./rows.ts";
import type { HealthRow } from "./rows.ts";

export interface EdgeName {
  readonly cluster: string;
  readonly rcc: string;
  readonly origin: string;
}

/** Of a cluster of which nothing else was ever told. */
export const WELL: Omit<HealthRow, "sinceMs"> = {
  state: "ok",
  reasons: [],
  quarantined: 0,
  held: 0,
  notInSync: [],
};

const TAKEOVER_AUDIT_MS = 600_000;

/** Inside a transaction. */
export function noteHealth(mesh: Mesh, cluster: ClusterRow, health: ClusterHealth): void {
  const { uid, name } = cluster;
  const before = healthIn(mesh.store.get("health", uid) ?? { ...WELL, sinceMs: 0 });
  // A cluster that no relay has joined yet is expected to be silent.
  const isTaken = isNewTakeover(before, health);
  if (cluster.key === null || (isSame(before, health) && !isTaken)) return;
  if (isTaken) auditTakeover(mesh, cluster, health);
  const nowMs = mesh.environment.clock.now();
  const isNewState = before.state !== health.state;
  const sinceMs = isNewState ? nowMs : before.sinceMs;
  const subject = { uid, name };
  if (isNewState || codesOf(before) !== codesOf(health)) syncEvent(mesh, subject, health, sinceMs);
  if (health.state !== "lost") {
    if (before.state !== "lost") conditionEvents(mesh, subject, before, health);
    countEvent(mesh, subject, "origin.quarantined", before.quarantined, health.quarantined);
    countEvent(mesh, subject, "withdrawal.held", before.held, health.held);
  }
  // The last one that was audited is remembered, so that telling it again is nothing new.
  const takenOver = isTaken ? health.takenOver : before.takenOver;
  const kept = takenOver === undefined ? {} : { takenOver };
  mesh.store.put("health", uid, healthRow({ ...health, ...kept }, sinceMs));
}

/** Relays that take over from one another all the time are one row, not the whole list. [CRE28] */
function isNewTakeover(before: ClusterHealth, { takenOver }: ClusterHealth): boolean {
  if (takenOver === undefined) return false;
  const sinceMs = Math.abs(takenOver.atMs - (before.takenOver?.atMs ?? 0));
  return before.takenOver === undefined || sinceMs >= TAKEOVER_AUDIT_MS;
}

/** Two clusters' relays with one identity do that: who looks later is to find it. [CRE25] */
function auditTakeover(mesh: Mesh, cluster: ClusterRow, { takenOver }: ClusterHealth): void {
  if (takenOver === undefined) return;
  const at = new Date(takenOver.atMs).toISOString();
  const subject = `${takenOver.by} from ${takenOver.from}, which was heard, at ${at}`;
  mesh.audit.member(cluster, "take over", subject);
}

function isSame(before: ClusterHealth, health: ClusterHealth): boolean {
  return JSON.stringify(sorted(before)) === JSON.stringify(sorted(health));
}

function sorted({ state, reasons, quarantined, held, notInSync }: ClusterHealth): unknown {
  return [state, reasons.map(({ code, rccs }) => [code, rccs]), quarantined, held, notInSync];
}

function codesOf({ reasons }: ClusterHealth): string {
  return reasons.map(({ code }) => code).join(" ");
}

type Subject = { readonly uid: string; readonly name: string };

const SYNC_TYPES = {
  ok: "sync.recovered",
  degraded: "sync.degraded",
  lost: "sync.lost",
} as const satisfies Record<ClusterHealth["state"], EventType>;

function syncEvent(mesh: Mesh, cluster: Subject, health: ClusterHealth, sinceMs: number): void {
  const edges = edgesOf(mesh, cluster.uid, health);
  const { state, reasons } = health;
  const why = reasons.map(({ message }) => message).join("; ");
  recordEvent(mesh, {
    type: SYNC_TYPES[state],
    subject: `sync/${cluster.uid}`,
    sinceMs,
    isFiring: state !== "ok",
    cluster,
    summary: state === "ok" ? `cluster ${cluster.name} is in sync again` : why,
    data: {
      state,
      reasons: reasons.map((reason) => ({ ...reason, rccs: [...reason.rccs] })),
      edges: edges.slice(0, WEBHOOK_LIMITS.edges),
      edgeCount: edges.length,
    },
  });
}

/** Edges that the trouble concerns: those of its RCCs, and where it is about all, all. */
function edgesOf(mesh: Mesh, uid: string, { reasons }: ClusterHealth): EdgeName[] {
  const named = new Set(reasons.flatMap(({ rccs }) => rccs));
  // What its admission refused is missing in those that see it alone.
  const isSeen = reasons.some(({ code }) => code === "Quarantined");
  const isAll =
    reasons.length === 0 ||
    reasons.some(({ code, rccs }) => rccs.length === 0 && code !== "Quarantined");
  const nameOf = (of: string): string => mesh.member(of)?.name ?? "";
  const own = mesh
    .rccsOf(uid)
    .filter(
      ({ name, remoteUid }) => (isAll || named.has(name)) && isEffective(mesh, uid, remoteUid),
    )
    .map(({ name, remoteUid }) => ({ cluster: nameOf(uid), rcc: name, origin: nameOf(remoteUid) }));
  const read = (isAll || isSeen ? mesh.readersGrantedBy(uid) : [])
    .filter((reader) => isEffective(mesh, reader, uid))
    .map((reader) => ({
      cluster: nameOf(reader),
      rcc: mesh.rccTo(reader, uid)?.name ?? "",
      origin: nameOf(uid),
    }));
  return [...read, ...own];
}

/** One event for all RCCs of the cluster whose view became equal, or stopped to be. */
function conditionEvents(
  mesh: Mesh,
  cluster: Subject,
  before: ClusterHealth,
  { notInSync }: ClusterHealth,
): void {
  const lost = notInSync.filter((rcc) => !before.notInSync.includes(rcc));
  const won = before.notInSync.filter((rcc) => !notInSync.includes(rcc));
  if (lost.length + won.length === 0) return;
  const names = [...lost, ...won].slice(0, WEBHOOK_LIMITS.edges);
  recordEvent(mesh, {
    type: "rcc.condition_changed",
    subject: `rcc/${cluster.uid}`,
    isFiring: notInSync.length > 0,
    cluster,
    summary: `InSync of ${names.length} RCCs of ${cluster.name} has changed`,
    data: {
      condition: "InSync",
      changed: names.map((rcc) => ({ rcc, status: lost.includes(rcc) ? "False" : "True" })),
    },
  });
}

function countEvent(
  mesh: Mesh,
  cluster: Subject,
  type: "origin.quarantined" | "withdrawal.held",
  before: number,
  now: number,
): void {
  const isNews = now > before || (now === 0 && before > 0);
  if (!isNews) return;
  const what =
    type === "origin.quarantined"
      ? `${now} records of ${cluster.name} are in quarantine`
      : `the withdrawal of ${now} records of ${cluster.name} is held back`;
  recordEvent(mesh, {
    type,
    subject: `${type}/${cluster.uid}`,
    isFiring: now > 0,
    cluster,
    summary: what,
    data: { count: now, before },
  });
}
