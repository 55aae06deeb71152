/** A cluster's RemoteClusterConfigurations. [VIS22] */
import type { OpenAPIHono } from "@hono/zod-openapi";

import {
  applyRcc,
  createRcc,
  deleteRcc,
  getRcc,
  listAllRccs,
  listRccs,
} from "../../shared/api/rccs.ts";
import type { RccView } from "../../shared/api/rccs.ts";
import { notServed } from "../../shared/visibility/rcc-connection.ts";
import { parseRcc } from "../../shared/visibility/rcc.ts";
import type { RccDocument, RccRequest } from "../../shared/visibility/rcc.ts";
import { managedBy } from "../mesh/owner.ts";
import type { Rcc } from "../mesh/rccs.ts";
import type { HubPorts } from "./hub-ports.ts";
import { badRequest, valueOf } from "./problem.ts";
import { created, newRouter, ok, serve } from "./serve.ts";
import { isoTime } from "./shown.ts";

export function rccRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  serve(router, createRcc, async ({ params: { mesh, cluster }, body }, { who }) => {
    const request = readRcc(body);
    const changed = valueOf(await ports.mesh(mesh, who).applyRcc(cluster, request, "create"));
    return created({ rcc: showRcc(changed.rcc), propagated: changed.propagated });
  });
  serve(router, applyRcc, async ({ params: { mesh, cluster, rcc }, query, body }, { who }) => {
    const request = readRcc(body);
    if (request.name !== rcc)
      badRequest([{ field: "metadata.name", rule: `must be ${rcc}, the name in the path` }], 422);
    const applied = ports.mesh(mesh, who).applyRcc(cluster, request, "apply", query.managedBy);
    const changed = valueOf(await applied);
    const answer = { rcc: showRcc(changed.rcc), propagated: changed.propagated };
    return changed.isNew ? created(answer) : ok(answer);
  });
  serve(router, listRccs, async ({ params: { mesh, cluster } }) => {
    const rccs = valueOf(await ports.mesh(mesh).listRccs(cluster));
    return ok({ items: rccs.map(showRcc) });
  });
  serve(router, listAllRccs, async ({ params }) => {
    const rccs = valueOf(await ports.mesh(params.mesh).listAllRccs());
    return ok({
      items: rccs.map(({ cluster, rcc }) => ({ cluster: { ...cluster }, ...showRcc(rcc) })),
    });
  });
  serve(router, getRcc, async ({ params: { mesh, cluster, rcc } }) =>
    ok(showRcc(valueOf(await ports.mesh(mesh).getRcc(cluster, rcc)))),
  );
  serve(router, deleteRcc, async ({ params: { mesh, cluster, rcc }, query }, { who }) => {
    const deleted = await ports.mesh(mesh, who).deleteRcc(cluster, rcc, query.managedBy);
    const { propagated } = valueOf(deleted);
    return ok({ propagated });
  });
  return router;
}

export function readRcc(document: RccDocument): RccRequest {
  const parsed = parseRcc(document);
  return parsed.ok
    ? parsed.rcc
    : badRequest(parsed.problems, parsed.kind === "malformed" ? 400 : 422);
}

export function showRcc(rcc: Rcc): RccView {
  const { row, remote, state } = rcc;
  return {
    apiVersion: "projectcalico.org/v3",
    kind: "RemoteClusterConfiguration",
    metadata: {
      name: row.name,
      creationTimestamp: isoTime(row.createdMs),
      annotations: { ...row.annotations },
    },
    spec: { ...row.spec },
    status: {
      managedBy: managedBy(row),
      vetoed: rcc.remote !== null && rcc.isVetoed,
      remote: remote === null ? null : { ...remote },
      state,
      notServed: notServed(row.spec).map((what) => ({ ...what })),
    },
  };
}
