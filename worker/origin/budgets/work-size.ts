/**
 * How much one event takes in, and what that counts for. [LOG22] Changes alone do not tell: one of 60 KB costs as much as seventy of 400 bytes (to inflate, read,
 * hash, store and fold it), and 120 of those deflate to 30 KB, which stopped everybody for 140 ms.
 */
import type { LogChange } from "../../../shared/log/payload.ts";
import { HASH_BYTES } from "../../../shared/record/encoding.ts";

export interface WorkSize {
  readonly changes: number;
  /** Of their records, inflated. */
  readonly bytes: number;
}

/** A change of at most so many bytes counts as one. */
const CHANGE_BYTES = 1_024;

export const NOTHING: WorkSize = { changes: 0, bytes: 0 };

export function sizeOf(changes: readonly LogChange[]): WorkSize {
  return { changes: changes.length, bytes: changes.reduce((sum, each) => sum + bytesOf(each), 0) };
}

export function sum(...sizes: readonly WorkSize[]): WorkSize {
  return sizes.reduce(
    (a, b) => ({ changes: a.changes + b.changes, bytes: a.bytes + b.bytes }),
    NOTHING,
  );
}

export function isWithin({ changes, bytes }: WorkSize, most: WorkSize): boolean {
  return changes <= most.changes && bytes <= most.bytes;
}

/** How many changes, from the first on, are within what one event may take in; at least one. */
export function countWithin(changes: readonly LogChange[], most: WorkSize): number {
  let [count, bytes] = [0, 0];
  for (const change of changes) {
    bytes += bytesOf(change);
    if (count > 0 && !isWithin({ changes: count + 1, bytes }, most)) break;
    count++;
  }
  return count;
}

/** What one event takes in where each change costs so many times as much. */
export function shareOf({ changes, bytes }: WorkSize, weight: number): WorkSize {
  return { changes: Math.max(1, Math.floor(changes / weight)), bytes: Math.floor(bytes / weight) };
}

/** In changes that would have cost as much. */
export function workOf({ changes, bytes }: WorkSize): number {
  return Math.max(changes, Math.ceil(bytes / CHANGE_BYTES));
}

function bytesOf(change: LogChange): number {
  return change.op === "put" ? change.bytes.length : HASH_BYTES;
}
