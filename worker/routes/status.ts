/**
 * `/v1/meshes/{mesh}/status` and `/quarantine`: the registry, joined with what every Origin says of itself now. An Origin that does not
 * answer is shown as unknown; the others are not kept from showing. [API5]
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { OpenAPIHono } from "@hono/zod-openapi";

import type { OriginStatus, SourceReport } from "../../shared/visibility/facts.ts";
import { sharesPools } from "../../shared/visibility/rcc.ts";
import { scopeSchema } from "../../shared/visibility/scope.ts";
import type { MeshOverview } from "../mesh/mesh-calls.ts";
import { originObjectName } from "../ports.ts";
import { askAll } from "./ask-all.ts";
import { edgeState } from "./edge-state.ts";
import type { HubPorts, OriginAccess } from "./hub-ports.ts";
import { valueOf } from "./problem.ts";
import {
  ADMIN,
  isoTime,
  jsonAnswer,
  limitParam,
  meshParam,
  newRouter,
  NO_QUERY,
  PROBLEMS,
  refSchema,
  viewScope,
} from "./router.ts";
import { CONNECTION_WORDS } from "./words.ts";

const channelSchema = z.object({
  channel: z.string(),
  epoch: z.string(),
  head: z.number(),
  populated: z.boolean(),
  received: z.number(),
  admitted: z.number(),
  digest: z.string(),
});
const scopeStatusSchema = z
  .object({
    id: z.string(),
    scope: scopeSchema,
    state: z.enum(["building", "ready", "overfull"]).openapi({
      description:
        "building: it does not hold all yet, and its readers are not in sync; overfull: it shows more than an origin's scopes may hold together",
    }),
    records: z.number().openapi({ description: "Over all channels" }),
    digest: z.string().openapi({
      description: "Of the identity channel: what an edge has that sees this scope",
    }),
  })
  .openapi("ScopeStatus");
const sourceSchema = z
  .object({
    state: z.enum(["following", "listing", "failing", "absent"]),
    reason: z.string(),
    since: z.string().openapi({ description: "By the relay's clock" }),
  })
  .openapi("SourceStatus");
const edgeSchema = z
  .object({
    cluster: refSchema.openapi({ description: "Who sees" }),
    rcc: z.string(),
    origin: refSchema.openapi({ description: "Who is seen" }),
    state: z.enum(["granted", "not-granted"]),
    connection: z.enum([...CONNECTION_WORDS, "NotGranted", "Unknown"]).openapi({
      description:
        "InSync: the origin follows its cluster, the view is equal, nothing large is missing",
    }),
    connectionStatus: z.number().int().nullable().openapi({
      description:
        "Calico's remote_cluster_connection_status; null when the reading relay has not reported",
    }),
    reportedStatus: z.number().int().nullable().openapi({
      description:
        "The same, as the reading relay says it: 2 where its view equals the origin's log",
    }),
    reasons: z.array(z.object({ code: z.string(), message: z.string() })).openapi({
      description: "Why it is not in sync although the view is equal",
    }),
    endpoints: z.number().nullable(),
    refused: z.number().nullable().openapi({
      description: "Records that the reading relay does not serve, or not with all addresses",
    }),
    quarantined: z.number().nullable().openapi({
      description: "Records of the origin of which the hub admits nothing",
    }),
    withheld: z.number().nullable().openapi({
      description: "Records of the origin that the grant's scope does not show",
    }),
    conflicts: z.number().openapi({
      description: "Addresses in shared ranges that the origin and another cluster both have",
    }),
    readerPools: z.object({ shared: z.boolean(), cidrs: z.array(z.string()) }).openapi({
      description:
        "The reader's pools, which are told to the origin so that it does not source-NAT",
    }),
    revision: z.number().nullable(),
    digest: z.string().nullable(),
    ageMs: z
      .number()
      .nullable()
      .openapi({ description: "Since the last sign of the reading relay" }),
  })
  .openapi("EdgeStatus");
const notServedSchema = z
  .object({
    cluster: refSchema,
    rcc: z.string(),
    field: z.string(),
    rule: z.string(),
    isServed: z.boolean().openapi({
      description: "The RCC names a member, and only this field is without effect",
    }),
  })
  .openapi("NotServed");
const statusSchema = z
  .object({
    mesh: z.object({
      name: z.string(),
      id: z.string(),
      accessVersion: z.number(),
      unconfirmedRestore: z.string().nullable().openapi({
        description: "When the hub was restored, while nobody has confirmed what it permits",
      }),
    }),
    at: z.string(),
    clusters: z.array(
      z.object({
        cluster: refSchema,
        joined: z.boolean(),
        publisher: z.enum(["connected", "absent", "unknown"]),
        ageMs: z.number().nullable(),
        quarantined: z.number().nullable(),
        partlyAdmitted: z.number().nullable().openapi({
          description: "Endpoints that are admitted without some of their addresses",
        }),
        source: sourceSchema.nullable().openapi({
          description: "Whether its relay follows the cluster; null when it has not said so",
        }),
        pools: z
          .array(z.string())
          .openapi({ description: "Its own IP pools, as the hub knows them" }),
        withheldPools: z.array(z.object({ cidr: z.string(), reason: z.string() })).openapi({
          description: "Pools of other clusters that its Felix is not given",
        }),
        factsAcknowledged: z.boolean(),
        refusedClaims: z.number(),
        channels: z.array(channelSchema),
        scopes: z.array(scopeStatusSchema),
        error: z.string().optional(),
      }),
    ),
    edges: z.array(edgeSchema),
    notServed: z.array(notServedSchema).openapi({
      description: "What RCCs ask for and this version of the hub does not do",
    }),
  })
  .openapi("MeshStatus");
const quarantineSchema = z.object({
  items: z.array(
    z
      .object({
        origin: refSchema,
        kind: z.string(),
        key: z.string(),
        rule: z.string(),
        message: z.string(),
      })
      .openapi("QuarantineEntry"),
  ),
  unknown: z.array(z.string()).openapi({ description: "Clusters whose Origin did not answer" }),
});

const status = createRoute({
  operationId: "getStatus",
  summary: "Clusters and edges, as they are now",
  tags: ["Status"],
  method: "get",
  path: "/v1/meshes/{mesh}/status",
  security: ADMIN,
  request: { params: meshParam, query: NO_QUERY },
  responses: { 200: jsonAnswer("Clusters and edges", statusSchema), ...PROBLEMS },
});
const quarantine = createRoute({
  operationId: "listQuarantine",
  summary: "Records that are received and not admitted",
  tags: ["Status"],
  method: "get",
  path: "/v1/meshes/{mesh}/quarantine",
  security: ADMIN,
  request: {
    params: meshParam,
    query: z.strictObject({ limit: limitParam(10_000, 1000) }),
  },
  responses: {
    200: jsonAnswer("Received records that are not admitted, with the rule", quarantineSchema),
    ...PROBLEMS,
  },
});

type Answer<T> = { readonly value: T } | { readonly error: string };

export function statusRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  const askOrigins = <T>(
    overview: MeshOverview,
    ask: (origin: OriginAccess) => Promise<T>,
  ): Promise<readonly Answer<T>[]> =>
    askAll(overview.clusters, ({ uid }) =>
      ask(ports.origin(originObjectName(overview.mesh.id, uid))),
    );
  router.openapi(status, async (c) => {
    const overview = valueOf(await ports.mesh(c.req.valid("param").mesh).overview());
    const answers = await askOrigins(overview, (origin) => origin.status());
    return c.json(viewStatus(overview, answers, ports.clock.now()), 200);
  });
  router.openapi(quarantine, async (c) => {
    const { limit } = c.req.valid("query");
    const overview = valueOf(await ports.mesh(c.req.valid("param").mesh).overview());
    const answers = await askOrigins(overview, (origin) => origin.quarantine(limit));
    const items = answers.flatMap((answer) => ("value" in answer ? [...answer.value] : []));
    const unknown = overview.clusters
      .filter((_, index) => !("value" in (answers[index] ?? { error: "" })))
      .map(({ name }) => name);
    return c.json(
      {
        items: items.slice(0, limit).map((entry) => ({ ...entry, origin: { ...entry.origin } })),
        unknown,
      },
      200,
    );
  });
  return router;
}

function viewStatus(
  overview: MeshOverview,
  answers: readonly Answer<OriginStatus>[],
  nowMs: number,
): z.output<typeof statusSchema> {
  const age = (origin: OriginStatus): number => Math.max(0, nowMs - origin.lastSeenMs);
  const byUid = new Map<string, OriginStatus>();
  const clusters = overview.clusters.map((cluster, index) => {
    const answer = answers[index] ?? { error: "not asked" };
    const origin = "value" in answer ? answer.value : null;
    if (origin !== null) byUid.set(cluster.uid, origin);
    return {
      cluster: { uid: cluster.uid, name: cluster.name },
      joined: cluster.joined,
      publisher: origin === null ? ("unknown" as const) : origin.publisher,
      ageMs: origin === null ? null : age(origin),
      quarantined: origin === null ? null : origin.quarantined,
      partlyAdmitted: origin === null ? null : origin.partlyAdmitted,
      source: origin?.report == null ? null : viewSource(origin.report.source),
      pools: [...cluster.pools],
      withheldPools: (origin?.report?.withheldPools ?? []).map((pool) => ({ ...pool })),
      factsAcknowledged: !overview.unacknowledged.includes(cluster.uid),
      refusedClaims: cluster.refusedClaims.length,
      channels: origin === null ? [] : origin.channels.map((channel) => ({ ...channel })),
      scopes: (origin?.scopes ?? []).map((own) => ({ ...own, scope: viewScope(own.scope) })),
      ...("error" in answer ? { error: answer.error } : {}),
    };
  });
  const poolsOf = new Map(overview.clusters.map(({ uid, pools }) => [uid, pools]));
  const nameOf = new Map(overview.clusters.map(({ uid, name }) => [uid, name]));
  const edges = overview.edges.map(({ clusterUid, rcc, scopeId }) => {
    const reader = byUid.get(clusterUid);
    const report = reader?.edges.find(
      (edge) => edge.rcc === rcc.row.name && edge.origin.uid === rcc.remote.uid,
    );
    const isLive = reader?.publisher === "connected" && report !== undefined;
    const origin = byUid.get(rcc.remote.uid) ?? null;
    const isGranted = rcc.state === "granted";
    const { reasons, ...state } = edgeState(isGranted, isLive ? report : null, origin, nowMs);
    const pools = poolsOf.get(clusterUid) ?? [];
    const shared = sharesPools(rcc.row.annotations);
    return {
      cluster: { uid: clusterUid, name: nameOf.get(clusterUid) ?? "" },
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
      revision: report?.revision ?? null,
      digest: report?.digest ?? null,
      ageMs: reader === undefined ? null : age(reader),
    };
  });
  return {
    mesh: {
      name: overview.mesh.name,
      id: overview.mesh.id,
      accessVersion: overview.accessVersion,
      unconfirmedRestore:
        overview.unconfirmedRestore === null ? null : isoTime(overview.unconfirmedRestore),
    },
    at: isoTime(nowMs),
    clusters,
    edges,
    notServed: overview.notServed.map(({ clusterUid, ...what }) => ({
      cluster: { uid: clusterUid, name: nameOf.get(clusterUid) ?? "" },
      ...what,
    })),
  };
}

function viewSource(source: SourceReport): z.output<typeof sourceSchema> {
  return { state: source.state, reason: source.reason, since: isoTime(source.sinceMs) };
}

/** Records of an origin that a scope does not show; `null`: its projection is not built. */
function withheldBy(origin: OriginStatus, scope: string | null): number | null {
  if (scope === null) return 0;
  const projection = origin.scopes.find(({ id }) => id === scope);
  if (projection === undefined || projection.state !== "ready") return null;
  const all = origin.channels.reduce((sum, { admitted }) => sum + admitted, 0);
  return all - projection.records;
}
