/**
 * Who may make which request. The hub's admin token may do everything; a token of a mesh has a role
 * in that mesh and is nothing in another. [API40]
 */

/** Each may do what those before it may. */
export const ROLES = ["viewer", "editor", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** `hub`: of all meshes. `owner`: of one cluster. */
export type CallerRole = Role | "hub" | "owner";

/** The least role that an operation needs. */
export type Access = "anyone" | Role | "hub";

/** Where a request names the cluster whose owner may make it; `null`: owners may not. */
export type OwnerField = "params.cluster" | "params.origin" | "body.origin" | "query.origin" | null;

/** Whether the role suffices, for owners: where the request is about their own cluster. */
export function suffices(role: CallerRole, access: Access, owner: OwnerField): boolean {
  if (access === "anyone" || role === "hub") return true;
  if (access === "hub") return false;
  if (role === "owner") return owner !== null;
  return ROLES.indexOf(role) >= ROLES.indexOf(access);
}
