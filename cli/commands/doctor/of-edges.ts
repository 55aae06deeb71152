/** Findings about edges: who sees whom, and how well. [CLI92] */
import type { EdgeStatus, MeshStatus } from "../../../shared/api/status.ts";
import { warning } from "./finding.ts";
import type { About, Finding } from "./finding.ts";

export function ofEdge(edge: EdgeStatus, status: MeshStatus): Finding[] {
  const { cluster, origin, rcc } = edge;
  const about: About = [[cluster.name, origin.name], `RCC ${cluster.name}/${rcc}`];
  if (edge.state === "not-granted") {
    const suspended = status.clusters.some(
      (row) => row.suspended && [cluster.uid, origin.uid].includes(row.cluster.uid),
    );
    if (suspended) return [];
    return [
      warning(
        ...about,
        `${origin.name} has no grant for ${cluster.name}, so it shows nothing`,
        `catwalk grant create --cluster ${origin.name} --to ${cluster.name}`,
      ),
    ];
  }
  const found = edge.reasons.map(({ message }) =>
    warning(...about, `${edge.connection}: ${message}`, "catwalk status shows when it is over"),
  );
  if (edge.connection !== "InSync" && edge.reasons.length === 0)
    found.push(
      warning(...about, notInSync(edge, status), `read the log of ${cluster.name}'s relay`),
    );
  const { count, lagging, lowestRevision, names } = edge.relays;
  if (lagging > 0 && count > 1)
    found.push(
      warning(
        ...about,
        `${lagging} of ${count} relays lag, the last at revision ${lowestRevision}: ${names.join(", ")}`,
        "read the logs of these relays",
      ),
    );
  if ((edge.refused ?? 0) > 0)
    found.push(
      warning(
        ...about,
        `the relay of ${cluster.name} refuses ${edge.refused} records`,
        `catwalk relay status --cluster ${cluster.name} says which`,
      ),
    );
  if (edge.conflicts > 0)
    found.push(
      warning(
        ...about,
        `${edge.conflicts} addresses in shared ranges are another cluster's too`,
        "give the clusters ranges of their own",
      ),
    );
  return [...found, ...ofRoutes(edge, about)];
}

function ofRoutes({ cluster, origin, overlay }: EdgeStatus, about: About): Finding[] {
  const found: Finding[] = [];
  if (overlay.state === "NotReady")
    found.push(
      warning(
        ...about,
        `no routes: ${overlay.reason || "not ready"}`,
        `catwalk preflight --cluster ${cluster.name} --to ${origin.name}`,
      ),
    );
  if (overlay.stragglers.length > 0)
    found.push(
      warning(
        ...about,
        `these relays have not followed an order about routes: ${overlay.stragglers.join(", ")}`,
        "restart them",
      ),
    );
  return found;
}

/** By how much the view lags behind the origin's log, where both are known. */
function notInSync({ connection, origin, revision }: EdgeStatus, status: MeshStatus): string {
  const channels = status.clusters.find((row) => row.cluster.uid === origin.uid)?.channels ?? [];
  const head = channels.find(({ channel }) => channel === "identity")?.head;
  return head === undefined || revision === null || revision >= head
    ? `is ${connection}`
    : `is ${connection}: its view is at revision ${revision}, the origin at ${head}`;
}
