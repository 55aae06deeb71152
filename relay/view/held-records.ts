/**
 * The records that the view of a channel holds: confirmed ones, of which it can tell the digest,
 * and stale ones, which a repair did not confirm. Stale records are kept and served until a
 * checkpoint says that a publisher has reconciled, so that what is missing is really gone. [VIE8]
 */
import { equalBytes, toId } from "../../shared/lib/bytes.ts";
import { HashTrie } from "../../shared/log/hash-trie.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import type { Partition } from "../../shared/log/partition.ts";
import { decodeRecord, hashRecord, keyHashOf } from "../../shared/record/encoding.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { Weight } from "./bounds.ts";
import type { PlacedChange, Records, StoredRecord } from "./records.ts";

export interface HeldRecord {
  readonly key: string;
  readonly record: CalicoRecord;
  /** Revision of the frame or blob that brought it. */
  readonly revision: number;
}

/** A change of what the view holds, for whoever serves it. */
export type ViewChange =
  /** `isNew`: the key was not held before. */
  | { readonly op: "put"; readonly held: HeldRecord; readonly isNew: boolean }
  | { readonly op: "delete"; readonly held: HeldRecord };

/** A put whose record was read. */
export interface ReadPut {
  readonly place: number;
  readonly key: string;
  readonly keyHash: Uint8Array;
  readonly recordHash: Uint8Array;
  readonly record: CalicoRecord;
}

export class HeldRecords {
  readonly #records: Records;
  /** The tag is the record's place, in both. */
  #confirmed = new HashTrie();
  #stale = new HashTrie();
  #bytes = 0;

  constructor(records: Records) {
    this.#records = records;
  }

  get size(): number {
    return this.#confirmed.size + this.#stale.size;
  }

