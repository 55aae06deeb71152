/**
 * A set of prefixes that answers "is this address in one of them" by looking up its masks: one Map
 * probe per distinct prefix length in use, which is one to three in practice. Why not an interval
 * tree: sets are small, lengths are few, and this is 40 lines.
 */
import { toId } from "../lib/bytes.ts";
import { cidrContains, maskAddress, parseCidr } from "./cidr.ts";
import type { Cidr } from "./cidr.ts";

/** The networks of one length. */
interface Group {
  readonly family: number;
  readonly length: number;
  readonly networks: Set<string | number>;
}

export class RangeSet {
  readonly #groups: Group[] = [];
  readonly #all: Cidr[] = [];

  /** Texts that do not parse are ignored: the registry only holds canonical ones. */
  constructor(cidrs: readonly string[]) {
    for (const text of cidrs) {
      const cidr = parseCidr(text);
      if (cidr !== null) this.add(cidr);
    }
  }

  add(cidr: Cidr): void {
    const [family, { length }] = [cidr.address.length, cidr];
    let group = this.#groups.find((known) => known.family === family && known.length === length);
    if (group === undefined) {
      group = { family, length, networks: new Set() };
      this.#groups.push(group);
    }
    group.networks.add(networkId(cidr.address, cidr.length));
    this.#all.push(cidr);
  }

  /** Whether the address (4 or 16 bytes) lies in a range. */
  has(address: Uint8Array): boolean {
    return this.#holds(address, address.length * 8);
  }

  /** Whether the whole prefix lies in one range. */
  contains(cidr: Cidr): boolean {
    return this.#holds(cidr.address, cidr.length);
  }

  #holds(address: Uint8Array, length: number): boolean {
    for (const group of this.#groups) {
      if (group.length > length || group.family !== address.length) continue;
      if (group.networks.has(networkId(address, group.length))) return true;
    }
    return false;
  }

  /**
   * Whether the prefix shares an address with a range. Walks them all where none contains it: for
   * what is asked seldom.
   */
  overlaps(cidr: Cidr): boolean {
    return this.contains(cidr) || this.#all.some((range) => cidrContains(cidr, range));
  }
}

/**
 * Of the address's network of this length: a number for IPv4, which is asked for with every
 * endpoint that comes in.
 */
function networkId(address: Uint8Array, length: number): string | number {
  if (address.length !== 4) return toId(maskAddress(address, length));
  if (length === 0) return 0;
  // By index: to take an array apart walks it with an iterator.
  let whole = 0;
  for (let i = 0; i < 4; i++) whole = (whole << 8) | (address[i] as number);
  return whole >>> (32 - length);
}
