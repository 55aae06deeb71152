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
import { jurisdictionOf } from "../../shared/lib/mesh-name.ts";
import type { Jurisdiction } from "../../shared/lib/mesh-name.ts";
import { MESH_LIMITS } from "../mesh/registry.ts";
import type { HubPorts } from "./hub-ports.ts";
import { HttpProblem, valueOf } from "./problem.ts";
import { created, newRouter, ok, serve } from "./serve.ts";
import { isoTime } from "./shown.ts";

export function meshRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  serve(router, createMesh, async ({ body: { name, jurisdiction } }, { who }) => {
    requirePlace(ports, name, jurisdiction);
    const meshes = await ports.directory().listMeshes();
    if (meshes.length >= MESH_LIMITS.meshes && !meshes.some((mesh) => mesh.name === name))
      throw new HttpProblem(422, "too-many", `a hub has at most ${MESH_LIMITS.meshes} meshes`);
    const outcome = await ports.mesh(name, who).createMesh(name);
    // Noted also when the mesh was there before: an earlier create may have ended between the two.
    const row = outcome.ok ? outcome : await ports.mesh(name).getMesh();
    if (row.ok) await ports.directory().noteMesh(name, row.value.id, row.value.createdMs);
    return created(showMesh(ports, valueOf(outcome)));
  });
  serve(router, listMeshes, async () =>
    ok({ items: (await ports.directory().listMeshes()).map((row) => showMesh(ports, row)) }),
  );
  serve(router, getMesh, async ({ params }) =>
    ok(showMesh(ports, valueOf(await ports.mesh(params.mesh).getMesh()))),
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

/** @throws HttpProblem for a mesh that would not be where it is to be. [DEP12] [DEP13] */
function requirePlace(ports: HubPorts, name: string, asked: Jurisdiction | undefined): void {
  const field = asked === undefined ? "name" : "jurisdiction";
  const refuse = (rule: string): never => {
    throw new HttpProblem(422, "no-such-place", `${field}: ${rule}`, [{ field, rule }]);
  };
  if (asked !== undefined && asked !== jurisdictionOf(name))
    refuse(
      `is part of the name and never changes: a mesh in ${asked} has a name that ends in .${asked}`,
    );
  const { problem } = ports.place(name);
  if (problem !== null) refuse(problem);
}

function showMesh(
  ports: HubPorts,
  {
    name,
    id,
    createdMs,
  }: { readonly name: string; readonly id: string; readonly createdMs: number },
): MeshView {
  const { jurisdiction } = ports.place(name);
  const shown = { name, id, createdAt: isoTime(createdMs) };
  return jurisdiction === null ? shown : { ...shown, jurisdiction };
}
