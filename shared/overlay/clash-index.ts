/**
 * What two clusters of a mesh both have and must not: node names, tunnel MACs, addresses. Kept up
 * to date node by node, so that a change in one of hundreds of clusters costs what has changed.
 * [OVL2]
 */
import { parseIp } from "../ip/address.ts";
import { formatCidr, maskAddress, parseCidr } from "../ip/cidr.ts";
import type { Cidr } from "../ip/cidr.ts";
import { RangeSet } from "../ip/range-set.ts";
import type { OverlaySummary } from "./summary.ts";

export interface Clashes {
  /** Names of nodes that both have. */
  readonly names: readonly string[];
  readonly macs: readonly string[];
  /** In words: which range meets which. */
  readonly ranges: readonly string[];
}

/** Few are named: one is enough to say no. */
const MOST_NAMED = 8;
/** Networks that nodes are counted by, per family. */
const NODE_NETWORK = { 4: 24, 16: 64 } as const;

interface Cluster {
  readonly summary: OverlaySummary;
  readonly ids: ReadonlySet<string>;
  readonly ranges: readonly Range[];
  readonly all: RangeSet;
  /** Networks with nodes in them, as text, and as ranges. */
  readonly networks: ReadonlyMap<string, Cidr>;
  /** Of its ranges and networks, as text, and a number that stands for it. */
  readonly version: string;
  readonly stamp: number;
}

interface Range {
  readonly what: string;
  readonly cidr: Cidr;
}

export class ClashIndex {
  readonly #clusters = new Map<string, Cluster>();
  /** Who has an id: a cluster, or several. */
  readonly #holders = new Map<string, string | Set<string>>();
  /** Ids that two clusters have, by both. */
  readonly #shared = new Map<string, Set<string>>();
  /** Pairs without a clash of ranges, by the stamps of both. */
  readonly #judged = new Map<string, readonly [number, number]>();
  #stamps = 0;

  summary(id: string): OverlaySummary | null {
    return this.#clusters.get(id)?.summary ?? null;
  }

  /** @param summary `null`: the cluster is gone, or nothing is known of it. */
  set(id: string, summary: OverlaySummary | null): void {
    const before = this.#clusters.get(id);
    const next = summary === null ? null : prepare(summary, before, ++this.#stamps);
    for (const held of before?.ids ?? []) if (next?.ids.has(held) !== true) this.#release(held, id);
    for (const held of next?.ids ?? []) if (before?.ids.has(held) !== true) this.#hold(held, id);
    if (next === null) this.#clusters.delete(id);
    else this.#clusters.set(id, next);
  }

  clashes(a: string, b: string): Clashes {
    const ranges = this.#rangeClashes(a, b);
    const held = this.#shared.get(pairOf(a, b));
    if (held === undefined || held.size === 0) return { names: [], macs: [], ranges };
    const shared = [...held].toSorted();
    const of = (kind: string): string[] =>
      shared
        .filter((id) => id.startsWith(kind))
        .map((id) => id.slice(1))
        .slice(0, MOST_NAMED);
    return { names: of(NAME), macs: of(MAC), ranges };
  }

  #rangeClashes(a: string, b: string): readonly string[] {
    const [one, other] = [this.#clusters.get(a), this.#clusters.get(b)];
    if (one === undefined || other === undefined) return [];
    const key = `${a} ${b}`;
    const known = this.#judged.get(key);
    if (known?.[0] === one.stamp && known[1] === other.stamp) return [];
    const found = rangeClashes(one, other);
    // Which node it is may change without its network.
    if (found.length === 0) this.#judged.set(key, [one.stamp, other.stamp]);
    return found;
  }

  #hold(held: string, id: string): void {
    const holders = this.#holders.get(held);
    if (holders === undefined) {
      this.#holders.set(held, id);
      return;
    }
    const all = typeof holders === "string" ? new Set([holders]) : holders;
    for (const other of all) this.#share(pairOf(id, other)).add(held);
    this.#holders.set(held, all.add(id));
  }

  #release(held: string, id: string): void {
    const holders = this.#holders.get(held);
    if (holders === undefined || typeof holders === "string") {
      this.#holders.delete(held);
      return;
    }
    holders.delete(id);
    for (const other of holders) this.#share(pairOf(id, other)).delete(held);
    if (holders.size === 0) this.#holders.delete(held);
  }

  #share(pair: string): Set<string> {
    const shared = this.#shared.get(pair) ?? new Set();
    this.#shared.set(pair, shared);
    return shared;
  }
}

