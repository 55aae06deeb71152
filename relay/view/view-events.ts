/**
 * The bodies of a view file: the opened messages as they were applied, their records in
 * plain, each at a place of its own from where it is read again. After a rewriting: the records
 * that were held, then where the view stood.
 *
 * A body is `[length of meta][meta][record]…`, a record `[length][revision][bytes]`.
 */
import { pack, unpack } from "../../shared/lib/msgpack.ts";
import { parseMeta } from "./file-meta.ts";
import type { OpenedBody } from "./file-meta.ts";
import type { Opened, Placed } from "./opened.ts";
import { placed } from "./opened.ts";
import type { StoredRecord } from "./records.ts";

/**
 * A record's place says where it lies and how many bytes it has (64 KiB at most), so that what a
 * view holds is counted without reading it. In the order of places records lie in the file.
 */
const LENGTHS = 2 ** 17;

function placeOf(at: number, length: number): number {
  return at * LENGTHS + length;
}

/** Bytes of the record at a place. */
export function lengthAt(place: number): number {
  return place % LENGTHS;
}

/** Length, 32 bits, and revision, 48 bits. */
const RECORD_HEADER_BYTES = 10;

/**
 * A body in the making, for a place that is known before. One at a time: its buffer is that of the
 * one before, because a first view makes megabytes of bodies a second, and memory that is given
 * back late is memory that a relay seems to need.
 */
export class Body {
  static #scratch = Buffer.allocUnsafeSlow(256 * 1024);
  readonly #at: number;
  #length: number;

  /** @param at Where in the file it will be. */
  constructor(at: number, meta: object) {
    const packed = pack(meta);
    this.#at = at;
    this.#length = 4 + packed.length;
    this.#reserve(0);
    Body.#scratch.writeUInt32LE(packed.length);
    Body.#scratch.set(packed, 4);
  }

  get length(): number {
    return this.#length;
  }

  /** Answers the record's place. */
  addRecord(bytes: Uint8Array, revision: number): number {
    const from = this.#length;
    this.#length += RECORD_HEADER_BYTES + bytes.length;
    this.#reserve(from);
    Body.#scratch.writeUInt32LE(bytes.length, from);
    Body.#scratch.writeUIntLE(revision, from + 4, 6);
    Body.#scratch.set(bytes, from + RECORD_HEADER_BYTES);
    return placeOf(this.#at + from, bytes.length);
  }

  /** Valid until more is added, or the next body begun. */
  get bytes(): Buffer {
    return Body.#scratch.subarray(0, this.#length);
  }

  #reserve(kept: number): void {
    if (this.#length <= Body.#scratch.length) return;
    const grown = Buffer.allocUnsafeSlow(2 * this.#length);
    Body.#scratch.copy(grown, 0, 0, kept);
    Body.#scratch = grown;
  }
}

/** A message's body, and the message with its records placed. */
export function bodyOf(
  opened: Opened,
  at: number,
): { readonly body: Body; readonly message: Placed } {
  const meta =
    opened.type === "tail" || opened.type === "blob"
      ? { ...opened, changes: opened.changes.filter((change) => change.op === "delete") }
      : opened;
  const body = new Body(at, meta);
  return { body, message: placed(opened, (bytes, revision) => body.addRecord(bytes, revision)) };
}

export interface ReadBody {
  readonly meta: OpenedBody;
  /** With their places. */
  readonly records: readonly (StoredRecord & { readonly place: number })[];
}

/** The meta of a body, without its records. @returns `null` for what this version does not know. */
export function readMeta(body: Buffer): OpenedBody | null {
  // Copied: what is unpacked are views, and the scan's buffer goes on to the next body.
  const meta = unpack(Uint8Array.from(body.subarray(4, 4 + body.readUInt32LE(0))));
  // fault: torn-body-unread
  return meta.ok ? parseMeta(meta.value) : null;
}

/** @param at Where in the file the body is. @returns `null` for what this version does not know. */
export function readBody(body: Buffer, at: number): ReadBody | null {
  const metaEnd = 4 + body.readUInt32LE(0);
  const meta = readMeta(body);
  if (meta === null) return null;
  const records = [];
  for (let from = metaEnd; from < body.length;) {
    const record = recordAt(body, from);
    records.push({ ...record, place: placeOf(at + from, record.bytes.length) });
    from += RECORD_HEADER_BYTES + record.bytes.length;
  }
  return { meta, records };
}

function recordAt(bytes: Buffer, from: number): StoredRecord {
  const length = bytes.readUInt32LE(from);
  const start = from + RECORD_HEADER_BYTES;
  return {
    revision: bytes.readUIntLE(from + 4, 6),
    bytes: new Uint8Array(bytes.subarray(start, start + length)),
  };
}

/** The record at a place. @param read Of the file. */
export function readPlace(
  read: (at: number, length: number) => Buffer,
  place: number,
): StoredRecord {
  const at = Math.floor(place / LENGTHS);
  return recordAt(read(at, RECORD_HEADER_BYTES + lengthAt(place)), 0);
}

/** A message of a file, as it was applied. */
export function replayed(meta: Opened, records: ReadBody["records"]): Placed {
  if (meta.type !== "tail" && meta.type !== "blob") return meta;
  const puts = records.map(({ bytes, place }) => ({ op: "put", bytes, place }) as const);
  const deletes = meta.changes.filter((change) => change.op === "delete");
  return { ...meta, changes: [...puts, ...deletes] };
}
