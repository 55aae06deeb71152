/**
 * `GET /v1/version`: which version this hub is, and which protocols it speaks with relays. Not a
 * secret: relays of any version must find out. [API13]
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { OpenAPIHono } from "@hono/zod-openapi";

import { VERSION } from "../../shared/lib/version.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { jsonAnswer, newRouter, NO_QUERY, PROBLEMS } from "./router.ts";

const version = createRoute({
  operationId: "getVersion",
  summary: "The version of this hub and of its protocols",
  tags: ["Status"],
  method: "get",
  path: "/v1/version",
  request: { query: NO_QUERY },
  responses: {
    200: jsonAnswer(
      "Versions",
      z.object({ version: z.string(), protocols: z.array(z.number().int()) }).openapi("Version"),
    ),
    ...PROBLEMS,
  },
});

export function versionRoutes(): OpenAPIHono {
  const router = newRouter();
  router.openapi(version, (c) =>
    c.json({ version: VERSION, protocols: [...PROTOCOL_VERSIONS] }, 200),
  );
  return router;
}
