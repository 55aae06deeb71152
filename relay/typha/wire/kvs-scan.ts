/**
 * Reads the elements of a `MsgKVs` without decoding them: where key and value lie, and the update
 * type. An element holds no type id of its stream (its one interface value is a `string`, a
 * built-in type), so its bytes can go on to anybody as they came. [TYP13]
 */
import { GobError } from "./gob/bytes.ts";
import { UPDATE_TYPE } from "./messages.ts";
import type { RawKvs } from "./typha-reader.ts";

const STRING_NAME = Buffer.from("string");
const STRING_ID = 12; // int(6)

/** A longer key is none of Calico's: paths of a few names of at most 253 bytes. */
export const MAX_KEY_BYTES = 65_535;

/**
 * One element: offsets into the scanned bytes. The same object for each, so that a scan allocates
 * nothing.
 */
export interface ScannedUpdate {
  start: number;
  end: number;
  keyStart: number;
  keyEnd: number;
  /** Equal where the value is absent. */
  valueStart: number;
  valueEnd: number;
  updateType: number;
}

/** Thrown where an element is one that has to be decoded: not wrong, but not shaped as known. */
export class UnusualUpdate extends Error {}

export class KvsScanner {
  readonly #bytes: Uint8Array;
  readonly update: ScannedUpdate = {
    start: 0,
    end: 0,
    keyStart: 0,
    keyEnd: 0,
    valueStart: 0,
    valueEnd: 0,
    updateType: 0,
  };
  /** Elements that are left. */
  #count: number;
  #at: number;

  /** @param from Where the value of `MsgKVs` begins (its first field). */
  constructor(bytes: Uint8Array, from: number) {
    this.#bytes = bytes;
    this.#at = from;
    const delta = this.#uint();
    if (delta > 1) throw new UnusualUpdate("MsgKVs has more fields");
    this.#count = delta === 0 ? 0 : this.#uint();
  }

  get count(): number {
    return this.#count;
  }

  get at(): number {
    return this.#at;
  }

  /**
   * Moves to the next element; `false` behind the last.
   * @throws GobError where bytes are missing.
   */
  next(): boolean {
    if (this.#count === 0) return false;
    this.#count--;
    const { update } = this;
    update.start = this.#at;
    update.keyStart = update.keyEnd = update.valueStart = update.valueEnd = this.#at;
    update.updateType = UPDATE_TYPE.unknown;
    if (this.#usual()) return true;
    let field = -1;
    for (;;) {
      const delta = this.#uint();
      if (delta === 0) break;
      field += delta;
      switch (field) {
        case 0:
          update.keyEnd = this.#bytesField();
          update.keyStart = this.#lastStart;
          if (update.keyEnd - update.keyStart > MAX_KEY_BYTES)
            throw new GobError(`key of ${update.keyEnd - update.keyStart} bytes`);
          break;
        case 1:
          update.valueEnd = this.#bytesField();
          update.valueStart = this.#lastStart;
          break;
        case 2:
          this.#revision();
          break;
        case 3:
          this.#bytesField();
          break;
        case 4:
          this.#skipInteger();
          break;
        case 5:
          update.updateType = this.#uint();
          break;
        default:
          throw new UnusualUpdate(`field ${field} of an update`);
      }
    }
    update.end = this.#at;
    return true;
  }

  /**
   * Reads an element with key, value, revision and update type and nothing else, as nearly all are,
   * in one go: twice as fast. Answers `false`, having moved nothing, for any other.
   */
  #usual(): boolean {
    const { update } = this;
    const bytes = this.#bytes;
    let at = this.#at;
    if (bytes[at] !== 1) return false;
    const key = bytes[at + 1] ?? 128;
    if (key >= 128) return false;
    const keyStart = at + 2;
    at = keyStart + key;
    if (bytes[at] !== 1) return false;
    let value = bytes[at + 1] ?? 255;
    let valueStart = at + 2;
    if (value === 0xff) value = bytes[valueStart++] ?? 0;
    else if (value === 0xfe) {
      value = (bytes[valueStart] ?? 0) * 256 + (bytes[valueStart + 1] ?? 0);
      valueStart += 2;
    } else if (value >= 128) return false;
    at = valueStart + value;
    if (bytes[at] !== 1 || bytes[at + 1] !== STRING_NAME.length) return false;
    at += 2;
    for (let n = 0; n < STRING_NAME.length; n++) if (bytes[at + n] !== STRING_NAME[n]) return false;
    at += STRING_NAME.length;
    const revision = bytes[at + 1] ?? 128;
    if (bytes[at] !== STRING_ID || revision >= 128) return false;
    at += 2 + revision;
    const updateType = bytes[at + 1] ?? 128;
    if (bytes[at] !== 3 || updateType >= 128 || bytes[at + 2] !== 0) return false;
    update.keyStart = keyStart;
    update.keyEnd = keyStart + key;
    update.valueStart = valueStart;
    update.valueEnd = valueStart + value;
    update.updateType = updateType;
    update.end = this.#at = at + 3;
    return true;
  }

  #lastStart = 0;

  #bytesField(): number {
    const length = this.#uint();
    this.#lastStart = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new GobError("value is cut off");
    return this.#at;
  }

