/**
 * The newest change of each key that a fold has read. Kept in parts of the key space, so that it takes what belongs to a blob without looking at all of it: to
 * deal out 20,000 changes at once stopped everybody for 35 ms. [LOG22]
 */
import { toId } from "../../shared/lib/bytes.ts";
import { LEAF_KEYS } from "../../shared/log/hash-trie.ts";
import { partitionHas, prefixOf } from "../../shared/log/partition.ts";
import type { Partition } from "../../shared/log/partition.ts";

/** Newest change of a key; `bytes` is `null` for a delete. */
export interface TailChange {
  readonly keyHash: Uint8Array;
  readonly recordHash: Uint8Array;
  readonly bytes: Uint8Array | null;
}

/** Of the objects that hold a change. */
const CHANGE_BYTES = 300;
/** A tail of more changes than a blob has is kept in so many parts: 2 to this power. */
const PART_BITS = 8;

interface Part {
  readonly changes: Map<string, TailChange>;
  /** Of their records. */
  bytes: number;
}

export class Tail {
  #bits = 0;
  #parts: Part[] = [newPart()];
  #size = 0;
  #recordBytes = 0;

  get size(): number {
    return this.#size;
  }

  /** What it needs of memory, about. */
  get bytes(): number {
    return this.#size * CHANGE_BYTES + this.#recordBytes;
  }

  set(change: TailChange): void {
    if (this.#size > LEAF_KEYS && this.#bits === 0) this.#divide();
    const part = this.#partAt(prefixOf(change.keyHash));
    const id = toId(change.keyHash);
    const before = part.changes.get(id);
    const bytes = sizeOf(change) - (before === undefined ? 0 : sizeOf(before));
    if (before === undefined) this.#size++;
    this.#recordBytes += bytes;
    part.bytes += bytes;
    part.changes.set(id, change);
  }

  /** How many changes there are of a partition, and the bytes of their records. */
  measure(partition: Partition): { readonly count: number; readonly bytes: number } {
    let [count, bytes] = [0, 0];
    if (partition.bits > this.#bits)
      for (const change of this.#within(partition)) {
        count++;
        bytes += sizeOf(change);
      }
    else
      for (const part of this.#partsOf(partition)) {
        count += part.changes.size;
        bytes += part.bytes;
      }
    return { count, bytes };
  }

  /** Takes the changes of a partition out, in no order. */
  take(partition: Partition): TailChange[] {
    const taken =
      partition.bits > this.#bits
        ? this.#within(partition)
        : this.#partsOf(partition).flatMap(({ changes }) => [...changes.values()]);
    for (const change of taken) {
      const part = this.#partAt(prefixOf(change.keyHash));
      part.changes.delete(toId(change.keyHash));
      part.bytes -= sizeOf(change);
      this.#recordBytes -= sizeOf(change);
    }
    this.#size -= taken.length;
    return taken;
  }

  /** Of a partition that is less than a part. */
  #within(partition: Partition): TailChange[] {
    const { changes } = this.#partAt(partition.prefix);
    return [...changes.values()].filter(({ keyHash }) => partitionHas(partition, keyHash));
  }

  #partsOf({ bits, prefix }: Partition): Part[] {
    const first = partOf(prefix, this.#bits);
    return this.#parts.slice(first, first + 2 ** (this.#bits - bits));
  }

  #partAt(prefix: number): Part {
    const part = this.#parts[partOf(prefix, this.#bits)];
    if (part === undefined) throw new Error("BUG: a prefix outside of all parts");
    return part;
  }

  #divide(): void {
    const [all] = this.#parts;
    this.#bits = PART_BITS;
    this.#parts = Array.from({ length: 2 ** PART_BITS }, newPart);
    for (const [id, change] of all?.changes ?? []) {
      const part = this.#partAt(prefixOf(change.keyHash));
      part.changes.set(id, change);
      part.bytes += sizeOf(change);
    }
  }
}

function newPart(): Part {
  return { changes: new Map(), bytes: 0 };
}

function partOf(prefix: number, bits: number): number {
  return bits === 0 ? 0 : prefix >>> (32 - bits);
}

function sizeOf({ bytes }: TailChange): number {
  return bytes?.length ?? 0;
}
