/** Path checks: what nodes of two clusters were told to send, and what has come of it. [OVL10] */
import type { OpenAPIHono } from "@hono/zod-openapi";

import { getPathCheck, orderPathCheck } from "../../shared/api/path-checks.ts";
import type { PathCheck } from "../../shared/api/path-checks.ts";
import { pathFindings } from "../../shared/overlay/path-findings.ts";
import type { PathReport } from "../../shared/overlay/path-check.ts";
import type { PathOverview, PathSideOverview } from "../mesh/path-checks.ts";
import type { HubPorts } from "./hub-ports.ts";
import { valueOf } from "./problem.ts";
import { newRouter, ok, serve } from "./serve.ts";

const PAIRS = 3;
/** Of Felix, where its configuration says none. */
const VXLAN_PORT = "4789";

export function pathCheckRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  serve(router, getPathCheck, async ({ params: { mesh, cluster, to } }) => {
    const check = valueOf(await ports.mesh(mesh).pathOf(cluster, to));
    return ok(await shown(ports, mesh, check));
  });
  serve(router, orderPathCheck, async ({ params: { mesh, cluster, to }, body }, { who }) => {
    const { phase, pairs = PAIRS } = body;
    const ordered = await ports.mesh(mesh, who).orderPath(cluster, to, phase, pairs);
    const { propagated, ...check } = valueOf(ordered);
    return ok({ ...(await shown(ports, mesh, check)), propagated });
  });
  return router;
}

async function shown(ports: HubPorts, mesh: string, check: PathOverview): Promise<PathCheck> {
  const { id, phase, pairs, meshId, sides } = check;
  const reportOf = async ({ uid, remote }: PathSideOverview): Promise<PathReport | null> => {
    // An Origin that does not answer is like relays that have said nothing.
    const status = await ports
      .origin({ id: meshId, name: mesh }, uid)
      .status()
      .catch(() => null);
    const path = status?.edges.find(({ origin }) => origin.uid === remote)?.path;
    return path?.id === id ? path : null;
  };
  const reports = await Promise.all([reportOf(sides[0]), reportOf(sides[1])] as const);
  const side = (i: 0 | 1) => ({
    cluster: sides[i].name,
    nodes: sides[i].summary?.nodes ?? [],
    report: reports[i],
    vxlanPort: sides[i].summary?.params["VXLANPort"] ?? VXLAN_PORT,
  });
  const nodes = ([0, 1] as const).flatMap((i) =>
    [...new Set(pairs.map((pair) => pair[i]))].map((node) => {
      const said = reports[i]?.nodes.find((one) => one.node === node);
      return {
        cluster: sides[i].name,
        node,
        phase: said?.phase ?? null,
        problem: said?.problem ?? "",
      };
    }),
  );
  return { id, phase, nodes, findings: pathFindings(id, pairs, [side(0), side(1)]) };
}
