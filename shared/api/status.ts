/** `/v1/meshes/{mesh}/status` and `/quarantine`: clusters and edges as they are now. [API5] */
import { z } from "zod";

import { CONNECTION_WORDS } from "../visibility/connection-words.ts";
import { scopeSchema } from "../visibility/scope.ts";
import { limitSchema, meshParams, refSchema } from "./common.ts";
import { conditionSchema } from "./conditions.ts";
import { edgeRelaysSchema, latencySchema, NO_RELAYS } from "./latency.ts";
import { operation } from "./operation.ts";
import { overlayStateSchema } from "./preflight.ts";

const tag = "Status";
const pools = z.array(z.object({ cidr: z.string(), reason: z.string() })).default([]);

const channelSchema = z.object({
  channel: z.string(),
  epoch: z.string(),
  head: z.number(),
  populated: z.boolean(),
  received: z.number(),
  admitted: z.number(),
  digest: z.string(),
  admittedBytes: z.number().default(0).meta({
    description: "Bytes of admitted records, as the hub stores them",
  }),
  refusedBytes: z.number().default(0).meta({
    description: "Bytes of refused records, as the hub keeps them",
  }),
});

const scopeStatusSchema = z
  .object({
    id: z.string(),
    /** Only shown: fields of a newer hub are left out. */
    scope: z.object(scopeSchema.shape),
    state: z.enum(["building", "ready", "overfull"]).meta({
      description:
        "building: it does not hold all yet, and its readers are not in sync; overfull: it shows more than an origin's scopes may hold together",
    }),
    records: z.number().meta({ description: "Over all channels" }),
    digest: z.string().meta({
      description: "Of the identity channel: what an edge has that sees this scope",
    }),
  })
  .meta({ id: "ScopeStatus" });
export type ScopeView = z.output<typeof scopeStatusSchema>;

const sourceSchema = z
  .object({
    state: z.enum(["following", "listing", "failing", "absent"]),
    reason: z.string(),
    since: z.string().meta({ description: "By the relay's clock" }),
  })
  .meta({ id: "SourceStatus" });
export type SourceView = z.output<typeof sourceSchema>;

const WELL = { state: "ok" as const, since: "", reasons: [], held: 0 };
const healthSchema = z
  .object({
    state: z.enum(["ok", "degraded", "lost"]),
    since: z.string(),
    reasons: z.array(z.object({ code: z.string(), message: z.string() })),
    held: z.number(),
  })
  .meta({ id: "ClusterHealth" });
const edgeOverlaySchema = z
  .object({
    state: overlayStateSchema,
    reason: z.string(),
    phase: z.enum(["none", "prepare", "commit", "leave"]),
    stragglers: z.array(z.string()),
    vteps: z.number().nullable().meta({ description: "Of the origin that the reader's Felix has" }),
    routes: z.number().nullable(),
    withheld: z.number().nullable(),
  })
  .meta({ id: "EdgeOverlay" });
/** Of a hub that knows no routes. */
const NO_OVERLAY = {
  state: "Disabled",
  reason: "",
  phase: "none",
  stragglers: [],
  vteps: null,
  routes: null,
  withheld: null,
} satisfies z.output<typeof edgeOverlaySchema>;

export const edgeSchema = z
  .object({
    cluster: refSchema.meta({ description: "Who sees" }),
    rcc: z.string(),
    origin: refSchema.meta({ description: "Who is seen" }),
    state: z.enum(["granted", "not-granted"]),
    connection: z.enum([...CONNECTION_WORDS, "NotGranted", "Unknown"]).meta({
      description:
        "InSync: the origin follows its cluster, the view is equal, nothing large is missing",
    }),
    connectionStatus: z.number().int().nullable().meta({
      description:
        "Calico's remote_cluster_connection_status; null when the reading relay has not reported",
    }),
    reportedStatus: z.number().int().nullable().default(null).meta({
      description:
        "The same, as the reading relay says it: 2 where its view equals the origin's log",
    }),
    reasons: z
      .array(z.object({ code: z.string(), message: z.string() }))
      .default([])
      .meta({ description: "Why it is not in sync although the view is equal" }),
    endpoints: z.number().nullable(),
    refused: z.number().nullable().meta({
      description: "Records that the reading relay does not serve, or not with all addresses",
    }),
    quarantined: z.number().nullable().default(null).meta({
      description: "Records of the origin of which the hub admits nothing",
    }),
    withheld: z.number().nullable().default(null).meta({
      description: "Records of the origin that the grant's scope does not show",
    }),
    conflicts: z.number().default(0).meta({
      description: "Addresses in shared ranges that the origin and another cluster both have",
    }),
    readerPools: z
      .object({ shared: z.boolean(), cidrs: z.array(z.string()) })
      .default({ shared: false, cidrs: [] })
      .meta({
        description:
          "The reader's pools, which are told to the origin so that it does not source-NAT",
      }),
    overlay: edgeOverlaySchema.default(NO_OVERLAY),
    revision: z.number().nullable(),
    digest: z.string().nullable(),
    ageMs: z.number().nullable().meta({ description: "Since the last sign of the reading relay" }),
    latency: latencySchema.nullable().default(null),
    relays: edgeRelaysSchema.default(NO_RELAYS),
    conditions: z.array(conditionSchema).default([]),
  })
  .meta({ id: "EdgeStatus" });
