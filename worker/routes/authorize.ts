/**
 * Who may make which request: the caller of each request, its role against the operation's, and for
 * owners the cluster that the request is about. [API40]
 */
import type { Context, MiddlewareHandler } from "hono";

import type { Given, Operation } from "../../shared/api/operation.ts";
import { suffices } from "../../shared/api/roles.ts";
import type { OwnerField } from "../../shared/api/roles.ts";
import { authenticate } from "../auth/authenticate.ts";
import type { Caller } from "../auth/authenticate.ts";
import type { HubPorts } from "./hub-ports.ts";
import { HttpProblem } from "./problem.ts";

const CALLER = "caller";

/** Finds out who asks, before anything else is said. @throws HttpProblem 401, 429 */
export function requireCaller(ports: HubPorts): MiddlewareHandler {
  const registry = {
    adminTokenHash: ports.adminTokenHash,
    hasMesh: (name: string) => ports.directory().hasMesh(name),
    tokens: (name: string) => ports.tokens(name),
  };
  return async (c, next) => {
    const mesh = /^\/v1\/meshes\/([^/]+)/.exec(c.req.path)?.[1] ?? null;
    const caller = await authenticate(c.req.header("authorization") ?? null, mesh, registry);
    if (caller === null)
      throw new HttpProblem(401, "unauthenticated", "needs authorization: Bearer <token>");
    const waitMs = caller.rateOf === null ? 0 : ports.requestWaitMs(caller.rateOf);
    if (waitMs > 0)
      throw new HttpProblem(
        429,
        "too-many-requests",
        "this token makes too many requests",
        undefined,
        {
          "retry-after": String(Math.ceil(waitMs / 1000)),
        },
      );
    c.set(CALLER, caller);
    await next();
  };
}

/** The caller of a request that `requireCaller` has let pass; `null` for one that anybody makes. */
export function callerOf(c: Context): Caller | null {
  const caller: unknown = c.get(CALLER);
  return isCaller(caller) ? caller : null;
}

function isCaller(value: unknown): value is Caller {
  return typeof value === "object" && value !== null && "rateOf" in value;
}

/** @throws HttpProblem 403 */
export function requireRole(
  c: Context,
  { access, owner }: Pick<Operation, "access" | "owner">,
): void {
  if (access === "anyone") return;
  const caller = callerOf(c);
  if (caller !== null && suffices(caller.role, access, owner)) return;
  throw forbidden(`the role ${caller?.role ?? "none"} may not do this; it needs ${access}`);
}

/** @throws HttpProblem 403, for an owner of another cluster. */
export function requireOwnCluster(
  c: Context,
  owner: OwnerField,
  given: Given<unknown, unknown, unknown>,
): void {
  const caller = callerOf(c);
  if (caller?.role !== "owner" || owner === null) return;
  if (caller.cluster !== null && clusterIn(given, owner) === caller.cluster) return;
  throw forbidden(`the owner of ${caller.cluster} may ask about that cluster only`);
}

/** The name that the request has at that place. */
function clusterIn(
  given: Given<unknown, unknown, unknown>,
  owner: NonNullable<OwnerField>,
): unknown {
  const [part, field] = owner.split(".");
  const parts: Readonly<Record<string, unknown>> = { ...given };
  const holder = parts[part ?? ""];
  return typeof holder === "object" && holder !== null
    ? Reflect.get(holder, field ?? "")
    : undefined;
}

function forbidden(detail: string): HttpProblem {
  return new HttpProblem(403, "forbidden", detail);
}
