/**
 * The newest change of each key that a fold has read. Kept in parts of the key space, so that it takes what belongs to a blob without looking at all of it: to
 * deal out 20,000 changes at once stopped everybody for 35 ms. A part is put in order when it is first asked for. [LOG22]
 */
import type { Partition } from "../../shared/log/partition.ts";
import { prefixOf } from "../../shared/log/partition.ts";
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

/** It has so many parts: 2 to this power. */
const PART_BITS = 8;
/** Of memory, for a change's place. */
const PLACE_BYTES = 8;

interface Part {
  /** Of the records. */
  bytes: number;
  /** Places; in the order of the keys and one for each key when sorted, else in the order in which they came. */
  places: number[];
  isSorted: boolean;
}

export class Tail {
  readonly #packed = new PackedChanges();
  readonly #parts: Part[] = Array.from({ length: 2 ** PART_BITS }, () => ({
    bytes: 0,
    places: [],
    isSorted: true,
  }));
  #size = 0;

  /** Changes; keys that changed again may count each time until their part is asked for. */
  get size(): number {
    return this.#size;
  }

  /** What it needs of memory: all of it until it is forgotten. */
  get bytes(): number {
    return this.#packed.bytes + this.#size * PLACE_BYTES;
  }

  set({ keyHash, recordHash, bytes }: PackedChange): void {
    const place = this.#packed.reserve(packedSize(bytes?.length ?? 0));
    writeChange(this.#at(place), offsetOf(place), keyHash, recordHash, bytes);
    this.#add(prefixOf(keyHash), place, bytes?.length ?? 0);
  }

  /** @param at Of a change there. */
  copy(from: Packed, at: number): void {
    const bytes = recordSizeAt(from, at);
    const size = packedSize(bytes);
    const place = this.#packed.reserve(size);
    this.#at(place).bytes.set(from.bytes.subarray(at, at + size), offsetOf(place));
    this.#add(prefixAt(from, at), place, bytes);
  }

  /**
   * How many changes there are of a partition, and the bytes of their records. Of one that is larger than a part without looking at each, so that a key that
   * changed again may count more than once.
   */
  measure(partition: Partition): { readonly count: number; readonly bytes: number } {
    const parts = this.#partsOf(partition);
    if (partition.bits < PART_BITS)
      return {
        count: parts.reduce((sum, { places }) => sum + places.length, 0),
        bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
      };
    const places = parts.flatMap((part) =>
      this.#sorted(part).slice(...this.#range(part, partition)),
    );
    return { count: places.length, bytes: this.#bytesOf(places) };
  }

  /** Takes the changes of a partition out, in the order of their keys: views of bytes that do not change any more. */
  take(partition: Partition): PackedChange[] {
    const taken: PackedChange[] = [];
    for (const part of this.#partsOf(partition)) {
      const sorted = this.#sorted(part);
      const [from, to] = this.#range(part, partition);
      const places = sorted.splice(from, to - from);
      part.bytes -= this.#bytesOf(places);
      for (const place of places) taken.push(readChange(this.#at(place), offsetOf(place)));
    }
    this.#size -= taken.length;
    return taken;
  }

  #add(prefix: number, place: number, bytes: number): void {
    const part = this.#parts[prefix >>> (32 - PART_BITS)] as Part;
    part.places.push(place);
    part.isSorted = false;
    part.bytes += bytes;
    this.#size++;
  }

  #at(place: number): Packed {
    return this.#packed.at(place) as Packed;
  }

  #bytesOf(places: readonly number[]): number {
    let bytes = 0;
    for (const place of places) bytes += recordSizeAt(this.#at(place), offsetOf(place));
    return bytes;
  }

  /** Those that have keys of a partition. */
  #partsOf({ bits, prefix }: Partition): readonly Part[] {
    const first = prefix >>> (32 - PART_BITS);
    return this.#parts.slice(first, first + 2 ** Math.max(PART_BITS - bits, 0));
  }

  /** Its places, in the order of the keys and one for each. */
  #sorted(part: Part): number[] {
    if (part.isSorted) return part.places;
    const all = part.places;
    // A later change lies behind: of those with one key the last counts.
    all.sort((a, b) => this.#compare(a, b) || a - b);
    part.places = all.filter((place, i) => {
      const next = all[i + 1];
      return next === undefined || this.#compare(place, next) !== 0;
    });
    this.#size -= all.length - part.places.length;
    part.bytes = this.#bytesOf(part.places);
    part.isSorted = true;
    return part.places;
  }

  #compare(a: number, b: number): number {
    return compareKeysAt(this.#at(a), offsetOf(a), this.#at(b), offsetOf(b));
  }

  /** Of what a sorted part has those of a partition: all, where that is as large as a part or larger. */
  #range({ places }: Part, { bits, prefix }: Partition): [number, number] {
    if (bits <= PART_BITS) return [0, places.length];
    return [this.#firstFrom(places, prefix), this.#firstFrom(places, prefix + 2 ** (32 - bits))];
  }

  /** Index of the first change whose key begins with as much or more. */
  #firstFrom(places: readonly number[], prefix: number): number {
    let [low, high] = [0, places.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const place = places[middle] as number;
      if (prefixAt(this.#at(place), offsetOf(place)) < prefix) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
