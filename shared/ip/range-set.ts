/**
 * A set of prefixes that answers "is this address in one of them" by looking up its masks: one Map probe per distinct prefix
 * length in use, which is one to three in practice. Why not an interval tree: sets are small, lengths are few, and this is 40 lines.
 */
import { formatCidr, maskAddress, parseCidr } from "./cidr.ts";
import type { Cidr } from "./cidr.ts";

export class RangeSet {
  readonly #byLength = new Map<
    string,
    { readonly length: number; readonly networks: Set<string> }
  >();

  /** Texts that do not parse are ignored: the registry only holds canonical ones. */
  constructor(cidrs: readonly string[]) {
    for (const text of cidrs) {
      const cidr = parseCidr(text);
      if (cidr !== null) this.add(cidr);
    }
  }

  add(cidr: Cidr): void {
    const id = `${cidr.address.length}/${cidr.length}`;
    let group = this.#byLength.get(id);
    if (group === undefined) {
      group = { length: cidr.length, networks: new Set() };
      this.#byLength.set(id, group);
    }
    group.networks.add(formatCidr(cidr));
  }

  /** Whether the address (4 or 16 bytes) lies in a range. */
  has(address: Uint8Array): boolean {
    return this.contains({ address, length: address.length * 8 });
  }

  /** Whether the whole prefix lies in one range. */
  contains(cidr: Cidr): boolean {
    for (const [id, group] of this.#byLength) {
      if (group.length > cidr.length || !id.startsWith(`${cidr.address.length}/`)) continue;
      const network = { address: maskAddress(cidr.address, group.length), length: group.length };
      if (group.networks.has(formatCidr(network))) return true;
    }
    return false;
  }
}
