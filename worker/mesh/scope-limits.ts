/**
 * Bounds of scopes, asked after a grant or an RCC was written: a refusal takes the write back.
 * [SCP2]
 */
import type { OriginFacts } from "../../shared/visibility/facts.ts";
import { scopeId } from "../../shared/visibility/scope.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import type { Mesh } from "./mesh.ts";
import { Refused } from "./outcome.ts";
import { MESH_LIMITS } from "./registry.ts";
import type { ClusterRow } from "./registry.ts";

/**
 * Scopes are counted whether a reader's RCC uses them or not, so that no RCC is refused for the
 * grants of others.
 * @throws Refused
 */
export function requireFewScopes(mesh: Mesh, origin: ClusterRow): void {
  const ids = new Set(
    mesh.store
      .list("scoped", `${origin.uid}/`)
      .filter(([id]) => mesh.isMember(id.slice(origin.uid.length + 1)))
      .map(([, { scope }]) => scopeId(scope)),
  );
  if (ids.size > MESH_LIMITS.scopesPerOrigin)
    throw new Refused(
      422,
      "too-many",
      `the grants of a cluster have at most ${MESH_LIMITS.scopesPerOrigin} different scopes, and ${origin.name} has that many: give one of them, or change the others`,
    );
}

/**
 * Facts that no Origin can keep or send would keep every later change from it, also one that
 * revokes.
 * @throws Refused
 */
export function requireRoomForScopes(mesh: Mesh, ...clusters: readonly ClusterRow[]): void {
  for (const { uid, name } of clusters) {
    const facts = mesh.facts(uid);
    const bytes = facts === null ? 0 : scopeBytes(facts);
    if (bytes > MESH_LIMITS.scopeBytesPerCluster)
      throw new Refused(
        422,
        "too-many",
        `the scopes of those whom ${name} sees, and of those who see it, would have ${bytes} bytes together: at most ${MESH_LIMITS.scopeBytesPerCluster} fit`,
      );
  }
}

function scopeBytes(facts: OriginFacts): number {
  const scopes = [...(facts.scopedReaders ?? []), ...facts.remotes].map(({ scope }) => scope);
  return scopes.reduce((sum, scope) => sum + (scope === undefined ? 0 : byteLength(scope)), 0);
}

function byteLength(scope: Scope): number {
  return new TextEncoder().encode(JSON.stringify(scope)).length;
}
