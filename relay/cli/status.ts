/** `catwalk status`: every edge of the mesh, then every cluster, then what its scopes show. */
import type { ScopeStatus } from "../../shared/visibility/facts.ts";
import { describeScope } from "../../shared/visibility/scope-text.ts";
import { clientOf, print, withExample, withOutput, withServer } from "./command.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { ServerFlags } from "./config.ts";
import type { ClusterStatus, EdgeStatus, MeshStatus, NotServedStatus } from "./mesh-status.ts";
import { renderAge, renderList, renderOne } from "./output.ts";
import type { ListShape } from "./output.ts";

const orEmpty = (value: number | null): string => (value === null ? "" : String(value));

const EDGES: ListShape<EdgeStatus> = {
  columns: [
    { title: "RCC", of: (row) => `${row.cluster.name}/${row.rcc}` },
    { title: "REMOTE", of: (row) => row.origin.name },
    { title: "CONNECTION", of: (row) => row.connection },
    { title: "ENDPOINTS", of: (row) => orEmpty(row.endpoints) },
    { title: "REVISION", of: (row) => orEmpty(row.revision) },
    { title: "DIGEST", of: (row) => row.digest?.slice(0, 12) ?? "" },
    { title: "AGE", of: (row) => renderAge(row.ageMs) },
    { title: "REFUSED", of: (row) => orEmpty(row.refused), wide: true },
  ],
  name: (row) => `${row.cluster.name}/${row.rcc}`,
  empty: "no RCCs: nobody asks to see anybody",
};

const CLUSTERS: ListShape<ClusterStatus> = {
  columns: [
    { title: "CLUSTER", of: (row) => row.cluster.name },
    { title: "RELAY", of: (row) => (row.joined ? row.publisher : "never joined") },
    { title: "LAST SEEN", of: (row) => renderAge(row.ageMs) },
    { title: "QUARANTINED", of: (row) => orEmpty(row.quarantined) },
    { title: "REFUSED CLAIMS", of: (row) => String(row.refusedClaims) },
    { title: "ERROR", of: (row) => row.error ?? "", wide: true },
  ],
  name: (row) => row.cluster.name,
  empty: "no clusters",
};

interface ScopeRow extends ScopeStatus {
  readonly origin: string;
}

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

/** Every edge, every cluster, and the scopes where there are any. */
export function renderStatus(status: MeshStatus, output: "wide" | undefined): string {
  const scopes = status.clusters.flatMap((row) =>
    (row.scopes ?? []).map((scope) => ({ ...scope, origin: row.cluster.name })),
  );
  const notServed = status.notServed ?? [];
  return [
    renderList(status.edges, EDGES, output),
    ...(notServed.length === 0 ? [] : [renderList(notServed, NOT_SERVED, output)]),
    renderList(status.clusters, CLUSTERS, output),
    ...(scopes.length === 0 ? [] : [renderList(scopes, SCOPES, output)]),
  ].join("\n");
}

export const registerStatus: RegisterCommand = (program) => {
  withExample(
    withOutput(withServer(program.command("status").description("who sees whom, and how well"))),
    "catwalk status",
  ).action(async (flags: ServerFlags & OutputFlags) => {
    const client = clientOf(flags);
    const status = await client.get<MeshStatus>(client.meshPath("status"));
    if (flags.output === "json" || flags.output === "yaml")
      print(renderOne(status, status.mesh.name, flags.output));
    else if (flags.output === "name") print(renderList(status.edges, EDGES, "name"));
    else print(renderStatus(status, flags.output));
  });
};
