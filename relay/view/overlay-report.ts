/** How far a remote's routes are: what the hub is told of it, and whether Felix may be in sync. */
import { WITHHELD_EPOCH } from "../../shared/log/cursor.ts";
import type { Unrouted } from "../../shared/overlay/route-plan.ts";
import type { EdgeReport, Remote } from "../../shared/visibility/facts.ts";
import type { RemoteView } from "./remote-view.ts";

/** What Felix has of a remote for routes. */
export interface RoutesReport {
  readonly vteps: number;
  readonly routes: number;
  readonly unrouted: readonly Unrouted[];
}

type View = Pick<RemoteView, "health">;

/** An order is obeyed when what it is about has come; to leave, nothing has to. [OVL7] */
export function overlayReport(
  { overlay }: Remote,
  view: View,
  { vteps, routes, unrouted }: RoutesReport,
): Pick<EdgeReport, "overlay"> {
  // fault: obeyed-before-it-came
  if (overlay === undefined || (overlay.phase !== "leave" && !hasRoutes(view))) return {};
  return { overlay: { step: overlay.step, vteps, routes, withheld: unrouted.length } };
}

/** Whether nodes and blocks of the remote are here, and not the nothing that was before. */
function hasRoutes(view: View): boolean {
  const { isInSync, cursor } = view.health("routing");
  return isInSync && cursor?.epoch !== WITHHELD_EPOCH;
}

/** Felix would delete the routes that it has from before. [TYP45] */
export function lacksRoutes({ overlay }: Remote, view: View): boolean {
  if (overlay === undefined || overlay.phase === "leave") return false;
  return view.health("routing").cursor?.epoch === WITHHELD_EPOCH;
}
