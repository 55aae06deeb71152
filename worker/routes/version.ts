/**
 * Which version this hub is, and which protocols it speaks with relays. Not a secret: relays of any
 * version must find out. [API13]
 */
import type { OpenAPIHono } from "@hono/zod-openapi";

import { getVersion } from "../../shared/api/version.ts";
import { VERSION } from "../../shared/lib/version.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { newRouter, ok, serve } from "./serve.ts";

export function versionRoutes(): OpenAPIHono {
  const router = newRouter();
  serve(router, getVersion, async () =>
    ok({ version: VERSION, protocols: [...PROTOCOL_VERSIONS] }),
  );
  return router;
}
