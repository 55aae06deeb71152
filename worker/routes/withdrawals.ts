/** What a cluster's relay holds back, and what an operator decides about it. [PUB20] */
import type { OpenAPIHono } from "@hono/zod-openapi";

import { decideWithdrawals, listWithdrawals } from "../../shared/api/withdrawals.ts";
import type { HeldWithdrawal } from "../../shared/visibility/withdrawal-order.ts";
import type { HubPorts } from "./hub-ports.ts";
import { valueOf } from "./problem.ts";
import { newRouter, ok, serve } from "./serve.ts";
import { isoTime } from "./shown.ts";

export function withdrawalRoutes(ports: HubPorts): OpenAPIHono {
  const router = newRouter();
  serve(router, listWithdrawals, async ({ params: { mesh, cluster } }) => {
    const held = await heldBy(ports, mesh, cluster);
    return ok({
      items: held.map(({ collection, keys, sinceMs, untilMs }) => ({
        collection,
        keys,
        since: isoTime(sinceMs),
        until: untilMs === null ? null : isoTime(untilMs),
      })),
    });
  });
  serve(router, decideWithdrawals, async ({ params: { mesh, cluster }, body }, { who }) => {
    const held = await heldBy(ports, mesh, cluster);
    const { decision, collection = null } = body;
    const decided = await ports
      .mesh(mesh, who)
      .decideWithdrawals(cluster, decision, held, collection);
    const { keys, propagated } = valueOf(decided);
    return ok({ keys, propagated });
  });
  return router;
}

/** As the publishing relay has reported it. */
async function heldBy(
  ports: HubPorts,
  name: string,
  cluster: string,
): Promise<readonly HeldWithdrawal[]> {
  const mesh = ports.mesh(name);
  const row = valueOf(await mesh.getMesh());
  const { uid } = valueOf(await mesh.getCluster(cluster));
  const { report } = await ports.origin(row, uid).status();
  return report?.withdrawals ?? [];
}
