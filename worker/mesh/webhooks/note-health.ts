/**
 * How well a cluster is in sync, as its Origin tells it, against what was told before: what has
 * changed becomes events. Telling the same again writes nothing. [EVT3]
 */
import { isEffective } from "../../../shared/visibility/access.ts";
import type { ClusterHealth } from "../../../shared/visibility/health.ts";
import { healthEvents, isSameHealth, WELL } from "../../../shared/webhooks/health-events.ts";
import type { EdgeName } from "../../../shared/webhooks/health-events.ts";
import type { Mesh } from "../mesh.ts";
import type { ClusterRow } from "../registry.ts";
import { healthIn, healthRow } from "./health-row.ts";
import { recordEvent } from "./record-event.ts";

const TAKEOVER_AUDIT_MS = 600_000;

/** Inside a transaction. */
export function noteHealth(mesh: Mesh, cluster: ClusterRow, health: ClusterHealth): void {
  const { uid, name } = cluster;
  const before = healthIn(mesh.store.get("health", uid) ?? WELL);
  // A cluster that no relay has joined yet is expected to be silent.
  const isTaken = isNewTakeover(before, health);
  if (cluster.key === null || (isSameHealth(before, health) && !isTaken)) return;
  if (isTaken) auditTakeover(mesh, cluster, health);
  const nowMs = mesh.environment.clock.now();
  const subject = { uid, name };
  const edges = () => edgesOf(mesh, uid, health);
  const { sinceMs, drafts } = healthEvents({ cluster: subject, before, health, nowMs, edges });
  for (const draft of drafts) recordEvent(mesh, draft);
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
  // A hub has no members behind RCCs that relays read themselves. [DIR23]
  const members = new Set(mesh.rccsOf(uid).map(({ name }) => name));
  const direct = [...named]
    .filter((rcc) => !members.has(rcc))
    .map((rcc) => ({ cluster: nameOf(uid), rcc, origin: rcc }));
  return [...read, ...own, ...direct];
}
