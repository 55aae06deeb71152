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
import { pageOf } from "../../shared/api/page.ts";
import { notServed } from "../../shared/visibility/rcc-connection.ts";
import { parseRcc } from "../../shared/visibility/rcc.ts";
import type { RccDocument, RccRequest } from "../../shared/visibility/rcc.ts";
import { byApi, managedBy } from "../mesh/owner.ts";
import { rccTag } from "../mesh/rccs.ts";
import type { ClusterRcc, Rcc } from "../mesh/rccs.ts";
import type { RehearsalCalls } from "../mesh/rehearsal.ts";
import { askAll } from "./ask-all.ts";
import { conditionsOf } from "./conditions.ts";
import type { SeenEdge } from "./conditions.ts";
import { seenBy } from "./edge-state.ts";
import { effectsOf } from "./effects.ts";
import type { HubPorts } from "./hub-ports.ts";
import { badRequest, valueOf } from "./problem.ts";
import { created, newRouter, ok, serve } from "./serve.ts";
import { isoTime } from "./shown.ts";

export function rccRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  serve(router, createRcc, async ({ params, body, query: { dryRun } }, { who, isOwner }) => {
    const { mesh, cluster } = params;
    const request = readRcc(body);
    if (dryRun === true) return ok(await tried(ports, mesh, isOwner, cluster, request, "create"));
    const changed = valueOf(await ports.mesh(mesh, who).applyRcc(cluster, request, "create"));
    const answer = { rcc: showRcc(changed.rcc), propagated: changed.propagated };
    return created(answer, rccTag(changed.rcc));
  });
  serve(router, applyRcc, async ({ params, body, query }, { who, ifMatch, isOwner }) => {
    const { mesh, cluster, rcc } = params;
    const request = readRcc(body);
    if (request.name !== rcc)
      badRequest([{ field: "metadata.name", rule: `must be ${rcc}, the name in the path` }], 422);
    const change = [cluster, request, "apply", byApi(query.managedBy), ifMatch] as const;
    if (query.dryRun === true) return ok(await tried(ports, mesh, isOwner, ...change));
    const changed = valueOf(await ports.mesh(mesh, who).applyRcc(...change));
    const answer = { rcc: showRcc(changed.rcc), propagated: changed.propagated };
    const tag = rccTag(changed.rcc);
    return changed.isNew ? created(answer, tag) : ok(answer, tag);
  });
  serve(router, listRccs, async ({ params: { mesh, cluster }, query }) => {
    const rccs = valueOf(await ports.mesh(mesh).listRccs(cluster));
    const { items, next } = pageOf(rccs, ({ row }) => row.name, query);
    return ok({ items: items.map((rcc) => showRcc(rcc)), next });
  });
  serve(router, listAllRccs, async ({ params, query }) => {
    const rccs = valueOf(await ports.mesh(params.mesh).listAllRccs(query));
    const { items, next } = pageOf(rccs, idOf, query);
    const shown = items.map(({ cluster, rcc }) => ({ cluster: { ...cluster }, ...showRcc(rcc) }));
    return ok({ items: shown, next });
  });
  serve(router, getRcc, async ({ params: { mesh, cluster, rcc } }) => {
    const found = valueOf(await ports.mesh(mesh).getRcc(cluster, rcc));
    return ok(showRcc(found, await askEdge(ports, mesh, cluster, found)), rccTag(found));
  });
  serve(router, deleteRcc, async ({ params, query }, { who, ifMatch, isOwner }) => {
    const { mesh, cluster, rcc } = params;
    const change = [cluster, rcc, byApi(query.managedBy), ifMatch] as const;
    if (query.dryRun === true) {
      const rehearsal = valueOf(await ports.rehearsal(mesh).deleteRcc(...change));
      return ok({ propagated: false, effects: await effectsOf(ports, mesh, rehearsal, isOwner) });
    }
    const { propagated } = valueOf(await ports.mesh(mesh, who).deleteRcc(...change));
    return ok({ propagated });
  });
  return router;
}

function idOf({ cluster, rcc }: ClusterRcc): string {
  return `${cluster.name}/${rcc.row.name}`;
}

/** What it would be, and would show. */
async function tried(
  ports: HubPorts,
  mesh: string,
  isOwner: boolean,
  ...change: Parameters<RehearsalCalls["applyRcc"]>
) {
  const rehearsal = valueOf(await ports.rehearsal(mesh).applyRcc(...change));
  const effects = await effectsOf(ports, mesh, rehearsal, isOwner);
  return { rcc: showRcc(rehearsal.value.rcc), propagated: false, effects };
}

export function readRcc(document: RccDocument): RccRequest {
  const parsed = parseRcc(document);
  return parsed.ok
    ? parsed.rcc
    : badRequest(parsed.problems, parsed.kind === "malformed" ? 400 : 422);
}

/** What the Origins of both clusters say; `null` for an RCC that names no member. */
async function askEdge(
  ports: HubPorts,
  name: string,
  cluster: string,
  rcc: Rcc,
): Promise<SeenEdge | null> {
  if (rcc.remote === null) return null;
  const mesh = ports.mesh(name);
  const row = valueOf(await mesh.getMesh());
  const both = [
    valueOf(await mesh.getCluster(cluster)),
    valueOf(await mesh.getCluster(rcc.remote.name)),
  ];
  const answers = await askAll(both, ({ uid }) => ports.origin(row, uid).status());
  const [reader = null, origin = null] = answers.map((answer) =>
    answer.kind === "value" ? answer.value : null,
  );
  const { report, connection, reasons } = seenBy(rcc, reader, origin, ports.clock.now());
  return {
    edge: {
      connection,
      reasons: [...reasons],
      reportedStatus: report?.connectionStatus ?? null,
    },
    healthMs: Math.max(...both.map(({ health }) => health.sinceMs)),
  };
}

/** @param seen `null`: the Origins were not asked. */
export function showRcc(rcc: Rcc, seen: SeenEdge | null = null): RccView {
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
      conditions: rcc.remote === null ? [] : conditionsOf(rcc.edge, seen),
    },
  };
}
