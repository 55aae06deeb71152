/**
 * Addresses in ranges that clusters share, and who has each. There the clusters trust one another:
 * an address that two of them have is served as both say it, and counted. [VIS33]
 */
import { parseIp } from "../../shared/ip/address.ts";
import { RangeSet } from "../../shared/ip/range-set.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { CalicoRecord, RecordChange } from "../../shared/record/record.ts";
import type { ServedChange } from "./serving.ts";

/** An RCC's name, or the cluster itself. */
type Owner = string;
/** No RCC has this name. */
const OWN = "";

export class SharedAddresses {
  #text = "";
  #ranges: RangeSet | null = null;
  /** Address → owner → how many of the owner's endpoints have it. */
  readonly #owners = new Map<string, Map<Owner, number>>();
  /** Owner and key of an endpoint → its addresses here. */
  readonly #addresses = new Map<Owner, Map<string, readonly string[]>>();
  readonly #conflicts = new Map<Owner, number>();

  /** Addresses that the remote and another cluster both have. */
  conflictsOf(rcc: string): number {
    return this.#conflicts.get(rcc) ?? 0;
  }

  /**
   * @param shared CIDRs of the ranges; none: nothing is kept.
   * @param all What there is now, to begin with when they have changed.
   */
  setRanges(
    shared: readonly string[],
    all: () => Iterable<{ readonly rcc: string | null; readonly record: CalicoRecord }>,
  ): void {
    const text = shared.join(" ");
    if (text === this.#text) return;
    this.#text = text;
    this.#ranges = shared.length === 0 ? null : new RangeSet(shared);
    for (const map of [this.#owners, this.#addresses, this.#conflicts]) map.clear();
    if (this.#ranges === null) return;
    for (const { rcc, record } of all()) this.#set(rcc ?? OWN, keyOf(record), record);
  }

  onLocal(changes: readonly RecordChange[]): void {
    if (this.#ranges === null) return;
    for (const change of changes)
      if (change.op === "put") this.#set(OWN, keyOf(change.record), change.record);
      else this.#set(OWN, change.key, null);
  }

  onServed(changes: readonly ServedChange[]): void {
    if (this.#ranges === null) return;
    for (const { rcc, op, held } of changes)
      this.#set(rcc, held.key, op === "put" ? held.record : null);
  }

  #set(owner: Owner, key: string, record: CalicoRecord | null): void {
    const known = this.#addresses.get(owner) ?? new Map<string, readonly string[]>();
    for (const ip of known.get(key) ?? []) this.#count(owner, ip, -1);
    const ips = record === null ? [] : this.#sharedOf(record);
    if (ips.length === 0) known.delete(key);
    else known.set(key, ips);
    this.#addresses.set(owner, known);
    for (const ip of ips) this.#count(owner, ip, 1);
  }

  #sharedOf(record: CalicoRecord): readonly string[] {
    if (record.kind !== "WorkloadEndpoint" && record.kind !== "HostEndpoint") return [];
    return record.ips.filter((ip) => {
      const address = parseIp(ip);
      return address !== null && this.#ranges?.has(address) === true;
    });
  }

  #count(owner: Owner, ip: string, by: 1 | -1): void {
    const owners = this.#owners.get(ip) ?? new Map<Owner, number>();
    this.#addConflicts(owners, -1);
    const count = (owners.get(owner) ?? 0) + by;
    if (count === 0) owners.delete(owner);
    else owners.set(owner, count);
    if (owners.size === 0) this.#owners.delete(ip);
    else this.#owners.set(ip, owners);
    this.#addConflicts(owners, 1);
  }

  /** Each of an address's owners has one more, or one less, where there are two and more. */
  #addConflicts(owners: ReadonlyMap<Owner, number>, by: 1 | -1): void {
    if (owners.size < 2) return;
    for (const owner of owners.keys())
      this.#conflicts.set(owner, (this.#conflicts.get(owner) ?? 0) + by);
  }
}
