/**
 * Where the records of a view lie. The view itself keeps of each record only its two hashes and its
 * place (32 bytes), so that a relay that sees a million endpoints needs no gigabyte for them; the
 * bytes are on disk, or in memory for a command that ends soon.
 */
import type { EncodedRecord } from "../../shared/record/encoding.ts";
import type { DeleteCause } from "../../shared/record/record.ts";

export interface StoredRecord {
  readonly bytes: Uint8Array;
  /** Of the frame or blob that brought it. */
  readonly revision: number;
}

export interface Records {
  /** @throws Error when the place holds none any more. */
  read(place: number): StoredRecord;
  /** How many bytes the record at a place has, which nobody has freed. */
  bytesAt(place: number): number;
  /** Nobody will read this place again. */
  free(place: number): void;
}

/** A change whose record has its place already; `known` where it need not be read. */
export type PlacedChange =
  | {
      readonly op: "put";
      readonly bytes: Uint8Array;
      readonly place: number;
      readonly known?: EncodedRecord;
    }
  | { readonly op: "delete"; readonly keyHash: Uint8Array; readonly cause: DeleteCause };

export class MemoryRecords implements Records {
  readonly #records = new Map<number, StoredRecord>();
  #next = 1;

  add(bytes: Uint8Array, revision: number): number {
    this.#records.set(this.#next, { bytes, revision });
    return this.#next++;
  }

  read(place: number): StoredRecord {
    const record = this.#records.get(place);
    if (record === undefined) throw new Error(`BUG: no record at place ${place}`);
    return record;
  }

  bytesAt(place: number): number {
    return this.read(place).bytes.length;
  }

  free(place: number): void {
    this.#records.delete(place);
  }
}
