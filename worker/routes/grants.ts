/** Which cluster lets which other read it, and what of it. [VIS23] [SCP3] */
import type { OpenAPIHono } from "@hono/zod-openapi";

import {
  applyGrant,
  createGrant,
  deleteGrant,
  getGrant,
  listGrants,
} from "../../shared/api/grants.ts";
import type { ChangedGrant, GrantView } from "../../shared/api/grants.ts";
import { orderOf, pageOf } from "../../shared/api/page.ts";
import { parseScope, scopeDocument } from "../../shared/visibility/scope.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import { grantTag } from "../mesh/grants.ts";
import type { Grant } from "../mesh/grants.ts";
import { byApi } from "../mesh/owner.ts";
import type { Rehearsal } from "../mesh/rehearsal.ts";
import { conditionsOf } from "./conditions.ts";
import { effectsOf } from "./effects.ts";
import type { HubPorts } from "./hub-ports.ts";
import { badRequest, valueOf } from "./problem.ts";
import { created, newRouter, ok, serve } from "./serve.ts";
import { isoTime } from "./shown.ts";

export function grantRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  serve(router, createGrant, async ({ params, body, query: { dryRun } }, { who, isOwner }) => {
    const { origin, reader } = body;
    const scope = readScope(body.scope);
    if (dryRun === true) {
      const tried = valueOf(await ports.rehearsal(params.mesh).createGrant(origin, reader, scope));
      return ok(await triedGrant(ports, params.mesh, tried, isOwner));
    }
    const made = valueOf(await ports.mesh(params.mesh, who).createGrant(origin, reader, scope));
    const answer = { grant: showGrant(made.grant), propagated: made.propagated };
    return created(answer, grantTag(made.grant));
  });
  serve(router, getGrant, async ({ params: { mesh, origin, reader } }) => {
    const grant = valueOf(await ports.mesh(mesh).getGrant(origin, reader));
    return ok(showGrant(grant), grantTag(grant));
  });
  serve(router, applyGrant, async ({ params, body, query }, { who, ifMatch, isOwner }) => {
    const { mesh, origin, reader } = params;
    const { dryRun, managedBy } = query;
    const change = [origin, reader, readScope(body.scope), byApi(managedBy), ifMatch] as const;
    if (dryRun === true) {
      const tried = valueOf(await ports.rehearsal(mesh).applyGrant(...change));
      return ok(await triedGrant(ports, mesh, tried, isOwner));
    }
    const made = valueOf(await ports.mesh(mesh, who).applyGrant(...change));
    const answer = { grant: showGrant(made.grant), propagated: made.propagated };
    const tag = grantTag(made.grant);
    return made.isNew ? created(answer, tag) : ok(answer, tag);
  });
  serve(router, listGrants, async ({ params, query }) => {
    const { origin = null, reader, ...page } = query;
    const grants = valueOf(await ports.mesh(params.mesh).listGrants(origin))
      .filter((grant) => reader === undefined || grant.reader.name === reader)
      .toSorted((a, b) => (orderOf(pairOf(a)) < orderOf(pairOf(b)) ? -1 : 1));
    const { items, next } = pageOf(grants, pairOf, page);
    return ok({ items: items.map(showGrant), next });
  });
  serve(router, deleteGrant, async ({ params, query }, { who, ifMatch, isOwner }) => {
    const { mesh, origin, reader } = params;
    const { dryRun, managedBy } = query;
    const change = [origin, reader, byApi(managedBy), ifMatch] as const;
    if (dryRun === true) {
      const tried = valueOf(await ports.rehearsal(mesh).deleteGrant(...change));
      return ok({ propagated: false, effects: await effectsOf(ports, mesh, tried, isOwner) });
    }
    const { propagated } = valueOf(await ports.mesh(mesh, who).deleteGrant(...change));
    return ok({ propagated });
  });
  return router;
}

async function triedGrant(
  ports: HubPorts,
  mesh: string,
  tried: Rehearsal<{ readonly grant: Grant }>,
  isOwner: boolean,
): Promise<ChangedGrant> {
  const effects = await effectsOf(ports, mesh, tried, isOwner);
  return { grant: showGrant(tried.value.grant), propagated: false, effects };
}

function pairOf({ origin, reader }: Grant): string {
  return `${origin.name}/${reader.name}`;
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
    conditions: conditionsOf(grant.edge, null),
  };
}
