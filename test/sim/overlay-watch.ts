/** What a relay of a run tells its Felix for routes, and the hub of them, as its history has it. */
import { z } from "zod";

import { hasVxlan } from "../../relay/felix/pool-mode.ts";
import type { LocalPool } from "../../relay/felix/pool-mode.ts";
import type { RouteItem } from "../../relay/view/route-items.ts";
import type { Remotes } from "../../relay/view/remotes.ts";
import { poolFeed } from "../../relay/typha/splice/remote-feed.ts";
import type { Report } from "../../shared/protocol/messages.ts";
import type { History } from "./history.ts";
import type { Place } from "./place.ts";

interface Who {
  readonly relay: string;
  readonly uid: string;
}

export function watchRoutes(remotes: Remotes, place: Place, history: History, who: Who): void {
  remotes.routes.subscribe((changes) => {
    const told = changes.flatMap(({ before, after }) => {
      const item = after ?? before;
      if (item === null) return [];
      const op = after === null ? ("delete" as const) : ("put" as const);
      return [{ rcc: item.rcc, kind: item.kind, op, name: nameOf(item) }];
    });
    if (told.length > 0) history.add({ what: "routes", ...who, changes: told });
  });
  const feed = poolFeed(remotes);
  feed.subscribe(() => {
    const local = localPools(place);
    const modes = new Map(
      [...feed.delivered].map((cidr) => {
        const isVxlan = feed.isRouted(cidr) && hasVxlan(cidr, local);
        return [cidr, isVxlan ? ("vxlan" as const) : ("none" as const)];
      }),
    );
    const own = local.some(({ isVxlan }) => isVxlan);
    history.add({ what: "pools", ...who, modes, hasVxlan: own });
  });
}

function nameOf(item: RouteItem): string {
  return item.kind === "node" ? item.node.name : item.block.cidr;
}

function localPools({ held }: Place): LocalPool[] {
  return [...held.values()].flatMap(({ record }) =>
    record.kind === "IPPool"
      ? [
          {
            isIPv6: record.cidr.includes(":"),
            isVxlan: record.vxlanMode !== "",
            isIpip: record.ipipMode !== "",
          },
        ]
      : [],
  );
}

const edgesSchema = z.array(
  z.object({ rcc: z.string(), overlay: z.object({ step: z.number() }).optional() }),
);

export interface Obeyed {
  readonly rcc: string;
  readonly step: number;
}

/** What a relay says that it has obeyed. */
export function obeyedIn({ edges }: Report): Obeyed[] {
  return edgesSchema
    .parse(JSON.parse(edges))
    .flatMap(({ rcc, overlay }) => (overlay === undefined ? [] : [{ rcc, step: overlay.step }]));
}
