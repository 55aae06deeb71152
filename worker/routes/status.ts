/**
 * `/v1/meshes/{mesh}/status` and `/quarantine`: the registry, joined with what every Origin says of itself now. An Origin that does not
 * answer is shown as unknown; the others are not kept from showing. [API5]
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { OpenAPIHono } from "@hono/zod-openapi";

import type { OriginStatus } from "../../shared/visibility/facts.ts";
import { scopeSchema } from "../../shared/visibility/scope.ts";
import type { MeshOverview } from "../mesh/mesh-calls.ts";
import { originObjectName } from "../ports.ts";
import { askAll } from "./ask-all.ts";
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
const edgeSchema = z
  .object({
    cluster: refSchema.openapi({ description: "Who sees" }),
    rcc: z.string(),
    origin: refSchema.openapi({ description: "Who is seen" }),
    state: z.enum(["granted", "not-granted"]),
    connection: z.enum([...CONNECTION_WORDS, "NotGranted", "Unknown"]),
    connectionStatus: z.number().int().nullable().openapi({
      description:
        "Calico's remote_cluster_connection_status; null when the reading relay has not reported",
    }),
    endpoints: z.number().nullable(),
    refused: z.number().nullable(),
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
    mesh: z.object({ name: z.string(), id: z.string(), accessVersion: z.number() }),
    at: z.string(),
    clusters: z.array(
      z.object({
        cluster: refSchema,
        joined: z.boolean(),
        publisher: z.enum(["connected", "absent", "unknown"]),
        ageMs: z.number().nullable(),
        quarantined: z.number().nullable(),
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
      factsAcknowledged: !overview.unacknowledged.includes(cluster.uid),
      refusedClaims: cluster.refusedClaims.length,
      channels: origin === null ? [] : origin.channels.map((channel) => ({ ...channel })),
      scopes: (origin?.scopes ?? []).map((own) => ({ ...own, scope: viewScope(own.scope) })),
      ...("error" in answer ? { error: answer.error } : {}),
    };
  });
  const nameOf = new Map(overview.clusters.map(({ uid, name }) => [uid, name]));
  const edges = overview.edges.map(({ clusterUid, rcc }) => {
    const reader = byUid.get(clusterUid);
    const report = reader?.edges.find(
      (edge) => edge.rcc === rcc.row.name && edge.origin.uid === rcc.remote.uid,
    );
    const isLive = reader?.publisher === "connected" && report !== undefined;
    const word: z.output<typeof edgeSchema>["connection"] = isLive
      ? (CONNECTION_WORDS[report.connectionStatus] ?? "Unknown")
      : "Unknown";
    return {
      cluster: { uid: clusterUid, name: nameOf.get(clusterUid) ?? "" },
      rcc: rcc.row.name,
      origin: { ...rcc.remote },
      state: rcc.state,
      connection: rcc.state === "not-granted" ? ("NotGranted" as const) : word,
      connectionStatus: report?.connectionStatus ?? null,
      endpoints: report?.endpoints ?? null,
      refused: report?.refused ?? null,
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
