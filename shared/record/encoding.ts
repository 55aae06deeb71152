/**
 * The canonical encoding: equal records have equal bytes, whichever source, relay or version of the code made them, so that a hash of the
 * bytes is an identity and an upgrade republishes nothing. `decodeRecord` accepts nothing else: what it takes encodes back to the very
 * same bytes. [REC3] [REC4]
 */
import { must } from "../lib/assert.ts";
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

/** Before the fields: the version and the kind. */
const HEAD_ENTRIES = 2;

export type DecodedRecord =
  | { readonly ok: true; readonly record: CalicoRecord }
  | { readonly ok: false; readonly error: RecordError };

/** What is wrong with a record. `field` is a field's name, or `record` for the whole. */
export interface RecordError {
  readonly field: string;
  readonly rule: string;
}

type AnyFields = readonly (readonly [string, FieldCodec<unknown>])[];

/** What reading a kind takes, made once: tens of thousands of records a second are read. */
interface Layout {
  readonly fields: AnyFields;
  /** Of each field: what it is when it was cut off, or the rule that forbids it (a name has no default). */
  readonly defaults: readonly ({ readonly value: unknown } | { readonly rule: string })[];
  /** Has all fields, so that a record is a copy of it and no object grows field by field. */
  readonly blank: Readonly<Record<string, unknown>>;
}

const LAYOUTS = new Map(KINDS.map((kind) => [kind, layoutOf(kind)]));

function layoutOf(kind: Kind): Layout {
  const fields = SCHEMA[kind] as unknown as AnyFields;
  return {
    fields,
    defaults: fields.map(([, codec]) => defaultOf(codec)),
    blank: Object.fromEntries([["kind", kind], ...fields.map(([name]) => [name, undefined])]),
  };
}

function defaultOf(codec: FieldCodec<unknown>): Layout["defaults"][number] {
  try {
    return { value: Object.freeze(codec.decode(codec.encode(codec.fallback))) };
  } catch (error) {
    if (error instanceof FieldError) return { rule: error.message };
    throw error;
  }
}

function fieldsOf(kind: Kind): AnyFields {
  return must(LAYOUTS.get(kind), kind).fields;
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
    (head === 0xdc ? ((bytes[1] as number) << 8) | (bytes[2] as number) : head - 0x90) -
    HEAD_ENTRIES;
  if (sent === 0) return true;
  const last = fields[sent - 1];
  const values = record as unknown as Readonly<Record<string, unknown>>;
  return last !== undefined && !isDefault(values[last[0]], last[1].fallback);
}

function refuse(field: string, rule: string): DecodedRecord {
  return { ok: false, error: { field, rule } };
}

/**
 * The same strict schema without the proof that the bytes are canonical: for a reader, whose hub has proven it, and who checks the hashes of the bytes by
 * digest. Half the time.
 */
export function readRecord(bytes: Uint8Array): DecodedRecord {
  if (bytes.length > MAX_RECORD_BYTES)
    return refuse("record", `has ${bytes.length} bytes, the limit is ${MAX_RECORD_BYTES}`);
  const unpacked = unpack(bytes);
  if (!unpacked.ok || !Array.isArray(unpacked.value))
    return refuse("record", "must be a msgpack list");
  const wire = unpacked.value as unknown[];
  const [version, number] = wire;
  if (version !== VALUE_VERSION)
    return refuse("valueVersion", `is ${quote(version)}, this version knows ${VALUE_VERSION}`);
  const kind = typeof number === "number" ? KINDS[number] : undefined;
  if (kind === undefined) return refuse("kind", `unknown number ${quote(number)}`);
  const { fields, defaults, blank } = must(LAYOUTS.get(kind), kind);
  const record: Record<string, unknown> = { ...blank };
  let at = 0;
  try {
    for (; at < fields.length; at++) {
      const [name, codec] = fields[at] as AnyFields[number];
      if (at + HEAD_ENTRIES < wire.length) record[name] = codec.decode(wire[at + HEAD_ENTRIES]);
      else {
        const cutOff = defaults[at] as Layout["defaults"][number];
        if ("rule" in cutOff) return refuse(name, cutOff.rule);
        record[name] = cutOff.value;
      }
    }
  } catch (error) {
    if (error instanceof FieldError) return refuse(fields[at]?.[0] ?? "record", error.message);
    throw error;
  }
  return { ok: true, record: record as unknown as CalicoRecord };
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
/** Most keys fit, and are ASCII: to write them here is cheaper than the runtime's encoder, and leaves nothing behind. */
const keyBytes = new Uint8Array(512);

/** First `HASH_BYTES` bytes of SHA-256 over the key path: the key's identity in logs, indexes and digests. */
export function hashKey(key: string): Uint8Array {
  if (key.length > keyBytes.length) return sha256Prefix(utf8.encode(key), HASH_BYTES);
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i);
    if (code >= 0x80) return sha256Prefix(utf8.encode(key), HASH_BYTES);
    keyBytes[i] = code;
  }
  return sha256Prefix(keyBytes, HASH_BYTES, key.length);
}

export function hashRecord(bytes: Uint8Array): Uint8Array {
  return sha256Prefix(bytes, HASH_BYTES);
}

export function keyHashOf(record: CalicoRecord): Uint8Array {
  return hashKey(keyOf(record));
}
