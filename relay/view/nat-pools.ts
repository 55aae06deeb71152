/**
 * The pools that Felix is given besides the cluster's own, so that it does not source-NAT what goes
 * to another cluster's pods: those of remotes, and those of the clusters that read this one.
 * [TYP20] [TYP27]
 *
 * Felix's nftables keep pools in an interval set, and two that overlap end it. So of all pools
 * together only the widest are delivered, and none that overlaps one of the cluster's own
 * datastore: a local pool exempts its addresses itself, whatever it is for.
 */
import { cidrContains, parseCidr } from "../../shared/ip/cidr.ts";
import type { Cidr } from "../../shared/ip/cidr.ts";
import { RangeSet } from "../../shared/ip/range-set.ts";
import type { ReaderPools } from "../../shared/visibility/facts.ts";
import type { OwnAddresses } from "./served.ts";
import type { ServedChange } from "./serving.ts";

export interface NatPoolChange {
  readonly op: "put" | "delete";
  /** Canonical. */
  readonly cidr: string;
}

export interface WithheldPool {
  readonly cidr: string;
  readonly reason: string;
}

export interface NatPoolsReport {
  /**
   * What Felix does not source-NAT towards: canonical CIDRs, and for whom (`remote <rcc>`, `reader
   * <cluster>`).
   */
  readonly exempt: readonly { readonly cidr: string; readonly of: readonly string[] }[];
  readonly withheld: readonly WithheldPool[];
}

/** An RCC, or a cluster that reads this one: its pools are to be delivered. */
type Wanter = string;

export class NatPools {
  readonly #wanted = new Map<string, Set<Wanter>>();
  readonly #listeners = new Set<(changes: readonly NatPoolChange[]) => void>();
  /** Of a relay that knows nothing of its cluster yet. */
  #own: Pick<OwnAddresses, "refusesPool"> = { refusesPool: () => null };
  #local: readonly string[] = [];
  #localSet = new RangeSet([]);
  #readers: readonly ReaderPools[] = [];
  #delivered = new Set<string>();
  #withheld: readonly WithheldPool[] = [];

  /** Canonical CIDRs that Felix has now. */
  get delivered(): ReadonlySet<string> {
    return this.#delivered;
  }

  /** Pools that Felix does not have, with the pool that is in the way or exempts them too. */
  get withheld(): readonly WithheldPool[] {
    return this.#withheld;
  }

  /** For people: what Felix has, with whose pools asked for it. */
  report(): NatPoolsReport {
    const names = new Map(
      this.#readers.map(({ cluster }) => [`reader ${cluster.uid}`, `reader ${cluster.name}`]),
    );
    const exempt = [...this.#delivered].map((cidr) => ({
      cidr,
      of: [...(this.#wanted.get(cidr) ?? [])].map((wanter) => names.get(wanter) ?? wanter),
    }));
    return { exempt, withheld: this.#withheld };
  }

  /** Whether Felix exempts traffic to this pool from NAT, by whatever pool. */
  exempts(cidr: string): boolean {
    const parsed = parseCidr(cidr);
    if (parsed === null) return false;
    return this.#localSet.contains(parsed) || new RangeSet([...this.#delivered]).contains(parsed);
  }

  subscribe(listener: (changes: readonly NatPoolChange[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Changes of the records that are served of remotes. */
  onServed(changes: readonly ServedChange[]): void {
    let isTouched = false;
    for (const { rcc, op, held } of changes) {
      if (held.record.kind !== "IPPool") continue;
      this.#want(op, held.record.cidr, `remote ${rcc}`);
      isTouched = true;
    }
    if (isTouched) this.#decide();
  }

  /** The pools of the clusters that read this one, all of them. */
  setReaders(readers: readonly ReaderPools[]): void {
    for (const { cluster, pools } of this.#readers)
      for (const cidr of pools) this.#want("delete", cidr, `reader ${cluster.uid}`);
    this.#readers = readers;
    for (const { cluster, pools } of readers)
      for (const cidr of pools) this.#want("put", cidr, `reader ${cluster.uid}`);
    this.#decide();
  }

  /** All pools of the cluster's own datastore. */
  setLocal(cidrs: readonly string[]): void {
    if (cidrs.join(" ") === this.#local.join(" ")) return;
    this.#local = cidrs;
    this.#localSet = new RangeSet(cidrs);
    this.#decide();
  }

  setOwn(own: Pick<OwnAddresses, "refusesPool">): void {
    this.#own = own;
    this.#decide();
  }

  #want(op: "put" | "delete", cidr: string, wanter: Wanter): void {
    const wanters = this.#wanted.get(cidr) ?? new Set();
    if (op === "put") wanters.add(wanter);
    else wanters.delete(wanter);
    if (wanters.size === 0) this.#wanted.delete(cidr);
    else this.#wanted.set(cidr, wanters);
  }

  #decide(): void {
    const withheld: WithheldPool[] = [];
    const free: Cidr[] = [];
    const texts = new Map<Cidr, string>();
    for (const cidr of this.#wanted.keys()) {
      const parsed = parseCidr(cidr);
      if (parsed === null || this.#localSet.contains(parsed)) continue;
      const reason = this.#localSet.overlaps(parsed) ? AROUND_LOCAL : this.#own.refusesPool(cidr);
      if (reason !== null) withheld.push({ cidr, reason });
      else {
        free.push(parsed);
        texts.set(parsed, cidr);
      }
    }
    const { kept, inside } = widest(free);
    for (const [cidr, wider] of inside)
      withheld.push({ cidr: texts.get(cidr) ?? "", reason: insideOf(texts.get(wider) ?? "") });
    this.#withheld = withheld;
    const next = new Set(kept.map((cidr) => texts.get(cidr) ?? ""));
    const gone = [...this.#delivered].filter((cidr) => !next.has(cidr));
    const came = [...next].filter((cidr) => !this.#delivered.has(cidr));
    this.#delivered = next;
    // Deletions first: a pool that goes and one around it must not meet in Felix.
    const changes = [
      ...gone.map((cidr) => ({ op: "delete", cidr }) as const),
      ...came.map((cidr) => ({ op: "put", cidr }) as const),
    ];
    if (changes.length > 0) for (const listener of this.#listeners) listener(changes);
  }
}

const AROUND_LOCAL = "a pool of this cluster lies inside it";

function insideOf(wider: string): string {
  return `it lies inside ${wider}, which Felix has and which exempts it too`;
}

interface Widest {
  readonly kept: readonly Cidr[];
  /** Those that lie inside a kept one, which comes second. */
  readonly inside: readonly (readonly [Cidr, Cidr])[];
}

/**
 * Two prefixes are nested or disjoint: in the order of their addresses, a wider one comes before
 * what it holds.
 */
function widest(cidrs: readonly Cidr[]): Widest {
  const kept: Cidr[] = [];
  const inside: [Cidr, Cidr][] = [];
  for (const cidr of cidrs.toSorted(byAddress)) {
    const last = kept.at(-1);
    // fault: nested-pools-told
    if (last !== undefined && cidrContains(last, cidr)) inside.push([cidr, last]);
    else kept.push(cidr);
  }
  return { kept, inside };
}

function byAddress(a: Cidr, b: Cidr): number {
  if (a.address.length !== b.address.length) return a.address.length - b.address.length;
  for (let i = 0; i < a.address.length; i++) {
    const difference = (a.address[i] ?? 0) - (b.address[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
