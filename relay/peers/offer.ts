/** A relay's offer to the cluster's others: its facts, its view files, and to be followed. */
import type { AccessFacts } from "../../shared/visibility/facts.ts";
import type { Feed } from "../feed/feed.ts";
import type { FeedPipe, FeedPipeHandlers } from "../feed/frames.ts";
import type { Remotes } from "../view/remotes.ts";
import type { ViewOnDisk } from "../view/views-folder.ts";

export interface Offer {
  facts(): AccessFacts | null;
  /** Of all remotes that the cluster may see. */
  views(): readonly ViewOnDisk[];
  /** Of one; `null` when the cluster may not see it (any more). */
  view(rcc: string): ViewOnDisk | null;
  /** A relay wants to follow this one; `null`: this one feeds nobody. */
  follow(name: string, pipe: FeedPipe): FeedPipeHandlers | null;
}

export function offerOf(
  remotes: Remotes,
  feed: Feed | null,
  facts: () => AccessFacts | null,
): Offer {
  return {
    facts,
    views: () => remotes.files(),
    view: (rcc) => remotes.file(rcc),
    follow: (name, pipe) => feed?.accept(name, pipe) ?? null,
  };
}
