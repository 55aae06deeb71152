/**
 * What comes from Typha: key/values as bytes that are ready to be scanned, everything else decoded.
 * The first `MsgKVs` of a stream is decoded in full, because it comes with its types; from then on
 * a message that begins like it is not decoded any more. [TYP13]
 */
import { encodeKvsValue, encodeUpdate, KVS_START } from "./encode.ts";
import { GobError, GobReader, GobWriter } from "./gob/bytes.ts";
import type { Chunk } from "./gob/chunks.ts";
import { GobDecoder } from "./gob/decoder.ts";
import { BUILTIN } from "./gob/types.ts";
import type { WireType } from "./gob/types.ts";
import { NAME_PREFIX, readMessage } from "./messages.ts";
import type { TyphaMessage } from "./messages.ts";

/** A `MsgKVs`, undecoded. */
export interface RawKvs {
  readonly type: "raw";
  readonly bytes: Uint8Array;
  /** Where its fields begin. */
  readonly from: number;
  /** Whether all the bytes are a message as we write it: they can go on together. */
  readonly isOurs: boolean;
  /** Decodes it after all: an element that the scanner does not know, written as we write it. */
  decoded(): RawKvs;
  /** A copy, for who keeps it: the bytes are good for the moment only. */
  kept(): RawKvs;
}

export type FromTypha = Exclude<TyphaMessage, { type: "MsgKVs" }> | RawKvs;

/** The fields of `SerializedUpdate` as every Typha so far defines them. */
const UPDATE_FIELDS = [
  ["Key", BUILTIN.string],
  ["Value", BUILTIN.bytes],
  ["Revision", BUILTIN.interface],
  ["V3ResourceVersion", BUILTIN.string],
  ["TTL", BUILTIN.int],
  ["UpdateType", BUILTIN.uint],
] as const;

export class TyphaReader {
  readonly #decoder: GobDecoder;
  /** How an undecoded `MsgKVs` begins on this stream; `null` before the first. */
  #start: Uint8Array | null = null;

  /**
   * @param maxMessageBytes A longer message breaks the connection as soon as its length is read.
   */
  constructor(maxMessageBytes: number) {
    this.#decoder = new GobDecoder(maxMessageBytes);
  }

  /** @returns The message that the chunk completes. @throws GobError for good. */
  read(chunk: Chunk): FromTypha | null {
    return this.#rawKvs(chunk) ?? this.#decode(chunk);
  }

  #rawKvs(chunk: Chunk): RawKvs | null {
    const { whole, head } = chunk;
    const start = this.#start;
    if (start === null || this.#decoder.pendingBytes > 0) return null;
    if (whole.length < head + start.length + 4) return null;
    // From the end: there the type ids are.
    for (let at = start.length - 1; at >= 0; at--) if (whole[head + at] !== start[at]) return null;
    const rest = new GobReader(whole.subarray(head + start.length));
    const before = rest.left;
    const length = rest.length();
    const from = head + start.length + before - rest.left;
    // Behind the value only the end of the envelope.
    if (from + length + 1 !== whole.length || whole[whole.length - 1] !== 0)
      throw new GobError("MsgKVs has another length than it says");
    // The type ids are all that differs from ours, and where they are as long they are exchanged in
    // place.
    const isOurs = start.length === KVS_START.length;
    if (isOurs) whole.set(KVS_START, head);
    return this.#raw(whole, head, from, isOurs, start);
  }

  #raw(whole: Uint8Array, head: number, from: number, isOurs: boolean, start: Uint8Array): RawKvs {
    return {
      type: "raw",
      bytes: whole,
      from,
      isOurs,
      decoded: () => {
        const original = new Uint8Array(whole);
        original.set(start, head);
        const message = this.#decode({ whole: original, head });
        if (message?.type !== "raw") throw new GobError("MsgKVs is cut off");
        return message;
      },
      kept: () => this.#raw(new Uint8Array(whole), head, from, isOurs, start),
    };
  }

  #decode(chunk: Chunk): FromTypha | null {
    const value = this.#decoder.feedChunk(chunk);
    if (value === undefined) return null;
    const message = readMessage(value);
    if (message.type !== "MsgKVs") return message;
    this.#start ??= kvsStart(this.#decoder.types);
    const bytes = encodeKvsValue(message.kvs.map(encodeUpdate));
    const raw: RawKvs = {
      type: "raw",
      bytes,
      from: 0,
      isOurs: false,
      decoded: () => raw,
      kept: () => raw,
    };
    return raw;
  }
}

/**
 * The bytes between a chunk's length and the length of its `MsgKVs`; `null` when this stream's
 * types are not the known ones.
 */
function kvsStart(types: ReadonlyMap<number, WireType>): Uint8Array | null {
  const envelope = structNamed(types, "Envelope");
  const kvs = structNamed(types, "MsgKVs");
  const update = structNamed(types, "SerializedUpdate");
  if (envelope === null || kvs === null || update === null) return null;
  const list = kvs.fields.length === 1 ? types.get(kvs.fields[0]?.id ?? 0) : undefined;
  const isKnown =
    envelope.fields.length === 1 &&
    list?.kind === "slice" &&
    list.element === update.id &&
    update.fields.length === UPDATE_FIELDS.length &&
    UPDATE_FIELDS.every(
      ([name, id], n) => update.fields[n]?.name === name && update.fields[n]?.id === id,
    );
  if (!isKnown) return null;
  return new GobWriter().int(envelope.id).uint(1).text(`${NAME_PREFIX}MsgKVs`).int(kvs.id).finish();
}

function structNamed(types: ReadonlyMap<number, WireType>, name: string) {
  for (const [id, type] of types)
    if (type.kind === "struct" && type.name === name) return { id, fields: type.fields };
  return null;
}
