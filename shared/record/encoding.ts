/**
 * The canonical encoding: equal records have equal bytes, whichever source, relay or version of the code made them, so that a hash of the
 * bytes is an identity and an upgrade republishes nothing. `decodeRecord` accepts nothing else: what it takes encodes back to the very
 * same bytes. [REC3] [REC4]
 */
import { equalBytes } from "../lib/bytes.ts";
import { quote } from "../lib/quote.ts";
import { isPlainMsgpack } from "../lib/plain-msgpack.ts";
import { sha256Prefix } from "../lib/sha256.ts";
import { pack, unpack } from "../lib/msgpack.ts";
import { FieldError } from "./fields.ts";
import type { FieldCodec } from "./fields.ts";
import { keyOf } from "./key.ts";
import type { CalicoRecord, Kind } from "./record.ts";
import { KINDS, SCHEMA, VALUE_VERSION } from "./schema.ts";

/** Longest encoded record, in bytes. A larger one is refused by name. */
export const MAX_RECORD_BYTES = 64 * 1024;

/** Bytes of a key hash and of a record hash. 96 bits: a collision is an accident that does not happen, and hurts its own origin only. */
export const HASH_BYTES = 12;

export type DecodedRecord =
  | { readonly ok: true; readonly record: CalicoRecord }
  | { readonly ok: false; readonly error: RecordError };

/** What is wrong with a record. `field` is a field's name, or `record` for the whole. */
export interface RecordError {
  readonly field: string;
  readonly rule: string;
}

type AnyFields = readonly (readonly [string, FieldCodec<unknown>])[];

function fieldsOf(kind: Kind): AnyFields {
  return SCHEMA[kind] as unknown as AnyFields;
}

/** @throws FieldError when an address or prefix of the record is not one; sources check first with `checkRecord`. */
export function encodeRecord(record: CalicoRecord): Uint8Array {
  const wire: unknown[] = [VALUE_VERSION, KINDS.indexOf(record.kind)];
  let kept = wire.length;
  const values = record as unknown as Readonly<Record<string, unknown>>;
  for (const [name, codec] of fieldsOf(record.kind)) {
    wire.push(codec.encode(values[name]));
    if (!isDefault(values[name], codec.fallback)) kept = wire.length;
  }
  return pack(wire.slice(0, kept));
}

function isDefault(value: unknown, fallback: unknown): boolean {
  if (typeof value !== "object" || value === null) return value === fallback;
  return (Array.isArray(value) ? value : Object.keys(value)).length === 0;
}

/** Total: any bytes give a record or the rule that they break. What it takes encodes back to the very same bytes. */
export function decodeRecord(bytes: Uint8Array): DecodedRecord {
  const read = readRecord(bytes);
  if (!read.ok || isCanonical(bytes, read.record)) return read;
  return { ok: false, error: { field: "record", rule: "must be in canonical encoding" } };
}

/**
 * Proven by looking where that is possible. A field's values and their wire forms are one to one (`fields.ts`), so two things are left that can differ:
 * how msgpack writes a value, and defaults at the end that were not cut off.
 */
function isCanonical(bytes: Uint8Array, record: CalicoRecord): boolean {
  if (!isPlainMsgpack(bytes)) return equalBytes(encodeRecord(record), bytes);
  const fields = fieldsOf(record.kind);
  const head = bytes[0] as number;
  const sent =
    (head === 0xdc ? ((bytes[1] as number) << 8) | (bytes[2] as number) : head - 0x90) - 2;
  if (sent === 0) return true;
  const last = fields[sent - 1];
  const values = record as unknown as Readonly<Record<string, unknown>>;
  return last !== undefined && !isDefault(values[last[0]], last[1].fallback);
}

/**
 * The same strict schema without the proof that the bytes are canonical: for a reader, whose hub has proven it, and who checks the hashes of the bytes by
 * digest. Half the time.
 */
export function readRecord(bytes: Uint8Array): DecodedRecord {
  const refuse = (field: string, rule: string): DecodedRecord => ({
    ok: false,
    error: { field, rule },
  });
  if (bytes.length > MAX_RECORD_BYTES)
    return refuse("record", `has ${bytes.length} bytes, the limit is ${MAX_RECORD_BYTES}`);
  const unpacked = unpack(bytes);
  if (!unpacked.ok || !Array.isArray(unpacked.value))
    return refuse("record", "must be a msgpack list");
  const [version, number, ...wire] = unpacked.value as unknown[];
  if (version !== VALUE_VERSION)
    return refuse("valueVersion", `is ${quote(version)}, this version knows ${VALUE_VERSION}`);
  const kind = typeof number === "number" ? KINDS[number] : undefined;
  if (kind === undefined) return refuse("kind", `unknown number ${quote(number)}`);
  const record: Record<string, unknown> = { kind };
  for (const [i, [name, codec]] of fieldsOf(kind).entries()) {
    try {
      record[name] = i < wire.length ? codec.decode(wire[i]) : requireDefault(codec);
    } catch (error) {
      if (error instanceof FieldError) return refuse(name, error.message);
      throw error;
    }
  }
  return { ok: true, record: record as unknown as CalicoRecord };
}

/** A field that is cut off stands for its default, which must be allowed there (a name has none). */
function requireDefault(codec: FieldCodec<unknown>): unknown {
  return codec.decode(codec.encode(codec.fallback));
}

/** Whether a source's record may be published; the error names the field and the rule. */
export function checkRecord(record: CalicoRecord): RecordError | null {
  const values = record as unknown as Readonly<Record<string, unknown>>;
  for (const [field, codec] of fieldsOf(record.kind)) {
    try {
      codec.decode(codec.encode(values[field]));
    } catch (error) {
      if (error instanceof FieldError) return { field, rule: error.message };
      throw error;
    }
  }
  const decoded = decodeRecord(encodeRecord(record));
  return decoded.ok ? null : decoded.error;
}

const utf8 = new TextEncoder();

/** First `HASH_BYTES` bytes of SHA-256 over the key path: the key's identity in logs, indexes and digests. */
export function hashKey(key: string): Uint8Array {
  return sha256Prefix(utf8.encode(key), HASH_BYTES);
}

export function hashRecord(bytes: Uint8Array): Uint8Array {
  return sha256Prefix(bytes, HASH_BYTES);
}

export function keyHashOf(record: CalicoRecord): Uint8Array {
  return hashKey(keyOf(record));
}
