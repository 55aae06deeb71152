/**
 * The registry, joined with what every Origin says of itself now. An Origin that does not answer is
 * shown as unknown; the others are shown all the same. [API5]
 */
import type { OpenAPIHono } from "@hono/zod-openapi";

import { getPreflight } from "../../shared/api/preflight.ts";
import { getStatus, listQuarantine } from "../../shared/api/status.ts";
import type { ClusterStatus, EdgeStatus, MeshStatus, SourceView } from "../../shared/api/status.ts";
import { CONNECTION_WORDS } from "../../shared/visibility/connection-words.ts";
import { isDirectUid } from "../../shared/visibility/direct-origin.ts";
import type { SourceReport, TakenOver } from "../../shared/visibility/facts.ts";
import type { OriginStatus } from "../../shared/visibility/origin-status.ts";
import { sharesPools } from "../../shared/visibility/rcc.ts";
import { scopeDocument } from "../../shared/visibility/scope.ts";
import type { Member, MeshOverview } from "../mesh/mesh-calls.ts";
import { askAll } from "./ask-all.ts";
import { requireRole } from "./authorize.ts";
import { conditionsOf } from "./conditions.ts";
import { metricsText } from "./metrics.ts";
import type { Answer } from "./ask-all.ts";
import { seenBy } from "./edge-state.ts";
import type { HubPorts, OriginAccess } from "./hub-ports.ts";
import { showLatency, showRelays } from "./latency.ts";
import { valueOf } from "./problem.ts";
import { newRouter, ok, serve } from "./serve.ts";
import { isoTime } from "./shown.ts";

export function statusRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  const askOrigins = <T>(
    overview: MeshOverview,
    ask: (origin: OriginAccess) => Promise<T>,
  ): Promise<readonly Answer<T>[]> =>
    askAll(overview.clusters, ({ uid }) => ask(ports.origin(overview.mesh, uid)));
  serve(router, getStatus, async ({ params }) => {
    const overview = valueOf(await ports.mesh(params.mesh).overview());
    const answers = await askOrigins(overview, (origin) => origin.status());
    return ok(statusOf(overview, answers, ports.clock.now()));
  });
  router.get("/v1/meshes/:mesh/metrics", async (c) => {
    requireRole(c, getStatus);
    const name = c.req.param("mesh");
    const overview = valueOf(await ports.mesh(name).overview());
    const answers = await askOrigins(overview, (origin) => origin.status());
    const webhooks = valueOf(await ports.webhooks(name).listWebhooks());
    const text = metricsText(statusOf(overview, answers, ports.clock.now()), webhooks);
    return c.body(text, 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  });
  serve(router, getPreflight, async ({ params, query }) => {
    const pairs = valueOf(await ports.mesh(params.mesh).preflight(query));
    return ok({
      items: pairs.map((pair) => ({
        ...pair,
        clusters: pair.clusters.map((ref) => ({ ...ref })),
        stragglers: [...pair.stragglers],
        requirements: pair.requirements.map((one) => ({ ...one, values: [...one.values] })),
      })),
    });
  });
  serve(router, listQuarantine, async ({ params, query: { limit } }) => {
    const overview = valueOf(await ports.mesh(params.mesh).overview());
    const answers = await askOrigins(overview, (origin) => origin.quarantine(limit));
    const items = answers.flatMap((answer) => (answer.kind === "value" ? answer.value : []));
    return ok({
      items: items.slice(0, limit).map((entry) => ({ ...entry, origin: { ...entry.origin } })),
      unknown: overview.clusters
        .filter((_, index) => answers[index]?.kind !== "value")
        .map(({ name }) => name),
    });
  });
  return router;
}

/** The status document. @param answers Of the overview's clusters, in their order. */
export function statusOf(
  overview: MeshOverview,
  answers: readonly Answer<OriginStatus>[],
  nowMs: number,
): MeshStatus {
  const { mesh, unconfirmedRestore } = overview;
  const origins = new Map<string, OriginStatus>();
  for (const [index, { uid }] of overview.clusters.entries()) {
    const answer = answers[index];
    if (answer?.kind === "value") origins.set(uid, answer.value);
  }
  const refs = new Map(overview.clusters.map(({ uid, name }) => [uid, { uid, name }]));
  const refOf = (uid: string) => refs.get(uid) ?? { uid, name: "" };
  const members = new Map(overview.clusters.map((cluster) => [cluster.uid, cluster]));
  const healthMs = (uid: string): number => members.get(uid)?.health.sinceMs ?? 0;
  return {
    mesh: {
      name: mesh.name,
      id: mesh.id,
      accessVersion: overview.accessVersion,
      unconfirmedRestore: unconfirmedRestore === null ? null : isoTime(unconfirmedRestore),
    },
    at: isoTime(nowMs),
    clusters: overview.clusters.map((cluster, index) =>
      clusterStatus(
        cluster,
        answers[index] ?? { kind: "error", error: "not asked" },
        overview.unacknowledged.includes(cluster.uid),
        nowMs,
      ),
    ),
    edges: overview.edges.map((edge) => {
      const reader = origins.get(edge.clusterUid) ?? null;
      const origin = origins.get(edge.rcc.remote.uid) ?? null;
      const pools = members.get(edge.clusterUid)?.pools ?? [];
      const shown = edgeStatus(edge, reader, origin, pools, nowMs);
      const conditions = conditionsOf(edge.rcc.edge, {
        edge: shown,
        healthMs: Math.max(healthMs(edge.clusterUid), healthMs(edge.rcc.remote.uid)),
      });
      return { cluster: refOf(edge.clusterUid), ...shown, conditions };
    }),
    direct: overview.clusters.flatMap(({ uid }) => directEdges(refOf(uid), origins.get(uid))),
    notServed: overview.notServed.map(({ clusterUid, ...what }) => ({
      cluster: refOf(clusterUid),
      ...what,
    })),
  };
}

