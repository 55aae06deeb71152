/**
 * The hub's HTTP surface: who may ask what, and problems for everything else. Resources are in
 * `routes/`.
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";

import { requireCaller } from "./routes/authorize.ts";
import { exchangeRoutes } from "./routes/exchange.ts";
import { docsPage, DOCS_HEADERS } from "./routes/docs.ts";
import { clusterRoutes } from "./routes/clusters.ts";
import { connectRoutes } from "./routes/connect.ts";
import { grantRoutes } from "./routes/grants.ts";
import type { HubPorts } from "./routes/hub-ports.ts";
import { idempotent } from "./routes/idempotency.ts";
import { joinRoutes } from "./routes/join.ts";
import { meshRoutes } from "./routes/meshes.ts";
import { ownRoutes } from "./routes/own.ts";
import { HttpProblem, onError, problemResponse, validationHook } from "./routes/problem.ts";
import { rccRoutes } from "./routes/rccs.ts";
import { statusRoutes } from "./routes/status.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import { versionRoutes } from "./routes/version.ts";
import { viewRoutes } from "./routes/view.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import { pathCheckRoutes } from "./routes/path-checks.ts";
import { withdrawalRoutes } from "./routes/withdrawals.ts";

const MAX_BODY_BYTES = 1024 * 1024;
/** Of a request that anybody may make. [API36] */
const MAX_JOIN_BYTES = 8 * 1024;

export function createApp(ports: HubPorts): OpenAPIHono {
  const app = new OpenAPIHono({ defaultHook: validationHook });
  app.onError(onError);
  app.use("/v1/join", limitBody(MAX_JOIN_BYTES));
  app.use(limitBody(MAX_BODY_BYTES));
  // Answers hold tokens and credentials, and are old a moment later.
  app.use(async (c, next) => {
    await next();
    if (c.res.status !== 101) c.res.headers.set("cache-control", "no-store");
  });
  // Also for paths under it that do not exist: who has no token learns nothing of what there is.
  const known = requireCaller(ports);
  app.use("/v1/meshes", known);
  app.use("/v1/meshes/*", known);
  app.use("/v1/meshes/*", idempotent(ports));

  app.get("/healthz", (c) => c.json({ status: "ok" }));
  app.get("/v1/time", (c) => {
    const now = new Date(ports.clock.now());
    c.header("date", now.toUTCString());
    return c.json({ unixMs: now.getTime() });
  });
  for (const routes of [
    versionRoutes,
    meshRoutes,
    clusterRoutes,
    rccRoutes,
    grantRoutes,
    statusRoutes,
    exchangeRoutes,
    viewRoutes,
    webhookRoutes,
    pathCheckRoutes,
    withdrawalRoutes,
    tokenRoutes,
    joinRoutes,
    ownRoutes,
  ])
    app.route("/", routes(ports));
  app.route("/", connectRoutes(ports));

  app.openAPIRegistry.registerComponent("securitySchemes", "adminToken", {
    type: "http",
    scheme: "bearer",
  });
  // Made once: it costs as much as a hundred other requests.
  let document: ReturnType<typeof app.getOpenAPI31Document> | null = null;
  const documentOnce = () => (document ??= app.getOpenAPI31Document(DOCUMENT));
  app.get("/v1/openapi.json", (c) => c.json(documentOnce()));
  app.get("/docs", (c) => c.body(docsPage(documentOnce()), 200, { ...DOCS_HEADERS }));
  app.notFound((c) => problemResponse(unknownPath(app, c.req.method, c.req.path)));
  return app;
}

const DOCUMENT = {
  openapi: "3.1.0",
  info: { title: "Catwalk hub", version: "v1", description: "Admin API of a Catwalk mesh" },
};

function limitBody(maxSize: number): MiddlewareHandler {
  const rule = `a request body has at most ${maxSize} bytes`;
  return bodyLimit({
    maxSize,
    onError: () => problemResponse(new HttpProblem(413, "too-large", rule)),
  });
}

/** 405 where another method would have been served, else 404. */
function unknownPath(app: OpenAPIHono, method: string, path: string): HttpProblem {
  const methods = new Set(
    app.routes
      .filter((route) => route.method !== "ALL" && matches(route.path, path))
      .map((route) => route.method),
  );
  // Whoever answers GET answers HEAD.
  if (methods.has("GET")) methods.add("HEAD");
  const allowed = [...methods].toSorted().join(", ");
  return methods.size === 0
    ? new HttpProblem(404, "not-found", `there is nothing at ${path}`)
    : new HttpProblem(
        405,
        "method-not-allowed",
        `${path} takes ${allowed}, not ${method}`,
        undefined,
        { allow: allowed },
      );
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const given = path.split("/");
  return (
    wanted.length === given.length &&
    wanted.every((part, index) => part.startsWith(":") || part === given[index])
  );
}
