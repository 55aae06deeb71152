/**
 * The newest change of each key that a fold has read, by key. A tree over the key space, so that
 * the changes of one blob are found without a look at the others: to deal out 20,000 changes at
 * once stopped everybody for 35 ms. A node is sorted, or divided where it is large, when less than
 * all of it is asked for: keys that were chosen to begin alike do not make one node of everything.
 * [LOG22]
 */
import { LEAF_KEYS } from "../../../shared/log/hash-trie.ts";
import type { Partition } from "../../../shared/log/partition.ts";
import {
  compareKeysAt,
  offsetOf,
  PackedChanges,
  packedSize,
  prefixAt,
  readChange,
  recordSizeAt,
  writeChange,
} from "./packed-changes.ts";
import type { Packed, PackedChange } from "./packed-changes.ts";

/** Fan-out of a node: 2^8 children. */
const CHILD_BITS = 8;
const CHILDREN = 2 ** CHILD_BITS;
/** Changes that are sorted within a millisecond. */
const LARGE = 4 * LEAF_KEYS;
/** Memory of a change's place. */
const PLACE_BYTES = 8;

/** Changes, and the bytes of their records. */
interface Totals {
  readonly count: number;
  readonly bytes: number;
}

export class NewestChanges {
  readonly #packed = new PackedChanges();
  readonly #root = new PrefixNode(this.#packed, 0);

  constructor() {
    this.#root.divide();
  }

  /** Changes; a key that changed again may count each time until its node was sorted. */
  get size(): number {
    return this.#root.count;
  }

  /** Memory: nothing of it is freed before the whole is forgotten. */
  get bytes(): number {
    return this.#packed.bytes + this.size * PLACE_BYTES;
  }

  set({ keyHash, recordHash, bytes }: PackedChange): void {
    const place = this.#packed.reserve(packedSize(bytes?.length ?? 0));
    const to = this.#packed.at(place) as Packed;
    writeChange(to, offsetOf(place), keyHash, recordHash, bytes);
    this.#root.add(place);
  }

  /** Copies the change at an offset of other packed bytes. */
  copy(from: Packed, at: number): void {
    const size = packedSize(recordSizeAt(from, at));
    const place = this.#packed.reserve(size);
    const to = this.#packed.at(place) as Packed;
    to.bytes.set(from.bytes.subarray(at, at + size), offsetOf(place));
    this.#root.add(place);
  }

  /** Changes of a partition; at least that many, where a key has changed again. */
  measure(partition: Partition): Totals {
    return this.#root.measure(partition);
  }

  /**
   * Removes a partition's changes and answers them by key: views of bytes that stay as they are.
   */
  extract(partition: Partition): PackedChange[] {
    const extracted: PackedChange[] = [];
    for (const place of this.#root.extract(partition))
      extracted.push(readChange(this.#packed.at(place) as Packed, offsetOf(place)));
    return extracted;
  }
}

class PrefixNode {
  readonly #packed: PackedChanges;
  /** Bits of the prefix that its keys share. */
  readonly #bits: number;
  #children: PrefixNode[] | null = null;
  /** By key and one for each when sorted, else in the order in which they came. */
  #places: number[] = [];
  #isSorted = true;
  #bytes = 0;

  constructor(packed: PackedChanges, bits: number) {
    this.#packed = packed;
    this.#bits = bits;
  }

  get count(): number {
    return this.#children === null ? this.#places.length : totalOf(this.#children).count;
  }

  get bytes(): number {
    return this.#children === null ? this.#bytes : totalOf(this.#children).bytes;
  }

  add(place: number): void {
    if (this.#children !== null) {
      const index = (this.#prefixAt(place) >>> (32 - CHILD_BITS - this.#bits)) % CHILDREN;
      (this.#children[index] as PrefixNode).add(place);
      return;
    }
    this.#places.push(place);
    this.#isSorted = false;
    this.#bytes += this.#bytesAt(place);
  }

  divide(): void {
    const places = this.#places;
    const bits = this.#bits + CHILD_BITS;
    this.#children = Array.from({ length: CHILDREN }, () => new PrefixNode(this.#packed, bits));
    this.#places = [];
    for (const place of places) this.add(place);
  }

  measure(partition: Partition): Totals {
    if (partition.bits <= this.#bits) return { count: this.count, bytes: this.bytes };
    const children = this.#childrenIn(partition);
    if (children !== null) return totalOf(children.map((child) => child.measure(partition)));
    const places = this.#sorted().slice(...this.#rangeOf(partition));
    return { count: places.length, bytes: this.#bytesOf(places) };
  }

  extract(partition: Partition): number[] {
    const children = this.#childrenIn(partition);
    if (children !== null) return children.flatMap((child) => child.extract(partition));
    const [from, to] = this.#rangeOf(partition);
    const extracted = this.#sorted().splice(from, to - from);
    this.#bytes -= this.#bytesOf(extracted);
    return extracted;
  }

  /** Children with keys of a partition, divided first where it is large; `null` for a leaf. */
  #childrenIn({ bits, prefix }: Partition): readonly PrefixNode[] | null {
    const isPartial = bits > this.#bits && this.#places.length > LARGE;
    if (isPartial && this.#bits + CHILD_BITS < 32) this.divide();
    if (this.#children === null || bits <= this.#bits) return this.#children;
    const first = (prefix >>> (32 - CHILD_BITS - this.#bits)) % CHILDREN;
    return this.#children.slice(first, first + 2 ** Math.max(CHILD_BITS + this.#bits - bits, 0));
  }

  /** Its places by key, one for each key. */
  #sorted(): number[] {
    if (this.#isSorted) return this.#places;
    // A later change lies behind: of those with one key the last counts.
    const all = this.#places.sort((a, b) => this.#compare(a, b) || a - b);
    this.#places = all.filter((place, i) => {
      const next = all[i + 1];
      return next === undefined || this.#compare(place, next) !== 0;
    });
    this.#bytes = this.#bytesOf(this.#places);
    this.#isSorted = true;
    return this.#places;
  }

  /** Indexes of its sorted places in a partition. */
  #rangeOf({ bits, prefix }: Partition): [number, number] {
    if (bits <= this.#bits) return [0, this.#sorted().length];
    return [this.#firstFrom(prefix), this.#firstFrom(prefix + 2 ** (32 - bits))];
  }

  /** Index of the first change whose key begins with as much or more. */
  #firstFrom(prefix: number): number {
    const places = this.#sorted();
    let [low, high] = [0, places.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#prefixAt(places[middle] as number) < prefix) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #at(place: number): Packed {
    return this.#packed.at(place) as Packed;
  }

  #prefixAt(place: number): number {
    return prefixAt(this.#at(place), offsetOf(place));
  }

  #bytesAt(place: number): number {
    return recordSizeAt(this.#at(place), offsetOf(place));
  }

  #bytesOf(places: readonly number[]): number {
    let bytes = 0;
    for (const place of places) bytes += this.#bytesAt(place);
    return bytes;
  }

  #compare(a: number, b: number): number {
    return compareKeysAt(this.#at(a), offsetOf(a), this.#at(b), offsetOf(b));
  }
}

function totalOf(nodes: readonly (Totals | PrefixNode)[]): Totals {
  let [count, bytes] = [0, 0];
  for (const node of nodes) {
    count += node.count;
    bytes += node.bytes;
  }
  return { count, bytes };
}
