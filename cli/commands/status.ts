/** `catwalk status`: every edge of the mesh, then every cluster, then what its scopes show. */
import { describeScope } from "../../shared/visibility/scope-text.ts";
import { clientOf, withExample, withOutput, withServer } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { ServerFlags } from "../admin/config.ts";
import { getStatus } from "../../shared/api/status.ts";
import type {
  ClusterStatus,
  EdgeStatus,
  MeshStatus,
  NotServedStatus,
  ScopeView,
} from "../../shared/api/status.ts";
import { renderAge, renderList, renderOne } from "./output.ts";
import type { ListShape } from "./output.ts";
import { UsageError } from "../admin/usage-error.ts";

const orEmpty = (value: number | null): string => (value === null ? "" : String(value));

const EDGES: ListShape<EdgeStatus> = {
  columns: [
    { title: "RCC", of: (row) => `${row.cluster.name}/${row.rcc}` },
    { title: "REMOTE", of: (row) => row.origin.name },
    { title: "CONNECTION", of: (row) => row.connection },
    { title: "OVERLAY", of: (row) => row.overlay.state },
    { title: "SEEN", of: (row) => orEmpty(row.endpoints) },
    { title: "REFUSED", of: (row) => orEmpty(row.refused) },
    { title: "QUARANTINED", of: (row) => orEmpty(row.quarantined) },
    { title: "WITHHELD", of: (row) => orEmpty(row.withheld) },
    { title: "LATENCY", of: latencyOf },
    { title: "AGE", of: (row) => renderAge(row.ageMs) },
    { title: "RELAYS", of: relaysOf, wide: true },
    { title: "LATENCY 1M, 5M, 60M", of: latenciesOf, wide: true },
    { title: "REVISION", of: (row) => orEmpty(row.revision), wide: true },
    { title: "DIGEST", of: (row) => row.digest?.slice(0, 12) ?? "", wide: true },
    { title: "CONFLICTS", of: (row) => String(row.conflicts), wide: true },
    { title: "READER'S POOLS", of: (row) => renderPools(row), wide: true },
  ],
  name: (row) => `${row.cluster.name}/${row.rcc}`,
  empty: "no RCCs: nobody asks to see anybody",
};

/** p50 and p99 over the shortest window in which something came. */
function latencyOf({ latency }: EdgeStatus): string {
  const newest = latency?.windows.find(({ count }) => count > 0);
  return newest === undefined ? "" : `${newest.p50Ms}/${newest.p99Ms} ms`;
}

function latenciesOf({ latency }: EdgeStatus): string {
  if (latency === null) return "";
  const all = latency.windows.map(({ p50Ms, p99Ms }) => `${p50Ms ?? "-"}/${p99Ms ?? "-"}`);
  return `${all.join(", ")} ms (± ${latency.errorMs ?? "?"})`;
}

/** How many, and who lags. */
function relaysOf({ relays }: EdgeStatus): string {
  const { count, lagging, names } = relays;
  return lagging === 0 ? String(count) : `${count}, behind: ${names.join(", ")}`;
}

const CLUSTERS: ListShape<ClusterStatus> = {
  columns: [
    { title: "CLUSTER", of: (row) => row.cluster.name },
    { title: "RELAY", of: (row) => (row.joined ? row.publisher : "never joined") },
    { title: "SOURCE", of: (row) => row.source?.state ?? "" },
    { title: "LAST SEEN", of: (row) => renderAge(row.ageMs) },
    { title: "QUARANTINED", of: (row) => orEmpty(row.quarantined) },
    { title: "REFUSED CLAIMS", of: (row) => String(row.refusedClaims) },
    { title: "ERROR", of: (row) => row.error ?? "", wide: true },
  ],
  name: (row) => row.cluster.name,
  empty: "no clusters",
};

/** What the origin is told so that it does not source-NAT towards the reader. [VIS32] */
function renderPools({ readerPools }: EdgeStatus): string {
  return readerPools.shared ? readerPools.cidrs.join(",") || "none" : "not shared";
}

type ScopeRow = ScopeView & { readonly origin: string };

const SCOPES: ListShape<ScopeRow> = {
  columns: [
    { title: "CLUSTER", of: (row) => row.origin },
    { title: "SHOWS", of: (row) => describeScope(row.scope) },
    { title: "STATE", of: (row) => row.state },
    { title: "RECORDS", of: (row) => String(row.records) },
    { title: "DIGEST", of: (row) => row.digest.slice(0, 12) },
    { title: "ID", of: (row) => row.id, wide: true },
  ],
  name: (row) => `${row.origin}/${row.id}`,
  empty: "no scopes",
};

const NOT_SERVED: ListShape<NotServedStatus> = {
  columns: [
    { title: "RCC", of: (row) => `${row.cluster.name}/${row.rcc}` },
    { title: "NOT SERVED", of: (row) => row.field },
    { title: "BESIDE IT", of: (row) => (row.isServed ? "endpoints are served" : "nothing") },
    { title: "WHY", of: (row) => row.rule, wide: true },
  ],
  name: (row) => `${row.cluster.name}/${row.rcc}`,
  empty: "all is served",
};

const DIRECT: ListShape<MeshStatus["direct"][number]> = {
  columns: [
    { title: "RCC", of: (row) => `${row.cluster.name}/${row.rcc}` },
    { title: "READ DIRECTLY", of: (row) => row.connection },
    { title: "ENDPOINTS", of: (row) => String(row.endpoints) },
    { title: "REFUSED", of: (row) => String(row.refused) },
  ],
  name: (row) => `${row.cluster.name}/${row.rcc}`,
  empty: "no relay reads a remote itself",
};