  /** An interface value that is a string; `nil` cannot be (it would have been left out as zero). */
  #revision(): void {
    const length = this.#uint();
    if (length !== STRING_NAME.length) throw new UnusualUpdate("a revision that is no string");
    for (let n = 0; n < length; n++)
      if (this.#bytes[this.#at + n] !== STRING_NAME[n])
        throw new UnusualUpdate("a revision that is no string");
    this.#at += length;
    if (this.#uint() !== STRING_ID) throw new UnusualUpdate("a revision that is no string");
    this.#bytesField();
  }

  #skipInteger(): void {
    const first = this.#bytes[this.#at++];
    if (first === undefined) throw new GobError("value is cut off");
    if (first >= 128) this.#at += 256 - first;
  }

  #uint(): number {
    const first = this.#bytes[this.#at++];
    if (first === undefined) throw new GobError("value is cut off");
    if (first < 128) return first;
    const length = 256 - first;
    if (length > 6) throw new GobError(`integer of ${length} bytes`);
    let value = 0;
    for (let n = 0; n < length; n++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new GobError("value is cut off");
      value = value * 256 + byte;
    }
    return value;
  }
}

/**
 * Only an absent value with this type deletes; a deletion with a value is a value (calico v3.32.1
 * typha/pkg/syncproto/sync_proto.go).
 */
export function isDeletion(update: ScannedUpdate): boolean {
  return update.valueStart === update.valueEnd && update.updateType === UPDATE_TYPE.deleted;
}

/**
 * The same, sure to be taken without an error: for who takes it later, when nobody could say any
 * more whose error it was.
 * @throws GobError
 */
export function checked(kvs: RawKvs): RawKvs {
  try {
    for (const scanner = new KvsScanner(kvs.bytes, kvs.from); scanner.next(););
    return kvs;
  } catch (error) {
    if (!(error instanceof UnusualUpdate)) throw error;
    return kvs.decoded();
  }
}

/**
 * The elements of a `MsgKVs`, one by one, for who reads them; `value` is a view of its bytes,
 * `null` where it is absent.
 */
export function* scanned(kvs: RawKvs): Generator<{
  readonly key: string;
  readonly value: Uint8Array | null;
  readonly updateType: number;
}> {
  let { bytes, from } = kvs;
  let scanner = new KvsScanner(bytes, from);
  for (let n = 0, isMore = true; isMore; n++) {
    try {
      isMore = scanner.next();
    } catch (error) {
      if (!(error instanceof UnusualUpdate)) throw error;
      ({ bytes, from } = kvs.decoded());
      scanner = new KvsScanner(bytes, from);
      for (let before = 0; before <= n; before++) isMore = scanner.next();
    }
    if (!isMore) return;
    const { keyStart, keyEnd, valueStart, valueEnd, updateType } = scanner.update;
    const key = Buffer.from(bytes.buffer, bytes.byteOffset + keyStart, keyEnd - keyStart);
    const value = valueEnd > valueStart ? bytes.subarray(valueStart, valueEnd) : null;
    yield { key: key.toString("utf8"), value, updateType };
  }
}
