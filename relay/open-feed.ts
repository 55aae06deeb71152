/** A relay's part among the relays of its cluster. [FEE1] */
import type { KeptAccess } from "./access/kept-access.ts";
import { Feed } from "./feed/feed.ts";
import type { FeedNet } from "./feed/frames.ts";
import type { RelayIdentity } from "./hub-session.ts";
import type { RelayPorts } from "./hub/relay-ports.ts";
import type { Logger } from "./lib/log.ts";
import type { Remotes } from "./view/remotes.ts";

export function openFeed(
  net: FeedNet,
  relay: { readonly credentials: RelayIdentity; readonly remotes: Remotes },
  access: KeptAccess,
  ports: RelayPorts,
  log: Logger,
  onReports: () => void,
): Feed {
  return new Feed(net, ports, log, {
    clusterUid: () => relay.credentials.membership?.cluster.uid ?? null,
    accessVersion: () => access.facts?.accessVersion ?? 0,
    view: (uid) => relay.remotes.viewOf(uid),
    onReports,
  });
}
