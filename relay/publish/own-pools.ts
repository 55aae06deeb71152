/**
 * Which of a cluster's IP pools are its own. A pool says one of three things: where pods get their
 * addresses, what is not source-NATed, or what load balancers get. Only the first is ownership.
 * What shows it is that the pool is enabled for pods, or that a block or a pod lies in it. [SRC22]
 *
 * Every other pool stays here: it is not published, so it claims no range and refuses no remote.
 */
import { cidrContains, parseCidr } from "../../shared/ip/cidr.ts";
import type { Cidr } from "../../shared/ip/cidr.ts";
import { must } from "../../shared/lib/assert.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { CalicoRecord, IPPool, RecordChange } from "../../shared/record/record.ts";

interface KnownPool {
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
  apply(changes: readonly RecordChange[], records: () => Iterable<CalicoRecord>): RecordChange[] {
    const others = changes.filter((change) => !isOfPool(change));
    const pools = changes.filter((change) => isOfPool(change));
    for (const change of pools) this.#takePool(change);
    if (pools.length > 0) this.#lookAgain(records());
    if (this.#needsEvidence()) for (const change of others) this.#takeUse(change);
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

  #takePool(change: RecordChange): void {
    if (change.op === "delete") this.#pools.delete(change.key);
    else if (change.record.kind === "IPPool") {
      const pool = change.record;
      const cidr = must(parseCidr(pool.cidr), "a record's CIDR");
      this.#pools.set(keyOf(pool), { pool, cidr, isForPods: isForPods(pool) });
    }
  }

  #needsEvidence(): boolean {
    for (const { isForPods } of this.#pools.values()) if (!isForPods) return true;
    return false;
  }

  /** The pools have changed, and with them which is the narrowest around an address. */
  #lookAgain(records: Iterable<CalicoRecord>): void {
    this.#evidence.clear();
    this.#uses.clear();
    if (!this.#needsEvidence()) return;
    for (const record of records) this.#takeUse({ op: "put", record });
  }

  #takeUse(change: RecordChange): void {
    const key = change.op === "put" ? keyOf(change.record) : change.key;
    for (const pool of this.#evidence.get(key) ?? []) this.#count(pool, -1);
    const pools = change.op === "put" ? this.#poolsShownBy(change.record) : [];
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

  #decide(pools: readonly RecordChange[]): RecordChange[] {
    const changes: RecordChange[] = [];
    for (const [key, { pool }] of this.#pools) {
      if (!this.#isOwn(key) || this.#published.get(key) === pool) continue;
      this.#published.set(key, pool);
      changes.push({ op: "put", record: pool });
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

function isOfPool(change: RecordChange): boolean {
  return change.op === "put"
    ? change.record.kind === "IPPool"
    : change.key.startsWith("/calico/v1/ipam/");
}
