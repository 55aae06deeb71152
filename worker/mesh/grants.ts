/**
 * Decisions about grants, the origin's half of "A sees B": all of it, or what a scope shows.
 * [VIS23] [SCP3]
 */
import { isKeptFrom } from "../../shared/visibility/access.ts";
import { describeScope } from "../../shared/visibility/scope-text.ts";
import { scopeId } from "../../shared/visibility/scope.ts";
import type { ManagedBy } from "../../shared/visibility/managed-by.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import { registryEdge } from "./edge-facts.ts";
import type { RegistryEdge } from "./edge-facts.ts";
import { entityTag, requireMatch, requireNamedState } from "./entity-tag.ts";
import type { IfMatch } from "./entity-tag.ts";
import type { Mesh } from "./mesh.ts";
import { Refused } from "./outcome.ts";
import {
  auditWrite,
  BY_API,
  managedBy,
  ownedBy,
  requireNamedOwner,
  requireOwner,
} from "./owner.ts";
import type { Writer } from "./owner.ts";
import type { ClusterRow, GrantRow } from "./registry.ts";
import { requireFewScopes, requireRoomForScopes } from "./scope-limits.ts";

export interface Grant {
  readonly origin: { readonly uid: string; readonly name: string };
  readonly reader: { readonly uid: string; readonly name: string };
  readonly createdMs: number;
  /** Whether the reader has an RCC that names the origin. */
  readonly isUsed: boolean;
  /** `null`: it shows all of the origin. */
  readonly scope: Scope | null;
  /** The owner of the origin keeps it from the reader all the same. [EXP5] */
  readonly isVetoed: boolean;
  readonly managedBy: ManagedBy;
  /** See `OwnedRow`. */
  readonly under?: string;
  readonly edge: RegistryEdge;
}

/** Repeating a grant changes nothing; one that shows something else is not replaced by the way. */
export function createGrant(
  mesh: Mesh,
  originName: string,
  readerName: string,
  scope: Scope | null,
): Grant {
  mesh.requireMesh();
  const [origin, reader] = requirePair(mesh, originName, readerName);
  const existing = mesh.grantOf(origin.uid, reader.uid);
  if (existing !== undefined && !isSame(existing.scope, scope))
    throw new Refused(
      409,
      "grant-exists",
      `cluster ${originName} already grants ${readerName} ${describeScope(existing.scope)}: use apply (\`catwalk grant apply\`, PUT) to change it`,
    );
  if (existing === undefined) {
    writeGrant(mesh, origin, reader, scope, { createdMs: mesh.environment.clock.now() });
    mesh.audit.operator(mesh.actor, "grant create", describePair(originName, readerName, scope));
  }
  return grantOf(mesh, origin, reader);
}

/** Creates a grant, or makes an existing one show this. */
export function applyGrant(
  mesh: Mesh,
  originName: string,
  readerName: string,
  scope: Scope | null,
  writer: Writer = BY_API,
  ifMatch?: IfMatch,
): { readonly grant: Grant; readonly isNew: boolean } {
  mesh.requireMesh();
  const [origin, reader] = requirePair(mesh, originName, readerName);
  const existing = mesh.grantOf(origin.uid, reader.uid);
  requireOwner(writer, existing, grantName(originName, readerName));
  const tag = existing === undefined ? null : grantTag(existing);
  requireNamedState(ifMatch, tag, existing === undefined ? null : grantTag({ ...existing, scope }));
  const owner = ownedBy(writer, existing);
  if (existing === undefined || existing.under !== owner.under || !isSame(existing.scope, scope)) {
    const createdMs = existing?.createdMs ?? mesh.environment.clock.now();
    writeGrant(mesh, origin, reader, scope, { createdMs, ...owner });
    const subject = describePair(originName, readerName, scope);
    auditWrite(mesh, writer, origin, "grant apply", subject);
  }
  return { grant: grantOf(mesh, origin, reader), isNew: existing === undefined };
}

