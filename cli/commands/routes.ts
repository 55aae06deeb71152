/**
 * `catwalk routes`: a cluster's routes to others as they are, or would be: destination → next hop,
 * computed of the origin's admitted records by the module that relays use. [OVL9]
 */
import { getStatus } from "../../shared/api/status.ts";
import type { EdgeStatus } from "../../shared/api/status.ts";
import { routePlan } from "../../shared/overlay/route-plan.ts";
import type { PlannedRoute } from "../../shared/overlay/route-plan.ts";
import type { Client } from "../admin/client.ts";
import type { ServerFlags } from "../admin/config.ts";
import { print, say } from "../admin/terminal.ts";
import { clientOf, withExample, withOutput, withServer } from "./command.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import { readHubView } from "./hub-view.ts";
import { requireKnownOrigin } from "./origin-choice.ts";
import { renderList } from "./output.ts";
import type { ListShape } from "./output.ts";

type Flags = ServerFlags & OutputFlags & { readonly cluster: string; readonly origin?: string };

/** A route of a cluster to an origin. */
export interface ShownRoute extends PlannedRoute {
  readonly origin: string;
  readonly state: EdgeStatus["overlay"]["state"];
}

const ROUTES: ListShape<ShownRoute> = {
  columns: [
    { title: "ORIGIN", of: ({ origin }) => origin },
    { title: "DESTINATION", of: ({ destination }) => destination },
    { title: "VIA", of: ({ via }) => via },
    { title: "MAC", of: ({ mac }) => mac },
    { title: "NODE", of: ({ outer }) => outer },
    { title: "NAME", of: ({ node }) => node, wide: true },
    { title: "OF", of: ({ kind }) => kind, wide: true },
    { title: "STATE", of: ({ state }) => state, wide: true },
  ],
  name: ({ destination }) => destination,
  empty: "no routes",
};

/** The plan of one origin, and what nothing comes of. */
export async function plannedRoutes(
  client: Client,
  origin: string,
): Promise<ReturnType<typeof routePlan>> {
  const { records } = await readHubView(client, { cluster: origin, origin });
  return routePlan(records.map(({ record }) => record));
}

export const registerRoutes: RegisterCommand = (program) => {
  withExample(
    withOutput(
      withServer(
        program.command("routes").description("a cluster's routes to pods of others, as planned"),
      ),
    )
      .requiredOption("--cluster <name>", "whose routes")
      .option("--origin <name>", "only to this RCC or remote"),
    "catwalk routes --cluster app --origin db",
  ).action(async ({ cluster, origin, ...flags }: Flags) => {
    const client = clientOf(flags);
    const status = await client.call(getStatus, { params: { mesh: client.mesh } });
    if (origin !== undefined) requireKnownOrigin(status, cluster, origin);
    const edges = status.edges.filter(
      (edge) =>
        edge.cluster.name === cluster &&
        (origin === undefined || edge.rcc === origin || edge.origin.name === origin),
    );
    const shown: ShownRoute[] = [];
    for (const edge of edges) {
      const { routes, unrouted } = await plannedRoutes(client, edge.origin.name);
      for (const { reason } of unrouted) say(`${edge.rcc}: ${reason}`);
      say(stateOf(edge, routes.length));
      shown.push(
        ...routes.map((route) => ({ ...route, origin: edge.rcc, state: edge.overlay.state })),
      );
    }
    print(renderList(shown, ROUTES, flags.output));
  });
};

/** Whether Felix has them. */
function stateOf({ rcc, overlay }: EdgeStatus, planned: number): string {
  const { state, reason, routes, vteps } = overlay;
  if (state !== "Ready") return `${rcc}: ${state}${reason === "" ? "" : `: ${reason}`}`;
  const has = `${routes ?? 0} of ${planned} routes and ${vteps ?? 0} nodes`;
  return `${rcc}: Ready: the relay that reports last gives Felix ${has}`;
}
