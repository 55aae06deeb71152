/**
 * A set of prefixes that answers "is this address in one of them" by looking up its masks: one Map probe per distinct prefix
 * length in use, which is one to three in practice. Why not an interval tree: sets are small, lengths are few, and this is 40 lines.
 */
import { toId } from "../lib/bytes.ts";
import { cidrContains, maskAddress, parseCidr } from "./cidr.ts";
import type { Cidr } from "./cidr.ts";

export class RangeSet {
  readonly #byLength = new Map<
    string,
    { readonly family: number; readonly length: number; readonly networks: Set<string | number> }
  >();
  readonly #all: Cidr[] = [];

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
      group = { family: cidr.address.length, length: cidr.length, networks: new Set() };
      this.#byLength.set(id, group);
    }
    group.networks.add(networkId(cidr.address, cidr.length));
    this.#all.push(cidr);
  }

  /** Whether the address (4 or 16 bytes) lies in a range. */
  has(address: Uint8Array): boolean {
    return this.contains({ address, length: address.length * 8 });
  }

  /** Whether the whole prefix lies in one range. */
  contains(cidr: Cidr): boolean {
    for (const group of this.#byLength.values()) {
      if (group.length > cidr.length || group.family !== cidr.address.length) continue;
      if (group.networks.has(networkId(cidr.address, group.length))) return true;
    }
    return false;
  }

  /** Whether the prefix shares an address with a range. Walks them all where none contains it: for what is asked seldom. */
  overlaps(cidr: Cidr): boolean {
    return this.contains(cidr) || this.#all.some((range) => cidrContains(cidr, range));
  }
}

/** Of the address's network of this length: a number for IPv4, which is asked for with every endpoint that comes in. */
function networkId(address: Uint8Array, length: number): string | number {
  if (address.length !== 4) return toId(maskAddress(address, length));
  const [a = 0, b = 0, c = 0, d = 0] = address;
  const whole = (a << 24) | (b << 16) | (c << 8) | d;
  return length === 0 ? 0 : whole >>> (32 - length);
}
