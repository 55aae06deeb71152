/**
 * A Felix has come from another relay of the cluster: the barrier that this one's in-sync waits for
 * is taken note of as it is passed, with where both relays were. [TYP25]
 */
import { Barrier } from "../../relay/view/barrier.ts";
import type { Relay } from "../../relay/relay.ts";
import type { FelixMove, History } from "./history.ts";
import type { World } from "./world.ts";

/** As the splice looks when something has come. */
const LOOK_MS = 2;
/** Then in-sync is said anyway. */
const SETTLE_MS = 1_000;

interface Taken {
  readonly world: World;
  readonly history: History;
  readonly relay: Relay;
  /** Of the relay that the Felix comes to, as it is then. */
  readonly where: () => Pick<FelixMove, "has" | "hasVersion"> | null;
}

/** Looks until the barrier is passed, or the relay is gone, or in-sync waits for it no longer. */
export function passBarrier(
  { world, history, relay, where }: Taken,
  move: Omit<FelixMove, "has" | "hasVersion" | "sinceMs">,
): void {
  const barrier = new Barrier(relay.remotes, () => relay.askHeads());
  const sinceMs = world.now;
  const look = (): void => {
    const now = where();
    if (now === null || world.now - sinceMs >= SETTLE_MS) return;
    if (barrier.look()) history.add({ what: "moved", ...move, ...now, sinceMs });
    else world.after(LOOK_MS, look);
  };
  look();
}
