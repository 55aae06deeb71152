/**
 * Which of a cluster's IP pools are its own. A pool says one of three things: where pods get their
 * addresses, what is not source-NATed, or what load balancers get. Only the first is ownership.
 * What shows it is that the pool is enabled for pods, or that a block or a pod lies in it. [SRC22]
 *
 * Every other pool stays here: it is not published, so it claims no range and refuses no remote.
 */
import { cidrContains, parseCidr } from "../../shared/ip/cidr.ts";
import type { Cidr } from "../../shared/ip/cidr.ts";
import { kindOfKey } from "../../shared/record/key-name.ts";
import { must } from "../../shared/lib/assert.ts";
import type { EncodedChange, EncodedRecord } from "../../shared/record/encoding.ts";
import type { CalicoRecord, IPPool } from "../../shared/record/record.ts";

type KnownRecord = Pick<EncodedRecord, "key" | "record">;

interface KnownPool {
  readonly put: EncodedChange;
  readonly pool: IPPool;
  readonly cidr: Cidr;
  /** Enabled for pods or for nodes' tunnels: owned without further evidence. */
  readonly isForPods: boolean;
}

export class OwnPools {
  readonly #pools = new Map<string, KnownPool>();
  readonly #published = new Map<string, IPPool>();
  /** Key of a block or pod → keys of the pools that it shows to be owned. */
  readonly #evidence = new Map<string, readonly string[]>();
  /** Key of a pool → how many blocks and pods lie in it. */
  readonly #uses = new Map<string, number>();

  /**
   * Takes changes of the source and answers those that are published: all that is no pool as it is,
   * then the pools that have become, stayed or ceased to be the cluster's own.
   * @param records What was published before these changes.
   */
  publishable(
    changes: readonly EncodedChange[],
    records: () => Iterable<KnownRecord>,
  ): EncodedChange[] {
    const others = changes.filter((change) => !isOfPool(change));
    const pools = changes.filter((change) => isOfPool(change));
    for (const change of pools) this.#notePool(change);
    if (pools.length > 0) this.#noteUses(records());
    if (this.#needsEvidence())
      for (const change of others)
        this.#noteUse(change.key, change.op === "put" ? change.record : null);
    return [...others, ...this.#decide(pools)];
  }

  /** CIDRs of all pools of the datastore, whatever they are for, sorted. */
  all(): string[] {
    return [...this.#pools.values()].map(({ pool }) => pool.cidr).toSorted();
  }

  /** CIDRs of the cluster's own pools, the widest first. */
  own(): string[] {
    return [...this.#published.values()]
      .map(({ cidr }) => cidr)
      .toSorted((a, b) => lengthOf(a) - lengthOf(b) || (a < b ? -1 : 1));
  }

  /** Pools that are not the cluster's own, by CIDR. */
  notOwn(): IPPool[] {
    return [...this.#pools]
      .filter(([key]) => !this.#published.has(key))
      .map(([, { pool }]) => pool)
      .toSorted((a, b) => (a.cidr < b.cidr ? -1 : 1));
  }

  #notePool(change: EncodedChange): void {
    if (change.op === "delete") this.#pools.delete(change.key);
    else if (change.record.kind === "IPPool") {
      const pool = change.record;
      const cidr = must(parseCidr(pool.cidr), "a record's CIDR");
      this.#pools.set(change.key, { put: change, pool, cidr, isForPods: isForPods(pool) });
    }
  }

  #needsEvidence(): boolean {
    for (const { isForPods } of this.#pools.values()) if (!isForPods) return true;
    return false;
  }

  /** The pools have changed, and with them which is the narrowest around an address. */
  #noteUses(records: Iterable<KnownRecord>): void {
    this.#evidence.clear();
    this.#uses.clear();
    if (!this.#needsEvidence()) return;
    for (const { key, record } of records) this.#noteUse(key, record);
  }

  /** @param record `null`: it is gone. */
  #noteUse(key: string, record: CalicoRecord | null): void {
    for (const pool of this.#evidence.get(key) ?? []) this.#count(pool, -1);
    const pools = record === null ? [] : this.#poolsShownBy(record);
    if (pools.length === 0) this.#evidence.delete(key);
    else this.#evidence.set(key, pools);
    for (const pool of pools) this.#count(pool, 1);
  }

  #count(pool: string, by: number): void {
    this.#uses.set(pool, (this.#uses.get(pool) ?? 0) + by);
  }

  #poolsShownBy(record: CalicoRecord): string[] {
    const used =
      record.kind === "WorkloadEndpoint"
        ? record.ips
        : record.kind === "IPAMBlock"
          ? [record.cidr]
          : [];
    const narrowest = used.flatMap((text) => this.#narrowestAround(text) ?? []);
    return [...new Set(narrowest)];
  }

  /**
   * Of nested pools the narrowest: a wide one that says "no NAT" is not shown by a pod of one
   * inside.
   */
  #narrowestAround(text: string): string | null {
    const used = parseCidr(text);
    if (used === null) return null;
    let found: { readonly key: string; readonly length: number } | null = null;
    for (const [key, { cidr }] of this.#pools)
      if (cidrContains(cidr, used) && cidr.length > (found?.length ?? -1))
        found = { key, length: cidr.length };
    return found?.key ?? null;
  }

  #isOwn(key: string): boolean {
    const known = this.#pools.get(key);
    return known !== undefined && (known.isForPods || (this.#uses.get(key) ?? 0) > 0);
  }

  #decide(pools: readonly EncodedChange[]): EncodedChange[] {
    const changes: EncodedChange[] = [];
    for (const [key, { pool, put }] of this.#pools) {
      if (!this.#isOwn(key) || this.#published.get(key) === pool) continue;
      this.#published.set(key, pool);
      changes.push(put);
    }
    for (const key of this.#published.keys()) {
      if (this.#isOwn(key)) continue;
      this.#published.delete(key);
      // A pool that is still there, and is used no longer, was seen to cease.
      const deletion = pools.find((change) => change.op === "delete" && change.key === key);
      changes.push(deletion ?? { op: "delete", key, cause: "observed" });
    }
    return changes;
  }
}

function lengthOf(cidr: string): number {
  return Number(cidr.slice(cidr.indexOf("/") + 1));
}

/**
 * Calico: a pool without `allowedUses` is for pods and tunnels; a disabled one gives out no
 * address.
 */
function isForPods({ disabled, allowedUses }: IPPool): boolean {
  if (disabled) return false;
  return (
    allowedUses.length === 0 || allowedUses.some((use) => use === "Workload" || use === "Tunnel")
  );
}

function isOfPool(change: EncodedChange): boolean {
  return change.op === "put" ? change.record.kind === "IPPool" : kindOfKey(change.key) === "IPPool";
}