/** The same for two clusters alone. */
export function clashesOf(a: OverlaySummary, b: OverlaySummary): Clashes {
  const index = new ClashIndex();
  index.set("a", a);
  index.set("b", b);
  return index.clashes("a", "b");
}

const NAME = "n";
const MAC = "m";

function pairOf(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

function prepare(summary: OverlaySummary, before: Cluster | undefined, stamp: number): Cluster {
  const ids = new Set<string>();
  const networks = new Map<string, Cidr>();
  const seen = new Set<string>();
  for (const [name, ip4, , mac4, ip6, , mac6] of summary.nodes) {
    ids.add(NAME + name);
    if (mac4 !== "") ids.add(MAC + mac4);
    if (mac6 !== "") ids.add(MAC + mac6);
    for (const text of [ip4, ip6]) addUnseen(networks, seen, text);
  }
  for (const [, text] of summary.addresses) addUnseen(networks, seen, text);
  const texts = [
    ...summary.pools.map(({ cidr }) => `pool ${cidr}`),
    ...summary.services.map((cidr) => `service range ${cidr}`),
  ];
  const version = [...texts, ...[...networks.keys()].toSorted()].join(" ");
  if (before?.version === version) return { ...before, summary, ids };
  const ranges = texts.flatMap((what): Range[] => {
    const cidr = parseCidr(what.slice(what.lastIndexOf(" ") + 1));
    return cidr === null ? [] : [{ what, cidr }];
  });
  const all = new RangeSet([]);
  for (const { cidr } of ranges) all.add(cidr);
  return { summary, ids, ranges, all, networks, version, stamp };
}

/** Nearly all nodes of a cluster share a few networks. */
function addUnseen(networks: Map<string, Cidr>, seen: Set<string>, text: string): void {
  const start = text.slice(0, text.lastIndexOf("."));
  if (start !== "" && seen.has(start)) return;
  seen.add(start);
  addNetwork(networks, text);
}

function addNetwork(networks: Map<string, Cidr>, text: string): void {
  const address = text === "" ? null : parseIp(text);
  if (address === null) return;
  const length = address.length === 4 ? NODE_NETWORK[4] : NODE_NETWORK[16];
  const network = { address: maskAddress(address, length), length };
  const name = formatCidr(network);
  if (!networks.has(name)) networks.set(name, network);
}

function rangeClashes(a: Cluster, b: Cluster): string[] {
  const found = a.ranges
    .filter(({ cidr }) => b.all.overlaps(cidr))
    .flatMap((one) => {
      const own = new RangeSet([formatCidr(one.cidr)]);
      return b.ranges
        .filter(({ cidr }) => own.overlaps(cidr))
        .map((other) => `${one.what} and ${other.what}`);
    });
  found.push(...nodesIn(a, b), ...nodesIn(b, a), ...sameAddresses(a, b));
  return found.slice(0, MOST_NAMED);
}

/** Nodes of one that lie in ranges of the other. */
function nodesIn({ summary, networks }: Cluster, { ranges, all }: Cluster): string[] {
  if (![...networks.values()].some((network) => all.overlaps(network))) return [];
  return addressesOf(summary).flatMap(([node, text]) => {
    const address = parseIp(text);
    if (address === null || !all.has(address)) return [];
    const range = ranges.find(({ cidr }) => new RangeSet([formatCidr(cidr)]).has(address));
    return range === undefined ? [] : [`node ${node} (${text}) and ${range.what}`];
  });
}

function sameAddresses(a: Cluster, b: Cluster): string[] {
  if (![...a.networks.keys()].some((network) => b.networks.has(network))) return [];
  const owners = new Map(addressesOf(b.summary).map(([node, ip]) => [ip, node]));
  return addressesOf(a.summary).flatMap(([node, ip]) => {
    const other = owners.get(ip);
    return other === undefined ? [] : [`node ${node} and node ${other} (${ip})`];
  });
}

/** Node and address. */
function addressesOf({ nodes, addresses }: OverlaySummary): (readonly [string, string])[] {
  const reached = nodes.flatMap(([name, ip4, , , ip6]) =>
    [ip4, ip6].flatMap((ip) => (ip === "" ? [] : [[name, ip] as const])),
  );
  return [...reached, ...addresses];
}
