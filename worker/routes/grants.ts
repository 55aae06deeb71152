/** Which cluster lets which other read it, and what of it. [VIS23] [SCP3] */
import type { OpenAPIHono } from "@hono/zod-openapi";

import { applyGrant, createGrant, deleteGrant, listGrants } from "../../shared/api/grants.ts";
import type { GrantView } from "../../shared/api/grants.ts";
import { parseScope, scopeDocument } from "../../shared/visibility/scope.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import type { Grant } from "../mesh/grants.ts";
import type { HubPorts } from "./hub-ports.ts";
import { badRequest, valueOf } from "./problem.ts";
import { created, newRouter, ok, serve } from "./serve.ts";
import { isoTime } from "./shown.ts";

export function grantRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  serve(router, createGrant, async ({ params, body: { origin, reader, scope } }, { who }) => {
    const mesh = ports.mesh(params.mesh, who);
    const made = valueOf(await mesh.createGrant(origin, reader, readScope(scope)));
    return created({ grant: showGrant(made.grant), propagated: made.propagated });
  });
  serve(router, applyGrant, async ({ params: { mesh, origin, reader }, query, body }, { who }) => {
    const scope = readScope(body.scope);
    const { managedBy } = query;
    const made = valueOf(await ports.mesh(mesh, who).applyGrant(origin, reader, scope, managedBy));
    const answer = { grant: showGrant(made.grant), propagated: made.propagated };
    return made.isNew ? created(answer) : ok(answer);
  });
  serve(router, listGrants, async ({ params, query }) => {
    const grants = valueOf(await ports.mesh(params.mesh).listGrants(query.origin ?? null));
    return ok({ items: grants.map(showGrant) });
  });
  serve(router, deleteGrant, async ({ params: { mesh, origin, reader }, query }, { who }) => {
    const { managedBy } = query;
    const deleted = await ports.mesh(mesh, who).deleteGrant(origin, reader, managedBy);
    const { propagated } = valueOf(deleted);
    return ok({ propagated });
  });
  return router;
}

/** What the schema has let through is malformed no more: what is left to refuse is a selector. */
export function readScope(value: unknown): Scope | null {
  const parsed = parseScope(value ?? {});
  return parsed.ok ? parsed.scope : badRequest(parsed.problems, 422);
}

export function showGrant(grant: Grant): GrantView {
  return {
    origin: { ...grant.origin },
    reader: { ...grant.reader },
    createdAt: isoTime(grant.createdMs),
    used: grant.isUsed,
    managedBy: grant.managedBy,
    vetoed: grant.isVetoed,
    ...(grant.scope === null ? {} : { scope: scopeDocument(grant.scope) }),
  };
}
