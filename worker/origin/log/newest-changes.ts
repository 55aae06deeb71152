/**
 * The newest change of each key that a fold has read. Kept in parts of the key space, so that it takes what belongs to a blob without looking at all of it: to
 * deal out 20,000 changes at once stopped everybody for 35 ms. A part is put in order, or divided again where it is large, when less than all of it is asked
 * for: keys that were chosen to begin alike do not make one part of everything. [LOG22]
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

/** A part has so many parts: 2 to this power. */
const PART_BITS = 8;
const PARTS = 2 ** PART_BITS;
/** Put in order within a millisecond. */
const LARGE = 4 * LEAF_KEYS;
/** Of memory, for a change's place. */
const PLACE_BYTES = 8;

/** Changes, and the bytes of their records. */
interface Size {
  readonly count: number;
  readonly bytes: number;
}

export class NewestChanges {
  readonly #packed = new PackedChanges();
  readonly #whole = new Part(this.#packed, 0);

  constructor() {
    this.#whole.divide();
  }

  /** Changes; a key that changed again may count each time until its part was put in order. */
  get size(): number {
    return this.#whole.count;
  }

  /** What it needs of memory: all of it until it is forgotten. */
  get bytes(): number {
    return this.#packed.bytes + this.size * PLACE_BYTES;
  }

  set({ keyHash, recordHash, bytes }: PackedChange): void {
    const place = this.#packed.reserve(packedSize(bytes?.length ?? 0));
    const to = this.#packed.at(place) as Packed;
    writeChange(to, offsetOf(place), keyHash, recordHash, bytes);
    this.#whole.add(place);
  }

  /** @param at Of a change there. */
  copy(from: Packed, at: number): void {
    const size = packedSize(recordSizeAt(from, at));
    const place = this.#packed.reserve(size);
    const to = this.#packed.at(place) as Packed;
    to.bytes.set(from.bytes.subarray(at, at + size), offsetOf(place));
    this.#whole.add(place);
  }

  /** What it has of a partition; at least that, where a key has changed again. */
  measure(partition: Partition): Size {
    return this.#whole.measure(partition);
  }

  /** Takes the changes of a partition out, in the order of their keys: views of bytes that do not change any more. */
  take(partition: Partition): PackedChange[] {
    const taken: PackedChange[] = [];
    for (const place of this.#whole.take(partition))
      taken.push(readChange(this.#packed.at(place) as Packed, offsetOf(place)));
    return taken;
  }
}

class Part {
  readonly #packed: PackedChanges;
  /** How much of the prefix its keys share. */
  readonly #bits: number;
  #parts: Part[] | null = null;
  /** In the order of the keys and one for each when sorted, else in the order in which they came. */
  #places: number[] = [];
  #isSorted = true;
  #bytes = 0;

  constructor(packed: PackedChanges, bits: number) {
    this.#packed = packed;
    this.#bits = bits;
  }

  get count(): number {
    return this.#parts === null ? this.#places.length : sizeOf(this.#parts).count;
  }

  get bytes(): number {
    return this.#parts === null ? this.#bytes : sizeOf(this.#parts).bytes;
  }

  add(place: number): void {
    if (this.#parts !== null) {
      const index = (this.#prefixAt(place) >>> (32 - PART_BITS - this.#bits)) % PARTS;
      (this.#parts[index] as Part).add(place);
      return;
    }
    this.#places.push(place);
    this.#isSorted = false;
    this.#bytes += this.#bytesAt(place);
  }

  divide(): void {
    const places = this.#places;
    const bits = this.#bits + PART_BITS;
    this.#parts = Array.from({ length: PARTS }, () => new Part(this.#packed, bits));
    this.#places = [];
    for (const place of places) this.add(place);
  }

  measure(partition: Partition): Size {
    if (partition.bits <= this.#bits) return { count: this.count, bytes: this.bytes };
    const parts = this.#partsOf(partition);
    if (parts !== null) return sizeOf(parts.map((part) => part.measure(partition)));
    const places = this.#sorted().slice(...this.#rangeOf(partition));
    return { count: places.length, bytes: this.#bytesOf(places) };
  }

  take(partition: Partition): number[] {
    const parts = this.#partsOf(partition);
    if (parts !== null) return parts.flatMap((part) => part.take(partition));
    const [from, to] = this.#rangeOf(partition);
    const taken = this.#sorted().splice(from, to - from);
    this.#bytes -= this.#bytesOf(taken);
    return taken;
  }

  /** Those that have keys of a partition; `null` where it has no parts. */
  #partsOf({ bits, prefix }: Partition): readonly Part[] | null {
    const isPartial = bits > this.#bits && this.#places.length > LARGE;
    if (isPartial && this.#bits + PART_BITS < 32) this.divide();
    if (this.#parts === null || bits <= this.#bits) return this.#parts;
    const first = (prefix >>> (32 - PART_BITS - this.#bits)) % PARTS;
    return this.#parts.slice(first, first + 2 ** Math.max(PART_BITS + this.#bits - bits, 0));
  }

  /** Its places, in the order of the keys and one for each. */
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

  /** Of its sorted places those of a partition. */
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

function sizeOf(parts: readonly (Size | Part)[]): Size {
  let [count, bytes] = [0, 0];
  for (const part of parts) {
    count += part.count;
    bytes += part.bytes;
  }
  return { count, bytes };
}