/** Remotes that the cluster's relays read themselves: what nobody but they can say. [DIR23] */
function directEdges(
  cluster: { readonly uid: string; readonly name: string },
  origin: OriginStatus | undefined,
): MeshStatus["direct"] {
  if (origin?.publisher !== "connected") return [];
  return origin.edges
    .filter((edge) => isDirectUid(edge.origin.uid))
    .map(({ rcc, connectionStatus, endpoints, refused }) => {
      const connection = CONNECTION_WORDS[connectionStatus] ?? "NotConnecting";
      return { cluster, rcc, connection, connectionStatus, endpoints, refused };
    });
}

function clusterStatus(
  cluster: Member,
  answer: Answer<OriginStatus>,
  isUnacknowledged: boolean,
  nowMs: number,
): ClusterStatus {
  const origin = answer.kind === "value" ? answer.value : null;
  const report = origin?.report ?? null;
  return {
    cluster: { uid: cluster.uid, name: cluster.name },
    joined: cluster.joined,
    publisher: origin?.publisher ?? "unknown",
    takenOver: showTakenOver(origin?.takenOver ?? null),
    ageMs: origin === null ? null : ageOf(origin, nowMs),
    relays: origin?.relays ?? null,
    quarantined: origin?.quarantined ?? null,
    partlyAdmitted: origin?.partlyAdmitted ?? null,
    source: report === null ? null : showSource(report.source),
    pools: [...cluster.pools],
    withheldPools: (report?.withheldPools ?? []).map((pool) => ({ ...pool })),
    suspended: cluster.suspended,
    exportPolicy: cluster.exportPolicy,
    health: showHealth(cluster.health),
    factsAcknowledged: !isUnacknowledged,
    refusedClaims: cluster.refusedClaims.length,
    channels: (origin?.channels ?? []).map((channel) => ({ ...channel })),
    scopes: (origin?.scopes ?? []).map((own) => ({ ...own, scope: scopeDocument(own.scope) })),
    ...(answer.kind === "error" ? { error: answer.error } : {}),
  };
}

/** An edge without its reading cluster. */
function edgeStatus(
  { rcc, scopeId, overlay }: MeshOverview["edges"][number],
  reader: OriginStatus | null,
  origin: OriginStatus | null,
  pools: readonly string[],
  nowMs: number,
): Omit<EdgeStatus, "cluster" | "conditions"> {
  const isGranted = rcc.state === "granted";
  const { reasons, report, ...state } = seenBy(rcc, reader, origin, nowMs);
  const shared = sharesPools(rcc.row.annotations);
  return {
    rcc: rcc.row.name,
    origin: { ...rcc.remote },
    state: rcc.state,
    ...state,
    reportedStatus: report?.connectionStatus ?? null,
    reasons: reasons.map((reason) => ({ ...reason })),
    endpoints: report?.endpoints ?? null,
    refused: report?.refused ?? null,
    quarantined: origin?.quarantined ?? null,
    withheld: origin === null ? null : withheldBy(origin, scopeId),
    conflicts: report?.conflicts ?? 0,
    readerPools: { shared, cidrs: shared && isGranted ? [...pools] : [] },
    overlay: {
      ...overlay,
      stragglers: [...overlay.stragglers],
      vteps: report?.overlay?.vteps ?? null,
      routes: report?.overlay?.routes ?? null,
      withheld: report?.overlay?.withheld ?? null,
    },
    revision: report?.revision ?? null,
    digest: report?.digest ?? null,
    ageMs: reader === null ? null : ageOf(reader, nowMs),
    latency: showLatency(report?.latency, origin?.report?.clockErrorMs ?? null, nowMs),
    relays: showRelays(reader?.edgeRelays.find((edge) => edge.rcc === rcc.row.name)),
  };
}

function ageOf(origin: OriginStatus, nowMs: number): number {
  return Math.max(0, nowMs - origin.lastSeenMs);
}

function showTakenOver(taken: TakenOver | null): ClusterStatus["takenOver"] {
  return taken === null ? null : { by: taken.by, from: taken.from, at: isoTime(taken.atMs) };
}

function showHealth({ state, sinceMs, reasons, held }: Member["health"]): ClusterStatus["health"] {
  return {
    state,
    held,
    since: isoTime(sinceMs),
    reasons: reasons.map(({ code, message }) => ({ code, message })),
  };
}

function showSource({ state, reason, sinceMs }: SourceReport): SourceView {
  return { state, reason, since: isoTime(sinceMs) };
}

/** Records of an origin that a scope does not show; `null`: its projection is not built. */
function withheldBy(origin: OriginStatus, scope: string | null): number | null {
  if (scope === null) return 0;
  const projection = origin.scopes.find(({ id }) => id === scope);
  if (projection === undefined || projection.state !== "ready") return null;
  const all = origin.channels.reduce((sum, { admitted }) => sum + admitted, 0);
  return all - projection.records;
}
