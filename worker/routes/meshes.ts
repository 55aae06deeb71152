/** The hub's meshes: create, list, get, delete, confirm a restore, audit. */
import type { OpenAPIHono } from "@hono/zod-openapi";

import {
  confirmRestore,
  createMesh,
  deleteMesh,
  getMesh,
  listAudit,
  listMeshes,
} from "../../shared/api/meshes.ts";
import type { MeshView } from "../../shared/api/meshes.ts";
import { MESH_LIMITS } from "../mesh/registry.ts";
import type { HubPorts } from "./hub-ports.ts";
import { HttpProblem, valueOf } from "./problem.ts";
import { created, newRouter, ok, serve } from "./serve.ts";
import { isoTime } from "./shown.ts";

export function meshRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  serve(router, createMesh, async ({ body: { name } }, { who }) => {
    const meshes = await ports.directory().listMeshes();
    if (meshes.length >= MESH_LIMITS.meshes && !meshes.some((mesh) => mesh.name === name))
      throw new HttpProblem(422, "too-many", `a hub has at most ${MESH_LIMITS.meshes} meshes`);
    const outcome = await ports.mesh(name, who).createMesh(name);
    // Noted also when the mesh was there before: an earlier create may have ended between the two.
    const row = outcome.ok ? outcome : await ports.mesh(name).getMesh();
    if (row.ok) await ports.directory().noteMesh(name, row.value.id, row.value.createdMs);
    return created(showMesh(valueOf(outcome)));
  });
  serve(router, listMeshes, async () =>
    ok({ items: (await ports.directory().listMeshes()).map(showMesh) }),
  );
  serve(router, getMesh, async ({ params }) =>
    ok(showMesh(valueOf(await ports.mesh(params.mesh).getMesh()))),
  );
  serve(router, deleteMesh, async ({ params: { mesh } }, { who }) => {
    const outcome = await ports.mesh(mesh, who).deleteMesh();
    // Forgotten also when it was gone before: an earlier delete may have ended between the two.
    if (outcome.ok || outcome.refusal.status === 404) await ports.directory().forgetMesh(mesh);
    return ok({ propagated: valueOf(outcome).propagated });
  });
  serve(router, confirmRestore, async ({ params }, { who }) => {
    const { propagated } = valueOf(await ports.mesh(params.mesh, who).confirmRestore());
    return ok({ propagated });
  });
  serve(router, listAudit, async ({ params, query }) => {
    const rows = valueOf(await ports.mesh(params.mesh).audit(query.limit));
    return ok({ items: rows.map(({ atMs, ...row }) => ({ at: isoTime(atMs), ...row })) });
  });
  return router;
}

function showMesh(mesh: {
  readonly name: string;
  readonly id: string;
  readonly createdMs: number;
}): MeshView {
  return { name: mesh.name, id: mesh.id, createdAt: isoTime(mesh.createdMs) };
}
