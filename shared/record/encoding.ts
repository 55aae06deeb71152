/**
 * The canonical encoding: equal records have equal bytes, whichever source, relay or version of the
 * code made them, so that a hash of the bytes is an identity and an upgrade republishes nothing.
 * `decodeRecord` accepts nothing else: what it takes encodes back to the very same bytes. [REC3]
 * [REC4]
 */
import { must } from "../lib/assert.ts";
import { sha256Prefix } from "../lib/sha256.ts";
import { pack } from "../lib/msgpack.ts";
import type { FieldCodec } from "./field-codec.ts";
import { keyOf, keySegments } from "./key.ts";
import type { CalicoRecord, Kind, RecordDeletion } from "./record.ts";
import { KINDS, SCHEMA, VALUE_VERSION } from "./schema.ts";
import { FieldError, WireReader } from "./wire-reader.ts";
import { WireWriter } from "./wire-writer.ts";

/** Longest encoded record, in bytes. A larger one is refused by name. */
export const MAX_RECORD_BYTES = 64 * 1024;

/**
 * Bytes of a key hash and of a record hash. 96 bits: a collision is an accident that does not
 * happen, and hurts its own origin only.
 */
export const HASH_BYTES = 12;

const writer = new WireWriter();

/** Before the fields: the version and the kind. */
const HEAD_ENTRIES = 2;

export type DecodedRecord =
  | { readonly ok: true; readonly record: CalicoRecord }
  | { readonly ok: false; readonly error: RecordError };

/** A fault of a record. `field` is a field's name, or `record` for the whole. */
export interface RecordError {
  readonly field: string;
  readonly rule: string;
}

type AnyFields = readonly (readonly [string, FieldCodec<unknown>])[];

/** The layout of a kind, made once: tens of thousands of records a second are read. */
interface Layout {
  readonly fields: AnyFields;
  /**
   * Of each field: what it is when it was cut off, or the rule that forbids it (a name has no
   * default).
   */
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
    const wire = new WireReader(pack(codec.encode(codec.fallback)));
    return { value: Object.freeze(codec.decode(wire)) };
  } catch (error) {
    if (error instanceof FieldError) return { rule: error.message };
    throw error;
  }
}

/**
 * @throws FieldError when a value of the record cannot be spelled, as an address that is none; for
 *   records that were checked before.
 */
export function encodeRecord(record: CalicoRecord): Uint8Array {
  return packFields(record, encodeField);
}

function packFields(record: CalicoRecord, encode: typeof encodeField): Uint8Array {
  const wire: unknown[] = [VALUE_VERSION, KINDS.indexOf(record.kind)];
  let kept = wire.length;
  const values = record as unknown as Readonly<Record<string, unknown>>;
  for (const [name, codec] of must(LAYOUTS.get(record.kind), record.kind).fields) {
    const encoded = encode(name, codec, values[name]);
    wire.push(encoded);
    // A list is that of a list or of a map, and to look into it is cheaper.
    const isCut = Array.isArray(encoded)
      ? encoded.length === 0
      : isDefault(values[name], codec.fallback);
    if (!isCut) kept = wire.length;
  }
  return writer.list(wire, kept);
}

function encodeField(name: string, codec: FieldCodec<unknown>, value: unknown): unknown {
  try {
    return codec.encode(value);
  } catch (error) {
    if (error instanceof FieldError) error.field = name;
    throw error;
  }
}

function encodeCheckedField(name: string, codec: FieldCodec<unknown>, value: unknown): unknown {
  const wire = encodeField(name, codec, value);
  try {
    codec.check(value, wire);
  } catch (error) {
    if (error instanceof FieldError) error.field = name;
    throw error;
  }
  return wire;
}

function isDefault(value: unknown, fallback: unknown): boolean {
  if (typeof value !== "object" || value === null) return value === fallback;
  if (Array.isArray(value)) return value.length === 0;
  for (const key in value) if (Object.hasOwn(value, key)) return false;
  return true;
}

/**
 * Total: any bytes give a record or the rule that they break. What it takes encodes back to the
 * very same bytes.
 */
export function decodeRecord(bytes: Uint8Array): DecodedRecord {
  if (bytes.length > MAX_RECORD_BYTES) return refuse("record", tooLong(bytes));
  const wire = new WireReader(bytes);
  try {
    const sent = wire.list() - HEAD_ENTRIES;
    if (sent < 0) return refuse("record", "must be a msgpack list");
    const version = wire.uint();
    if (version !== VALUE_VERSION)
      return refuse("valueVersion", `is ${spell(version)}, this version knows ${VALUE_VERSION}`);
    const number = wire.uint();
    const kind = KINDS[number];
    if (kind === undefined) return refuse("kind", `unknown: ${spell(number)}`);
    return readFields(wire, must(LAYOUTS.get(kind), kind), sent);
  } catch (error) {
    if (error instanceof FieldError) return refuse(error.field, error.message);
    throw error;
  }
}

function spell(number: number): string {
  return number < 0 ? "no number below 65,536" : `${number}`;
}

