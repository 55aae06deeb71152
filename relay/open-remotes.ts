/** The remotes of a relay, by its configuration; nothing is known of its own addresses yet. */
import type { RelayConfig } from "./config/relay-config.ts";
import { socketUrl } from "./hub-session.ts";
import { boundsOf } from "./view/bounds.ts";
import { Remotes } from "./view/remotes.ts";
import type { RemotesOptions } from "./view/remotes.ts";
import { OwnAddresses } from "./view/served.ts";

type Given = Omit<RemotesOptions, "stateDir" | "watchUrl" | "bounds">;

export function remotesOf(config: RelayConfig, given: Given): Remotes {
  const options = {
    ...given,
    stateDir: config.state,
    // Only a member, which has a hub, watches.
    watchUrl: (uid: string) => socketUrl(config.hub ?? "", `/v1/connect/watch/${uid}`),
    bounds: boundsOf(config),
  };
  return new Remotes(options, new OwnAddresses({ pods: [], nodes: [] }, []));
}
