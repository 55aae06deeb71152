/** What a relay reports of its connection to a remote. */
import type { EdgeReport } from "../../shared/visibility/facts.ts";
import type { Feed } from "./feed.ts";
import type { RemoteView } from "./remote-view.ts";

type View = Pick<RemoteView, "excess" | "isLoaded" | "isInSync">;

/** Calico's values, see `EdgeReport`. [VIE7] */
export function connectionStatusOf(
  isGranted: boolean,
  feed: Feed | null,
  view: View,
): EdgeReport["connectionStatus"] {
  if (!isGranted || feed?.isRefused === true) return 5;
  if (feed === null && view.excess !== null) return view.isLoaded ? 3 : 1;
  if (feed === null || !feed.isOpen) return 0;
  if (!view.isLoaded) return 1;
  return view.isInSync && feed.isTold ? 2 : 3;
}
