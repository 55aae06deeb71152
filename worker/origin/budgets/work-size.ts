/**
 * The size of a piece of work: changes, and the bytes of their records. [LOG22] Changes alone do
 * not tell: one of 60 KB costs as much as seventy of 400 bytes (to inflate, read, hash, store and
 * fold it), and 120 of those deflate to 30 KB, which stopped everybody for 140 ms.
 */
import type { LogChange } from "../../../shared/log/payload.ts";
import { HASH_BYTES } from "../../../shared/record/encoding.ts";

export interface WorkSize {
  readonly changes: number;
  /** Bytes of their records, inflated. */
  readonly bytes: number;
}

/** A change of at most so many bytes counts as one. */
const CHANGE_BYTES = 1_024;

export const NO_WORK: WorkSize = { changes: 0, bytes: 0 };

export function sizeOf(changes: readonly LogChange[]): WorkSize {
  const bytes = changes.reduce((total, change) => total + changeBytes(change), 0);
  return { changes: changes.length, bytes };
}

export function sumSizes(...sizes: readonly WorkSize[]): WorkSize {
  return sizes.reduce(
    (a, b) => ({ changes: a.changes + b.changes, bytes: a.bytes + b.bytes }),
    NO_WORK,
  );
}

export function isWithin({ changes, bytes }: WorkSize, most: WorkSize): boolean {
  return changes <= most.changes && bytes <= most.bytes;
}

/** Changes, from the first one, that are within a size; at least one. */
export function countWithin(changes: readonly LogChange[], most: WorkSize): number {
  let [count, bytes] = [0, 0];
  for (const change of changes) {
    bytes += changeBytes(change);
    if (count > 0 && !isWithin({ changes: count + 1, bytes }, most)) break;
    count++;
  }
  return count;
}

/** The size that costs as much where each change costs `weight` times as much. */
export function divideSize({ changes, bytes }: WorkSize, weight: number): WorkSize {
  return { changes: Math.max(1, Math.floor(changes / weight)), bytes: Math.floor(bytes / weight) };
}

/** The cost in changes of ordinary size. */
export function costOf({ changes, bytes }: WorkSize): number {
  return Math.max(changes, Math.ceil(bytes / CHANGE_BYTES));
}

function changeBytes(change: LogChange): number {
  return change.op === "put" ? change.bytes.length : HASH_BYTES;
}