export type EdgeStatus = z.output<typeof edgeSchema>;

const clusterStatusSchema = z.object({
  cluster: refSchema,
  joined: z.boolean(),
  publisher: z.enum(["connected", "absent", "unknown"]),
  takenOver: z
    .object({ by: z.string(), from: z.string(), at: z.string() })
    .nullable()
    .default(null)
    .meta({
      description: "The relay that publishes displaced one that was heard a moment before",
    }),
  ageMs: z.number().nullable(),
  relays: z.number().int().nullable().default(null).meta({
    description: "Relays that are connected, the one that publishes too",
  }),
  quarantined: z.number().nullable(),
  partlyAdmitted: z.number().nullable().default(null).meta({
    description: "Endpoints that are admitted without some of their addresses",
  }),
  source: sourceSchema.nullable().default(null).meta({
    description: "Whether its relay follows the cluster; null when it has not said so",
  }),
  pools: z
    .array(z.string())
    .default([])
    .meta({ description: "Its own IP pools, as the hub knows them" }),
  withheldPools: pools.meta({
    description: "Pools of other clusters that its Felix is not given",
  }),
  exportPolicy: z.string().nullable().default(null).meta({
    description: "What its owner keeps back, in one line",
  }),
  suspended: z.boolean().default(false),
  health: healthSchema.default(WELL).meta({ description: "As webhooks are told" }),
  factsAcknowledged: z.boolean(),
  refusedClaims: z.number(),
  channels: z.array(channelSchema),
  scopes: z.array(scopeStatusSchema).default([]),
  error: z.string().optional(),
});
export type ClusterStatus = z.output<typeof clusterStatusSchema>;

const notServedSchema = z
  .object({
    cluster: refSchema,
    rcc: z.string(),
    field: z.string(),
    rule: z.string(),
    isServed: z.boolean().meta({
      description: "The RCC names a member, and only this field is without effect",
    }),
  })
  .meta({ id: "NotServed" });
export type NotServedStatus = z.output<typeof notServedSchema>;

const directEdgeSchema = z
  .object({
    cluster: refSchema,
    rcc: z.string(),
    connection: z.enum(CONNECTION_WORDS),
    connectionStatus: z.number(),
    endpoints: z.number(),
    refused: z.number(),
  })
  .meta({ id: "DirectEdge" });

export const statusSchema = z
  .object({
    mesh: z.object({
      name: z.string(),
      id: z.string(),
      accessVersion: z.number(),
      unconfirmedRestore: z.string().nullable().default(null).meta({
        description: "When the hub was restored, while nobody has confirmed what it permits",
      }),
    }),
    at: z.string(),
    clusters: z.array(clusterStatusSchema),
    edges: z.array(edgeSchema),
    direct: z.array(directEdgeSchema).default([]).meta({
      description: "Remotes that relays read themselves, as connected relays say; no hub does",
    }),
    notServed: z.array(notServedSchema).default([]).meta({
      description: "What RCCs ask for and this version of the hub does not do",
    }),
  })
  .meta({ id: "MeshStatus" });
export type MeshStatus = z.output<typeof statusSchema>;

const quarantineEntrySchema = z
  .object({
    origin: refSchema,
    kind: z.string(),
    key: z.string(),
    rule: z.string(),
    message: z.string(),
  })
  .meta({ id: "QuarantineEntry" });
export type QuarantineView = z.output<typeof quarantineEntrySchema>;

export const getStatus = operation({
  id: "getStatus",
  summary: "Clusters and edges, as they are now",
  tag,
  method: "get",
  path: "/v1/meshes/{mesh}/status",
  params: meshParams,
  access: "viewer",
  answer: statusSchema,
  successes: { 200: { description: "Clusters and edges" } },
});

export const listQuarantine = operation({
  id: "listQuarantine",
  summary: "Records that are received and not admitted",
  tag,
  method: "get",
  path: "/v1/meshes/{mesh}/quarantine",
  params: meshParams,
  query: z.strictObject({ limit: limitSchema(10_000, 1000) }),
  access: "viewer",
  answer: z.object({
    items: z.array(quarantineEntrySchema),
    unknown: z.array(z.string()).meta({ description: "Clusters whose Origin did not answer" }),
  }),
  successes: { 200: { description: "Received records that are not admitted, with the rule" } },
});