export function deleteGrant(
  mesh: Mesh,
  originName: string,
  readerName: string,
  writer: Writer = BY_API,
  ifMatch?: IfMatch,
): void {
  mesh.requireMesh();
  const [origin, reader] = requirePair(mesh, originName, readerName);
  const existing = mesh.grantOf(origin.uid, reader.uid);
  if (existing === undefined)
    throw new Refused(404, "no-such-grant", `cluster ${originName} has no grant to ${readerName}`);
  requireNamedOwner(writer, existing, grantName(originName, readerName));
  requireMatch(ifMatch, grantTag(existing));
  mesh.overlay.between(origin.uid, reader.uid, () => dropGrant(mesh, origin, reader));
  auditWrite(mesh, writer, origin, "grant delete", `${originName} to ${readerName}`);
}

/** @throws Refused */
export function getGrant(mesh: Mesh, originName: string, readerName: string): Grant {
  mesh.requireMesh();
  const [origin, reader] = requirePair(mesh, originName, readerName);
  if (mesh.grantOf(origin.uid, reader.uid) === undefined)
    throw new Refused(404, "no-such-grant", `cluster ${originName} has no grant to ${readerName}`);
  return grantOf(mesh, origin, reader);
}

/** Of what its author wrote. [API60] */
export function grantTag({ createdMs, scope }: Pick<Grant, "createdMs" | "scope">): string {
  return entityTag({ createdMs, scope });
}

/**
 * By the UIDs of origin and reader. What an older hub left of clusters that it removed is nobody's
 * grant.
 */
export function listGrants(mesh: Mesh, originName: string | null): readonly Grant[] {
  mesh.requireMesh();
  const prefix = originName === null ? "" : `${mesh.requireCluster(originName).uid}/`;
  const rows = [...mesh.store.list("grants", prefix), ...mesh.store.list("scoped", prefix)];
  return [...new Set(rows.map(([id]) => id))].toSorted().flatMap((id) => {
    const [origin, reader] = id.split("/").map((uid) => mesh.member(uid));
    const areMembers = origin?.removed === false && reader?.removed === false;
    return areMembers ? [grantOf(mesh, origin, reader)] : [];
  });
}

function writeGrant(
  mesh: Mesh,
  origin: ClusterRow,
  reader: ClusterRow,
  scope: Scope | null,
  made: GrantRow,
): void {
  const id = `${origin.uid}/${reader.uid}`;
  mesh.overlay.between(origin.uid, reader.uid, () => {
    dropGrant(mesh, origin, reader);
    if (scope === null) mesh.store.put("grants", id, made);
    else mesh.store.put("scoped", id, { ...made, scope });
  });
  if (scope === null) return;
  requireFewScopes(mesh, origin);
  requireRoomForScopes(mesh, origin, reader);
}

/** Of either kind: after a hub of an older version there may be both. */
function dropGrant(mesh: Mesh, origin: ClusterRow, reader: ClusterRow): void {
  mesh.store.delete("grants", `${origin.uid}/${reader.uid}`);
  mesh.store.delete("scoped", `${origin.uid}/${reader.uid}`);
}

function requirePair(mesh: Mesh, origin: string, reader: string): [ClusterRow, ClusterRow] {
  if (origin === reader)
    throw new Refused(422, "own-cluster", `a grant by ${origin} to itself means nothing`);
  return [mesh.requireCluster(origin), mesh.requireCluster(reader)];
}

function grantOf(mesh: Mesh, origin: ClusterRow, reader: ClusterRow): Grant {
  const grant = mesh.grantOf(origin.uid, reader.uid);
  return {
    origin: { uid: origin.uid, name: origin.name },
    reader: { uid: reader.uid, name: reader.name },
    createdMs: grant?.createdMs ?? 0,
    isUsed: mesh.rccTo(reader.uid, origin.uid) !== undefined,
    scope: grant?.scope ?? null,
    isVetoed: isKeptFrom(mesh, reader.uid, origin.uid),
    managedBy: managedBy(grant ?? {}),
    ...(grant?.under === undefined ? {} : { under: grant.under }),
    edge: registryEdge(mesh, reader.uid, origin.uid),
  };
}

function grantName(origin: string, reader: string): string {
  return `the grant of cluster ${origin} to ${reader}`;
}

function isSame(a: Scope | null, b: Scope | null): boolean {
  return a === null || b === null ? a === b : scopeId(a) === scopeId(b);
}

function describePair(origin: string, reader: string, scope: Scope | null): string {
  return `${origin} to ${reader}: ${describeScope(scope)}`;
}
