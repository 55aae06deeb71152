/**
 * Who an RCC or a grant belongs to: the API, or the cluster whose custom resource it is. One owner
 * an object: the other one's writes are refused by name. [CRD5]
 */
import type { ManagedBy } from "../../shared/visibility/managed-by.ts";
import type { Mesh } from "./mesh.ts";
import { Refused } from "./outcome.ts";
import type { ClusterRow, OwnedRow } from "./registry.ts";

/** Who writes. */
export type Writer =
  /** @property managedBy Whose the object is to be, or is, as the request says. */
  | { readonly kind: "api"; readonly managedBy?: ManagedBy | undefined }
  /** A relay, for a custom resource of its cluster under the CRD of this UID. */
  | { readonly kind: "cluster"; readonly under: string };

/** The admin API. */
export type ApiWriter = Extract<Writer, { readonly kind: "api" }>;

export const BY_API: ApiWriter = { kind: "api" };

export function byApi(managedBy: ManagedBy | undefined): ApiWriter {
  return { kind: "api", managedBy };
}

export function managedBy(row: OwnedRow): ManagedBy {
  return row.under === undefined ? "api" : "cluster";
}

/**
 * @param what `RCC db of cluster app`
 * @throws Refused where the object is the other one's.
 */
export function requireOwner(writer: Writer, existing: OwnedRow | undefined, what: string): void {
  if (existing === undefined) return;
  const owner = managedBy(existing);
  if (writer.kind === "cluster") {
    if (owner === "cluster") return;
    throw new Refused(
      409,
      "managed-by-api",
      `${what} was made by the API: delete it there (\`catwalk … delete\`), or hand it over (\`catwalk … apply --managed-by cluster\`)`,
    );
  }
  if (owner === "cluster" && writer.managedBy === undefined)
    throw new Refused(
      409,
      "managed-by-cluster",
      `${what} is a custom resource of that cluster: change it there, or say here whose it is (\`--managed-by\`, query managedBy): \`api\` takes it over, \`cluster\` deletes what its cluster left behind`,
    );
}

/** Of a deletion by the API: the request names the owner, lest it is another than was thought. */
export function requireNamedOwner(writer: Writer, existing: OwnedRow, what: string): void {
  requireOwner(writer, existing, what);
  // One that vanished with its CRD was not deleted, whatever the relay has understood. [CRD7]
  if (writer.kind === "cluster" && existing.under !== writer.under)
    throw new Refused(409, "other-definition", `${what} is under another CRD`);
  if (writer.kind !== "api" || writer.managedBy === undefined) return;
  const owner = managedBy(existing);
  if (owner !== writer.managedBy)
    throw new Refused(409, `managed-by-${owner}`, `${what} is managed by ${owner}`);
}

/** The field of the row after this write. */
export function ownedBy(writer: Writer, existing: OwnedRow | undefined): OwnedRow {
  if (writer.kind === "cluster") return { under: writer.under };
  // Handed over: no CRD yet, until the cluster's writer takes it up.
  if (writer.managedBy === "cluster") return { under: existing?.under ?? "" };
  return {};
}

/** In the operator's list, or in that of the members: these fill no more than their own. [VIS49] */
export function auditWrite(
  mesh: Mesh,
  writer: Writer,
  cluster: ClusterRow,
  action: string,
  subject: string,
): void {
  if (writer.kind === "cluster") mesh.audit.member(cluster, action, subject);
  else mesh.audit.operator(mesh.actor, action, subject);
}
