/**
 * The status of a mesh as Prometheus takes it. Not in the OpenAPI document: it is no JSON. Names
 * come from people and clusters, and are escaped. [API45]
 */
import type { ClusterStatus, EdgeStatus, MeshStatus } from "../../shared/api/status.ts";
import type { Webhook } from "../mesh/webhooks/webhook-calls.ts";

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number | null];

type Metric<Row> = readonly [name: string, help: string, of: (row: Row) => number | null];

const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);

const OF_CLUSTERS: readonly Metric<ClusterStatus>[] = [
  [
    "catwalk_cluster_connected",
    "Whether a relay of the cluster publishes",
    ({ publisher }) => (publisher === "connected" ? 1 : 0),
  ],
  [
    "catwalk_cluster_joined",
    "Whether a relay has joined as the cluster",
    ({ joined }) => (joined ? 1 : 0),
  ],
  [
    "catwalk_cluster_age_seconds",
    "Since the last sign of the cluster's relay",
    ({ ageMs }) => seconds(ageMs),
  ],
  [
    "catwalk_cluster_degraded",
    "Whether the cluster is heard and not in sync, as webhooks are told",
    ({ health }) => (health.state === "degraded" ? 1 : 0),
  ],
  [
    "catwalk_cluster_lost",
    "Whether nothing is heard of the cluster, as webhooks are told",
    ({ health }) => (health.state === "lost" ? 1 : 0),
  ],
  [
    "catwalk_cluster_quarantined_records",
    "Records of which nothing is admitted",
    ({ quarantined }) => quarantined,
  ],
  [
    "catwalk_cluster_held_withdrawals",
    "Records whose withdrawal the cluster's relay holds back",
    ({ health }) => health.held,
  ],
];

const OF_EDGES: readonly Metric<EdgeStatus>[] = [
  [
    "remote_cluster_connection_status",
    "Calico's values: 0 NotConnecting, 1 Connecting, 2 InSync, 3 ReSyncInProgress",
    ({ connectionStatus }) => connectionStatus,
  ],
  [
    "catwalk_edge_granted",
    "Whether the origin lets the cluster see it",
    ({ state }) => (state === "granted" ? 1 : 0),
  ],
  [
    "catwalk_edge_latency_error_seconds",
    "How wrong the latency may be, by the clocks of both relays",
    ({ latency }) => seconds(latency?.errorMs ?? null),
  ],
  ["catwalk_edge_relays", "Relays of the reader that hold the edge", ({ relays }) => relays.count],
  [
    "catwalk_edge_lagging_relays",
    "Relays of the reader that are not in sync, or behind another one",
    ({ relays }) => relays.lagging,
  ],
  ["catwalk_edge_endpoints", "Endpoints that the reader sees", ({ endpoints }) => endpoints],
  [
    "catwalk_edge_refused_records",
    "Records that the reading relay does not serve",
    ({ refused }) => refused,
  ],
  [
    "catwalk_edge_withheld_records",
    "Records that the grant's scope does not show",
    ({ withheld }) => withheld,
  ],
];

/** A sample a window and quantile; those of windows without changes are left out. [API55] */
function latencySamples(
  edges: readonly EdgeStatus[],
  labelsOf: (edge: EdgeStatus) => Labels,
): Sample[] {
  return edges.flatMap((edge) =>
    (edge.latency?.windows ?? []).flatMap(({ minutes, p50Ms, p99Ms }): Sample[] => {
      const labels = { ...labelsOf(edge), window: `${minutes}m` };
      return [
        [{ ...labels, quantile: "0.5" }, seconds(p50Ms)],
        [{ ...labels, quantile: "0.99" }, seconds(p99Ms)],
      ];
    }),
  );
}

const OF_WEBHOOKS: readonly Metric<Webhook>[] = [
  ["catwalk_webhook_waiting", "Deliveries that are due or tried again", ({ waiting }) => waiting],
  [
    "catwalk_webhook_disabled",
    "Whether the webhook was given up",
    ({ disabled }) => (disabled === null ? 0 : 1),
  ],
];

/** Text format 0.0.4. */
export function metricsText(status: MeshStatus, webhooks: readonly Webhook[]): string {
  const mesh = status.mesh.name;
  const families = <Row>(
    metrics: readonly Metric<Row>[],
    all: readonly Row[],
    labels: (row: Row) => Labels,
  ): string[] =>
    metrics.map(([name, help, of]) =>
      family(
        name,
        help,
        all.map((row) => [labels(row), of(row)]),
      ),
    );
  const edgeLabels = ({ cluster, rcc, origin }: EdgeStatus): Labels => ({
    mesh,
    cluster: cluster.name,
    rcc,
    origin: origin.name,
  });
  return [
    ...families(OF_CLUSTERS, status.clusters, (row) => ({ mesh, cluster: row.cluster.name })),
    ...families(OF_EDGES, status.edges, edgeLabels),
    family(
      "catwalk_edge_latency_seconds",
      "From the source's watch event until applied in the reading relay",
      latencySamples(status.edges, edgeLabels),
    ),
    ...families(OF_WEBHOOKS, webhooks, ({ id }) => ({ mesh, webhook: id })),
  ].join("");
}

function family(name: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.flatMap(([labels, value]) =>
    value === null ? [] : [`${name}{${labelsText(labels)}} ${value}\n`],
  );
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join("")}`;
}

function labelsText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(",");
}

function escapeLabel(value: string): string {
  return value
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("\n", "\\n")
    .replaceAll(/\p{Cc}/gu, "?");
}