/** Every edge, every cluster, and the scopes where there are any. */
export function renderStatus(status: MeshStatus, output: "wide" | undefined): string {
  const scopes = status.clusters.flatMap((row) =>
    row.scopes.map((scope) => ({ ...scope, origin: row.cluster.name })),
  );
  const { notServed, direct } = status;
  return [
    renderList(status.edges, EDGES, output),
    ...notesOf(status),
    ...(direct.length === 0 ? [] : [renderList(direct, DIRECT, output)]),
    ...(notServed.length === 0 ? [] : [renderList(notServed, NOT_SERVED, output)]),
    renderList(status.clusters, CLUSTERS, output),
    ...(scopes.length === 0 ? [] : [renderList(scopes, SCOPES, output)]),
  ].join("\n");
}

/** What a number in a table does not say, one line each. */
function notesOf({ mesh, edges, clusters }: MeshStatus): string[] {
  const restored = mesh.unconfirmedRestore;
  const notes = [
    ...(restored === null
      ? []
      : [
          `the hub was restored at ${restored}: relays keep what was narrower since. Look through RCCs and grants, then run: catwalk mesh confirm-restore`,
        ]),
    ...edges.flatMap((edge) =>
      edge.reasons.map(({ message }) => `${edge.cluster.name}/${edge.rcc}: ${message}`),
    ),
    ...edges.flatMap(({ cluster, rcc, overlay }) => [
      ...(overlay.reason === "" ? [] : [`${cluster.name}/${rcc}: no routes: ${overlay.reason}`]),
      ...(overlay.stragglers.length === 0
        ? []
        : [`${cluster.name}/${rcc}: have not followed in time: ${overlay.stragglers.join(", ")}`]),
    ]),
    ...edges.flatMap((edge) =>
      edge.conflicts === 0
        ? []
        : [
            `${edge.cluster.name}/${edge.rcc}: ${edge.conflicts} addresses in shared ranges are another cluster's too`,
          ],
    ),
    ...clusters.flatMap(({ cluster, health, suspended }) => [
      ...(suspended ? [`${cluster.name} is suspended: it neither sees nor is seen`] : []),
      ...health.reasons.map(({ message }) => `${cluster.name}: ${health.state}: ${message}`),
    ]),
    ...clusters.flatMap(({ cluster, withheldPools }) =>
      withheldPools.map(
        ({ cidr, reason }) => `${cluster.name}: pool ${cidr} is withheld from Felix: ${reason}`,
      ),
    ),
  ];
  return notes.length === 0 ? [] : [`${notes.join("\n")}\n`];
}

interface StatusFlags extends ServerFlags, OutputFlags {
  readonly watch?: true;
  readonly cluster?: string;
}

const WATCH_MS = 2_000;
/** The screen is left to what comes. */
const CLEAR = "\u001b[H\u001b[2J";

export const registerStatus: RegisterCommand = (program) => {
  withExample(
    withOutput(withServer(program.command("status").description("who sees whom, and how well")))
      .option("--cluster <name>", "only what concerns this cluster")
      .option("--watch", "again every 2 s, until it is stopped"),
    "catwalk status --watch",
  ).action(async (flags: StatusFlags) => {
    const client = clientOf(flags);
    do {
      const all = await client.call(getStatus, { params: { mesh: client.mesh } });
      if (flags.watch === true && process.stdout.isTTY) process.stdout.write(CLEAR);
      printStatus(worstFirst(flags.cluster === undefined ? all : only(all, flags.cluster)), flags);
      if (flags.watch === true) await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
    } while (flags.watch === true);
  });
};

/** @throws UsageError for a cluster that there is not. */
function only(status: MeshStatus, name: string): MeshStatus {
  if (!status.clusters.some(({ cluster }) => cluster.name === name))
    throw new UsageError(`--cluster ${name}: the mesh has no such cluster`);
  return {
    ...status,
    clusters: status.clusters.filter(({ cluster }) => cluster.name === name),
    edges: status.edges.filter(
      ({ cluster, origin }) => cluster.name === name || origin.name === name,
    ),
    direct: status.direct.filter(({ cluster }) => cluster.name === name),
    notServed: status.notServed.filter(({ cluster }) => cluster.name === name),
  };
}

const EDGES_BY_HARM = ["NotConnecting", "Unknown", "Connecting", "ReSyncInProgress"];
const CLUSTERS_BY_HARM = ["lost", "degraded"];

/** What needs somebody is seen first; the rest stays in its order. */
export function worstFirst(status: MeshStatus): MeshStatus {
  const harm = (words: readonly string[], word: string): number =>
    words.includes(word) ? words.indexOf(word) : words.length;
  return {
    ...status,
    edges: status.edges.toSorted(
      (a, b) => harm(EDGES_BY_HARM, a.connection) - harm(EDGES_BY_HARM, b.connection),
    ),
    clusters: status.clusters.toSorted(
      (a, b) => harm(CLUSTERS_BY_HARM, a.health.state) - harm(CLUSTERS_BY_HARM, b.health.state),
    ),
  };
}

function printStatus(status: MeshStatus, flags: OutputFlags): void {
  if (flags.output === "json" || flags.output === "yaml")
    print(renderOne(status, status.mesh.name, flags.output));
  else if (flags.output === "name") print(renderList(status.edges, EDGES, "name"));
  else print(renderStatus(status, flags.output));
}
