/** What Felix is given of remotes for routes, item by item, and when two are the same to it. */
import { vtepId } from "../../shared/overlay/route-plan.ts";
import type { Vteps } from "../../shared/overlay/route-plan.ts";
import type { Vtep } from "../../shared/overlay/vtep.ts";
import type { IPAMBlock, Node } from "../../shared/record/record.ts";

export type RouteItem =
  | {
      readonly kind: "node";
      readonly rcc: string;
      readonly node: Node;
      readonly vteps: readonly Vtep[];
    }
  | {
      readonly kind: "block";
      readonly rcc: string;
      readonly block: IPAMBlock;
      readonly vteps: Vteps;
    };

export interface RouteChange {
  /** What Felix has now; `null`: nothing new. */
  readonly before: RouteItem | null;
  readonly after: RouteItem | null;
}

export function sameVteps(a: Vteps, b: Vteps): boolean {
  if (a.size !== b.size) return false;
  for (const [id, vtep] of a) if (!sameVtep(vtep, b.get(id))) return false;
  return true;
}

function sameVtep(a: Vtep, b: Vtep | undefined): boolean {
  return a.mac === b?.mac && a.address === b.address && a.outer === b.outer;
}

/** Of a block: whether its own nodes have endpoints as they had. */
export function isSameItem(a: RouteItem, b: RouteItem): boolean {
  if (a.kind === "node" && b.kind === "node")
    return (
      a.vteps.length === b.vteps.length &&
      a.vteps.every((vtep, i) => vtep.family === b.vteps[i]?.family && sameVtep(vtep, b.vteps[i]))
    );
  if (a.kind !== "block" || b.kind !== "block" || a.block !== b.block) return false;
  const family = a.block.cidr.includes(":") ? 6 : 4;
  return [a.block.node, ...a.block.borrowed.map(({ node }) => node)].every(
    (node) => a.vteps.has(vtepId(family, node)) === b.vteps.has(vtepId(family, node)),
  );
}

export function losesFamily(before: RouteItem, after: RouteItem): boolean {
  return (
    before.kind === "node" &&
    after.kind === "node" &&
    before.vteps.some(({ family }) => !after.vteps.some((vtep) => vtep.family === family))
  );
}

export function byKind(changes: readonly RouteChange[], first: RouteItem["kind"]): RouteChange[] {
  const rank = ({ before, after }: RouteChange): number =>
    (after ?? before)?.kind === first ? 0 : 1;
  return changes.toSorted((a, b) => rank(a) - rank(b));
}
