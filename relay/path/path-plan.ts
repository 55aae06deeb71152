/**
 * What this node is to send for a check, and to whom: only to tunnel endpoints that its relay has
 * admitted of the remote and gives its Felix, whatever the hub says. Pure. [OVL12]
 */
import { vtepId } from "../../shared/overlay/route-plan.ts";
import type { Vteps } from "../../shared/overlay/route-plan.ts";
import { FAMILIES } from "../../shared/overlay/vtep.ts";
import type { Family, Vtep } from "../../shared/overlay/vtep.ts";
import type { PathOrder } from "../../shared/overlay/path-check.ts";

/** The other end of a pair of nodes, in one family. */
export interface PathTarget {
  readonly pair: number;
  readonly family: Family;
  readonly own: Vtep;
  readonly remote: Vtep;
}

export interface PathPlan {
  readonly targets: readonly PathTarget[];
  /** Why it takes no part, in words; empty: it does. */
  readonly problem: string;
}

/** This node's own endpoints, and those that were admitted of the remote. */
export interface PathEnds {
  readonly own: readonly Vtep[];
  readonly remote: Vteps;
}

/** @returns `null`: this node is not asked. */
export function pathPlan(order: PathOrder, node: string, ends: PathEnds): PathPlan | null {
  const asked = order.pairs.flatMap(([own, remote], pair) =>
    own === node ? [{ pair, remote }] : [],
  );
  if (asked.length === 0) return null;
  const targets = asked.flatMap(({ pair, remote: name }) =>
    FAMILIES.flatMap((family): PathTarget[] => {
      const own = ends.own.find((vtep) => vtep.family === family);
      const remote = ends.remote.get(vtepId(family, name));
      return own === undefined || remote === undefined ? [] : [{ pair, family, own, remote }];
    }),
  );
  if (ends.own.length === 0)
    return { targets: [], problem: `node ${node} has no tunnel endpoint in its cluster's records` };
  const missing = asked.find(({ pair }) => !targets.some((target) => target.pair === pair));
  return missing === undefined
    ? { targets, problem: "" }
    : {
        targets: [],
        problem: `this relay has admitted no tunnel endpoint of node ${missing.remote}: it sends nothing there`,
      };
}
