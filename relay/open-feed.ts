/** A relay's part among the relays of its cluster. [FEE1] */
import type { KeptAccess } from "./access/kept-access.ts";
import { Feed } from "./feed/feed.ts";
import { HOME } from "./feed/feeder.ts";
import type { FeedNet } from "./feed/frames.ts";
import type { RelayIdentity } from "./hub-session.ts";
import type { HeadQuestion } from "./hub/head-questions.ts";
import type { RelayPorts } from "./hub/relay-ports.ts";
import type { Logger } from "./lib/log.ts";
import type { Remotes } from "./view/remotes.ts";

export function openFeed(
  net: FeedNet,
  relay: {
    readonly credentials: RelayIdentity;
    readonly remotes: Remotes;
    askHeads(): HeadQuestion | null;
  },
  access: KeptAccess,
  ports: RelayPorts,
  log: Logger,
  onReports: () => void,
): Feed {
  return new Feed(net, ports, log, {
    clusterUid: () => relay.credentials.membership?.cluster.uid ?? null,
    accessVersion: () => access.facts?.accessVersion ?? 0,
    view: (uid) => relay.remotes.viewOf(uid),
    ask: (target) => {
      if (target === HOME) return relay.askHeads();
      for (const { view, feed } of relay.remotes.granted())
        if (view.header.originUid === target) return feed?.askHeads?.() ?? null;
      return null;
    },
    onReports,
  });
}
