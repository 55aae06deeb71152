/** A change of a log: as it is stored and sent, with the hashes that the index needs. */
import type { LogChange } from "../../../shared/log/payload.ts";
import { decodeRecord, encodeRecord, hashRecord } from "../../../shared/record/encoding.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";

export interface AdmittedChange {
  readonly change: LogChange;
  readonly keyHash: Uint8Array;
  /** `null` for a delete. */
  readonly recordHash: Uint8Array | null;
}

/** A change with its record, decoded once for all that look at it; `null` for a delete. */
export type ReadChange = AdmittedChange & { readonly record: CalicoRecord | null };

export function putOf(keyHash: Uint8Array, record: CalicoRecord): AdmittedChange {
  const bytes = encodeRecord(record);
  return { change: { op: "put", bytes }, keyHash, recordHash: hashRecord(bytes) };
}

export function deleteOf(keyHash: Uint8Array): AdmittedChange {
  return { change: { op: "delete", keyHash, cause: "observed" }, keyHash, recordHash: null };
}

/**
 * The change that readers are sent in the place of a refused record: its remainder, or a delete.
 * [ADM8] [ADM11]
 */
export function changeInstead(remainder: CalicoRecord | null, keyHash: Uint8Array): AdmittedChange {
  return remainder === null ? deleteOf(keyHash) : putOf(keyHash, remainder);
}

/** @throws Error for bytes that were never admitted. */
export function readChange(change: AdmittedChange): ReadChange {
  if (change.change.op === "delete") return { ...change, record: null };
  const decoded = decodeRecord(change.change.bytes);
  if (!decoded.ok) throw new Error(`BUG: an admitted record is unreadable: ${decoded.error.rule}`);
  return { ...change, record: decoded.record };
}
