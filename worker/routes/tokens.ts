/** Tokens of the admin API. [API40] */
import type { OpenAPIHono } from "@hono/zod-openapi";

import { createApiToken, deleteApiToken, listApiTokens } from "../../shared/api/tokens.ts";
import type { ApiTokenView } from "../../shared/api/tokens.ts";
import type { ApiToken } from "../mesh/tokens/api-tokens.ts";
import type { HubPorts } from "./hub-ports.ts";
import { valueOf } from "./problem.ts";
import { created, newRouter, ok, serve } from "./serve.ts";
import { isoTime } from "./shown.ts";

export function tokenRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  serve(router, createApiToken, async ({ params: { mesh }, body }, { who }) => {
    const given = { ...body, cluster: body.cluster ?? null };
    const { token, details } = valueOf(await ports.tokens(mesh).createToken(given, who));
    return created({ token, details: showToken(details) });
  });
  serve(router, listApiTokens, async ({ params }) => {
    const tokens = valueOf(await ports.tokens(params.mesh).listTokens());
    return ok({ items: tokens.map(showToken) });
  });
  serve(router, deleteApiToken, async ({ params: { mesh, token } }, { who }) => {
    valueOf(await ports.tokens(mesh).deleteToken(token, who));
    return ok({});
  });
  return router;
}

function showToken(token: ApiToken): ApiTokenView {
  const { tokenId: id, name, role, cluster, createdMs, expiresMs, lastUsedMs } = token;
  return {
    id,
    name,
    role,
    cluster,
    createdAt: isoTime(createdMs),
    expiresAt: isoTime(expiresMs),
    lastUsedAt: lastUsedMs === null ? null : isoTime(lastUsedMs),
  };
}