/**
 * A value and its wire form are one to one, and the reader takes no second way to write one; so two
 * things are left that are not canonical: defaults at the end that were not cut off, and whatever
 * comes behind.
 */
function readFields(wire: WireReader, layout: Layout, sent: number): DecodedRecord {
  const { fields, defaults, blank } = layout;
  const record: Record<string, unknown> = { ...blank };
  for (let i = 0; i < fields.length; i++) {
    const [name, codec] = fields[i] as AnyFields[number];
    if (i < sent) record[name] = decodeField(wire, name, codec);
    else {
      const cutOff = defaults[i] as Layout["defaults"][number];
      if ("rule" in cutOff) return refuse(name, cutOff.rule);
      record[name] = cutOff.value;
    }
  }
  const last = sent === 0 ? undefined : fields[sent - 1];
  const isCut = last === undefined || !isDefault(record[last[0]], last[1].fallback);
  if (sent > fields.length || !isCut || !wire.isAtEnd)
    return refuse("record", "must be in canonical encoding");
  return { ok: true, record: record as unknown as CalicoRecord };
}

function decodeField(wire: WireReader, name: string, codec: FieldCodec<unknown>): unknown {
  try {
    return codec.decode(wire);
  } catch (error) {
    if (error instanceof FieldError) error.field = name;
    throw error;
  }
}

function refuse(field: string, rule: string): DecodedRecord {
  return { ok: false, error: { field, rule } };
}

/**
 * A record and all that is made of it, each once: what publishes it takes it in this form, which is
 * that of a change. [SRC91]
 */
export interface EncodedRecord {
  readonly op: "put";
  readonly record: CalicoRecord;
  readonly key: string;
  readonly keyHash: Uint8Array;
  readonly bytes: Uint8Array;
  readonly recordHash: Uint8Array;
}

/** A change as sources give it. */
export type EncodedChange = EncodedRecord | RecordDeletion;

export type EncodeResult =
  | { readonly kind: "ok"; readonly encoded: EncodedRecord }
  | { readonly kind: "problem"; readonly problem: RecordError };

/** Whether a record may be published, and its encoding if so: `decodeRecord` takes the bytes. */
export function encodeChecked(record: CalicoRecord): EncodeResult {
  try {
    const bytes = packFields(record, encodeCheckedField);
    if (bytes.length > MAX_RECORD_BYTES)
      return { kind: "problem", problem: { field: "record", rule: tooLong(bytes) } };
    const key = keyOf(record);
    const [keyHash, recordHash] = [hashKey(key), hashRecord(bytes)];
    return { kind: "ok", encoded: { op: "put", record, key, keyHash, bytes, recordHash } };
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    return { kind: "problem", problem: { field: error.field, rule: error.message } };
  }
}

/** Total: a record as JSON has it, of any origin. The error names the field and the rule. */
export function readRecord(value: { readonly kind: string }): DecodedRecord {
  try {
    return decodeRecord(encodeRecord(value as CalicoRecord));
  } catch (error) {
    if (error instanceof FieldError) return refuse(error.field, error.message);
    return refuse("record", `must be a record of kind ${JSON.stringify(value.kind)}`);
  }
}

function tooLong(bytes: Uint8Array): string {
  return `has ${bytes.length} bytes, the limit is ${MAX_RECORD_BYTES}`;
}

const utf8 = new TextEncoder();

/**
 * First `HASH_BYTES` bytes of SHA-256 over the key path: the key's identity in logs, indexes and
 * digests.
 */
export function hashKey(key: string): Uint8Array {
  const { length } = key;
  if (length > keyBytes.length) return sha256Prefix(utf8.encode(key), HASH_BYTES);
  for (let i = 0; i < length; i++) {
    const code = key.charCodeAt(i);
    if (code >= 0x80) return sha256Prefix(utf8.encode(key), HASH_BYTES);
    keyBytes[i] = code;
  }
  return sha256Prefix(keyBytes, HASH_BYTES, length);
}

export function hashRecord(bytes: Uint8Array): Uint8Array {
  return sha256Prefix(bytes, HASH_BYTES);
}

const SLASH = 0x2f;
const PERCENT = 0x25;
const keyBytes = new Uint8Array(512);
/** Behind it there is room for an escape and for all slashes of a path. */
const KEY_ROOM = keyBytes.length - 16;

/**
 * The same as `hashKey(keyOf(record))`, for every change that comes in: most keys are short and
 * ASCII, and their text need not be made.
 */
export function keyHashOf(record: CalicoRecord): Uint8Array {
  const segments = keySegments(record);
  let at = 0;
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i] as string;
    keyBytes[at++] = SLASH;
    for (let j = 0; j < segment.length; j++) {
      const code = segment.charCodeAt(j);
      if (code >= 0x80 || at >= KEY_ROOM) return hashKey(keyOf(record));
      if (code === SLASH || code === PERCENT) {
        keyBytes[at++] = PERCENT;
        keyBytes[at++] = 0x32;
        keyBytes[at++] = code === SLASH ? 0x66 : 0x35;
      } else keyBytes[at++] = code;
    }
  }
  return sha256Prefix(keyBytes, HASH_BYTES, at);
}