  /**
   * What it would hold with these changes, stale records included.
   * @param isKeeping Deletions take nothing out, as in a repair.
   */
  weightWith(changes: readonly LogChange[], isKeeping: boolean): Weight {
    const after = new Map<
      string,
      { readonly keyHash: Uint8Array; readonly bytes: number | null }
    >();
    for (const change of changes) {
      const keyHash = change.op === "put" ? keyHashIn(change.bytes) : change.keyHash;
      const bytes = change.op === "put" ? change.bytes.length : null;
      if (keyHash !== null && (bytes !== null || !isKeeping))
        after.set(toId(keyHash), { keyHash, bytes });
    }
    let [records, bytes] = [this.size, this.#bytes];
    for (const next of after.values()) {
      const place = this.#confirmed.tagOf(next.keyHash) ?? this.#stale.tagOf(next.keyHash);
      records += Number(next.bytes !== null) - Number(place !== undefined);
      bytes += (next.bytes ?? 0) - (place === undefined ? 0 : this.#records.bytesAt(place));
    }
    return { records, bytes };
  }

  get staleCount(): number {
    return this.#stale.size;
  }

  /** Of what is confirmed. Not to be changed. */
  get trie(): HashTrie {
    return this.#confirmed;
  }

  /** Stale records included; all of them by default. */
  *records(partition?: Partition): Generator<HeldRecord> {
    for (const trie of [this.#confirmed, this.#stale])
      for (const { tag } of trie.entries(partition)) yield this.#read(tag);
  }

  /** Hashes of the keys of a partition: of its own, whatever becomes of what is held. */
  keys(partition: Partition): Uint8Array[] {
    return [this.#confirmed, this.#stale].flatMap((trie) =>
      Array.from(trie.entries(partition), ({ keyHash }) => keyHash.slice()),
    );
  }

  /** The record with this key, stale or not. */
  at(keyHash: Uint8Array): HeldRecord | null {
    const place = this.#confirmed.tagOf(keyHash) ?? this.#stale.tagOf(keyHash);
    return place === undefined ? null : this.#read(place);
  }

  /** Whether the key is held, with this very record or with another one. */
  compare(keyHash: Uint8Array, recordHash: Uint8Array | undefined): "same" | "other" | "absent" {
    const held = this.#confirmed.get(keyHash) ?? this.#stale.get(keyHash);
    if (held === undefined) return "absent";
    return recordHash !== undefined && equalBytes(held.recordHash, recordHash) ? "same" : "other";
  }

  /** From the view's file: a record that was held when it was rewritten. */
  restore(bytes: Uint8Array, place: number): void {
    const read = decodeRecord(bytes);
    if (!read.ok) return;
    const keyHash = keyHashOf(read.record);
    const before = this.#confirmed.tagOf(keyHash);
    if (before !== undefined) this.#bytes -= this.#records.bytesAt(before);
    this.#bytes += bytes.length;
    this.#confirmed.set(keyHash, hashRecord(bytes), place);
  }

  put(put: ReadPut, revision: number): ViewChange[] {
    const { keyHash, recordHash, key, record, place } = put;
    const hasStale = this.#stale.size > 0;
    const before =
      this.#confirmed.get(keyHash) ?? (hasStale ? this.#stale.get(keyHash) : undefined);
    if (hasStale) this.#stale.delete(keyHash);
    this.#confirmed.set(keyHash, recordHash, place);
    this.#bytes += this.#records.bytesAt(place);
    if (before !== undefined) this.#free(before.tag);
    if (before !== undefined && equalBytes(before.recordHash, recordHash)) return [];
    return [{ op: "put", held: { key, record, revision }, isNew: before === undefined }];
  }

  /**
   * Applies a deferred change, once nothing later has replaced it.
   * @param place `null`: deleted.
   */
  settle(keyHash: Uint8Array, place: number | null): ViewChange[] {
    if (place === null) {
      // fault: deleted-once-more
      this.doubt(keyHash);
      return [];
    }
    const { bytes, revision } = this.#records.read(place);
    const put = readPut({ bytes, place });
    return put === null ? [] : this.put(put, revision);
  }

  delete(keyHash: Uint8Array): ViewChange[] {
    const place = this.#confirmed.tagOf(keyHash) ?? this.#stale.tagOf(keyHash);
    if (place === undefined) return [];
    const held = this.#read(place);
    this.#confirmed.delete(keyHash);
    this.#stale.delete(keyHash);
    this.#free(place);
    return [{ op: "delete", held }];
  }

  /** Not confirmed any more. */
  doubt(keyHash: Uint8Array): void {
    const held = this.#confirmed.get(keyHash);
    if (held === undefined) return;
    this.#confirmed.delete(keyHash);
    this.#stale.set(keyHash, held.recordHash, held.tag);
  }

  /** Nothing of a partition is confirmed but these ids of keys. */
  doubtAllBut(confirmed: ReadonlySet<string>, partition: Partition): void {
    // A list of its own: the loop takes entries out.
    const before = Array.from(this.#confirmed.entries(partition));
    for (const { keyHash, recordHash, tag } of before) {
      if (confirmed.has(toId(keyHash))) continue;
      this.#confirmed.delete(keyHash);
      this.#stale.set(keyHash, recordHash, tag);
    }
  }

  /** Deletes what is stale. */
  sweep(): ViewChange[] {
    return Array.from(this.#stale.entries()).map(({ keyHash, tag }) => {
      const held = this.#read(tag);
      this.#stale.delete(keyHash);
      this.#free(tag);
      return { op: "delete", held };
    });
  }

  /**
   * Where everything lies, stale or not, in the order of places: read like this it costs a quarter.
   */
  places(): Float64Array {
    const places = new Float64Array(this.size);
    let at = 0;
    for (const trie of [this.#confirmed, this.#stale])
      for (const { tag } of trie.entries()) places[at++] = tag;
    return places.sort();
  }

  /** The file was rewritten. @param places Of what is confirmed, in the order of the keys. */
  move(places: Float64Array): void {
    let at = 0;
    for (const { keyHash, recordHash } of this.#confirmed.entries())
      this.#confirmed.set(keyHash, recordHash, places[at++] as number);
  }

  /** Holds this and nothing else from now on. */
  replace(trie: HashTrie): void {
    this.#confirmed = trie;
    this.#stale = new HashTrie();
    this.#bytes = 0;
    for (const { tag } of trie.entries()) this.#bytes += this.#records.bytesAt(tag);
  }

  #free(place: number): void {
    this.#bytes -= this.#records.bytesAt(place);
    this.#records.free(place);
  }

  #read(place: number): HeldRecord {
    return heldOf(this.#records.read(place));
  }
}

/** `null` for a record that is malformed. */
function keyHashIn(bytes: Uint8Array): Uint8Array | null {
  const read = decodeRecord(bytes);
  return read.ok ? keyHashOf(read.record) : null;
}

/** `null` for a record that is malformed: never from our hub. */
export function readPut({
  bytes,
  place,
  known,
}: Pick<Extract<PlacedChange, { op: "put" }>, "bytes" | "place" | "known">): ReadPut | null {
  if (known !== undefined) {
    const { key, keyHash, recordHash, record } = known;
    return { place, key, keyHash, recordHash, record };
  }
  const read = decodeRecord(bytes);
  if (!read.ok) return null;
  const { record } = read;
  return {
    place,
    key: keyOf(record),
    keyHash: keyHashOf(record),
    recordHash: hashRecord(bytes),
    record,
  };
}

/** @throws Error for bytes that were never a record: only such are given a place. */
export function heldOf({ bytes, revision }: StoredRecord): HeldRecord {
  const read = decodeRecord(bytes);
  if (!read.ok) throw new Error(`BUG: a held record is unreadable: ${read.error.rule}`);
  return { key: keyOf(read.record), record: read.record, revision };
}
