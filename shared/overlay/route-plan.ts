/**
 * What an origin's admitted records become in another cluster's routing table: destination → next
 * hop. The hub's command line shows it, the relay builds Felix's key/values from it. [OVL4]
 */
import { parseIp, formatIp } from "../ip/address.ts";
import { parseCidr } from "../ip/cidr.ts";
import type { Cidr } from "../ip/cidr.ts";
import { RangeSet } from "../ip/range-set.ts";
import type { CalicoRecord, IPAMBlock, Node } from "../record/record.ts";
import { FAMILIES, vtepOf } from "./vtep.ts";
import type { Family, Vtep } from "./vtep.ts";

export interface PlannedRoute {
  /** Canonical CIDR: a block, or an address of one that another node uses. */
  readonly destination: string;
  readonly node: string;
  /** Next hop: the node's tunnel address. */
  readonly via: string;
  readonly mac: string;
  /** Where encapsulated packets are sent. */
  readonly outer: string;
  readonly kind: "block" | "borrowed";
}

/** A record of which no route comes, and why. */
export interface Unrouted {
  readonly what: string;
  readonly reason: string;
}

export interface RoutePlan {
  readonly routes: readonly PlannedRoute[];
  readonly unrouted: readonly Unrouted[];
}

/** @param records An origin's; those of other channels are left aside. */
export function routePlan(records: Iterable<CalicoRecord>): RoutePlan {
  const nodes: Node[] = [];
  const blocks: IPAMBlock[] = [];
  const pools: string[] = [];
  for (const record of records)
    if (record.kind === "Node") nodes.push(record);
    else if (record.kind === "IPAMBlock") blocks.push(record);
    else if (record.kind === "IPPool" && isForPods(record.allowedUses)) pools.push(record.cidr);
  const inPools = new RangeSet(pools);
  const { vteps, unrouted } = acceptVteps(nodes, inPools, new Map());
  const routes: PlannedRoute[] = [];
  for (const block of blocks.toSorted((a, b) => compare(a.cidr, b.cidr)))
    for (const planned of routesOf(block, vteps, inPools))
      if ("reason" in planned) unrouted.push(planned);
      else routes.push(planned);
  return { routes, unrouted };
}

/** Felix takes a pool that is for load balancers only for no pool. */
export function isForPods(allowedUses: readonly string[]): boolean {
  return allowedUses.length === 0 || allowedUses.some((use) => use !== "LoadBalancer");
}

/** Tunnel endpoints by family and node, see `vtepId`. */
export type Vteps = ReadonlyMap<string, Vtep>;

export function vtepId(family: Family, node: string): string {
  return `${family} ${node}`;
}

/**
 * The endpoints of an origin's nodes that may stand beside those that there are.
 * @param taken MAC or tunnel address → who has it; what is accepted is added.
 */
export function acceptVteps(
  nodes: Iterable<Node>,
  pools: RangeSet,
  taken: Map<string, string>,
): { readonly vteps: Vteps; readonly unrouted: Unrouted[] } {
  const vteps = new Map<string, Vtep>();
  const unrouted: Unrouted[] = [];
  for (const node of [...nodes].toSorted((a, b) => compare(a.name, b.name)))
    for (const family of FAMILIES) {
      const vtep = vtepOf(node, family);
      if (vtep === null) continue;
      const reason = "reason" in vtep ? vtep.reason : refusalOf(vtep, pools, taken);
      if (reason !== null) unrouted.push({ what: `node ${node.name}`, reason });
      else if (!("reason" in vtep)) {
        for (const id of [vtep.mac, vtep.address]) taken.set(id, `node ${node.name}`);
        vteps.set(vtepId(family, node.name), vtep);
      }
    }
  return { vteps, unrouted };
}

/** A tunnel address outside of every pool has no way back; MACs and addresses name one node. */
function refusalOf(
  { node, mac, address }: Vtep,
  pools: RangeSet,
  taken: ReadonlyMap<string, string>,
): string | null {
  const parsed = parseIp(address);
  if (parsed === null || !pools.has(parsed))
    return `node ${node}: its tunnel address ${address} is in no pool of its cluster`;
  for (const id of [mac, address]) {
    const other = taken.get(id);
    if (other !== undefined) return `node ${node}: ${id} is that of ${other} already`;
  }
  return null;
}

/** The routes of one block. */
export function* routesOf(
  block: IPAMBlock,
  vteps: Vteps,
  pools: RangeSet,
): Generator<PlannedRoute | Unrouted> {
  const what = `block ${block.cidr}`;
  const cidr = parseCidr(block.cidr);
  if (cidr === null || !pools.contains(cidr)) {
    yield { what, reason: `block ${block.cidr} is in no pool of its cluster` };
    return;
  }
  const family: Family = cidr.address.length === 4 ? 4 : 6;
  const hop = (node: string, destination: string, kind: PlannedRoute["kind"]) => {
    const vtep = vteps.get(vtepId(family, node));
    return vtep === undefined
      ? { what, reason: `${destination}: node ${node} has no IPv${family} tunnel endpoint` }
      : { destination, node, via: vtep.address, mac: vtep.mac, outer: vtep.outer, kind };
  };
  if (block.node !== "") yield hop(block.node, block.cidr, "block");
  for (const { ordinal, node } of block.borrowed) {
    const address = addressAt(cidr, ordinal);
    if (address === null || node === block.node) continue;
    yield hop(node, `${address}/${family === 4 ? 32 : 128}`, "borrowed");
  }
}

/** The address at an ordinal of a block; `null`: the block has no such. */
export function addressAt({ address, length }: Cidr, ordinal: number): string | null {
  const bits = address.length * 8 - length;
  if (bits < 31 && ordinal >= 2 ** bits) return null;
  const bytes = Uint8Array.from(address);
  let rest = ordinal;
  for (let i = bytes.length - 1; i >= 0 && rest > 0; i--) {
    const sum = (bytes[i] ?? 0) + (rest & 0xff);
    bytes[i] = sum & 0xff;
    rest = Math.floor(rest / 256) + (sum > 0xff ? 1 : 0);
  }
  return formatIp(bytes);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
