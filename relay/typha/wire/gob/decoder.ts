/**
 * An incremental gob decoder: bytes in any pieces go in, values come out. One value may span
 * several length-delimited chunks, because Go flushes a type definition in the middle of a message
 * when an interface first meets its type (`encode.go:encodeInterface`); a decoder that takes "one
 * chunk, one message" is wrong on the first message of every Go stream. [TYP1]
 */
import { GobError, GobReader } from "./bytes.ts";
import { BUILTIN, readDefinition } from "./types.ts";
import { ChunkCutter } from "./chunks.ts";
import type { Chunk } from "./chunks.ts";
import type { TypeTable, WireType } from "./types.ts";

/**
 * A decoded value: structs are objects with the fields that were sent, interfaces are `Dynamic`.
 */
export type GobValue =
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | null
  | readonly GobValue[]
  | GobStruct
  | Dynamic;

export interface GobStruct {
  readonly [field: string]: GobValue;
}

/** An interface value: the registered name of its type, and the value. */
export class Dynamic {
  readonly name: string;
  readonly value: GobValue;

  constructor(name: string, value: GobValue) {
    this.name = name;
    this.value = value;
  }
}

/** Nesting of values: syncproto needs five. */
const MAX_DEPTH = 32;

/** Thrown when a message goes on in a chunk that has not arrived. */
class NeedChunk extends Error {}

/**
 * Chunks of one message: Go needs one, and one for each type that the message is the first to use.
 */
const MAX_CHUNKS = 32;

export class GobDecoder {
  readonly #maxMessageBytes: number;
  readonly #cutter: ChunkCutter;
  #chunks: Uint8Array[] = [];
  #chunkBytes = 0;
  #types: TypeTable = new Map();

  /** @param maxMessageBytes A longer message is refused as soon as its length is read. */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#cutter = new ChunkCutter(maxMessageBytes);
  }

  /** Bytes that were fed and belong to no complete value yet. */
  get pendingBytes(): number {
    return this.#cutter.heldBytes + this.#chunkBytes;
  }

  /** What the stream has defined so far. */
  get types(): ReadonlyMap<number, WireType> {
    return this.#types;
  }

  /** @returns Values that are complete now. @throws GobError for good. */
  feed(bytes: Uint8Array): GobValue[] {
    const values: GobValue[] = [];
    for (const chunk of this.#cutter.cut(bytes)) {
      const value = this.feedChunk(chunk);
      if (value !== undefined) values.push(value);
    }
    return values;
  }

  /**
   * The same for a chunk that somebody else has cut. Values are views of it; what is kept for the
   * next chunk is a copy.
   */
  feedChunk({ whole, head }: Chunk): GobValue | undefined {
    this.#chunks.push(whole.subarray(head));
    this.#chunkBytes += whole.length;
    if (this.#chunkBytes > this.#maxMessageBytes || this.#chunks.length > MAX_CHUNKS)
      throw new GobError(
        `message of more than ${this.#maxMessageBytes} bytes or ${MAX_CHUNKS} chunks`,
      );
    const message = new MessageReader(this.#chunks, new Map(this.#types));
    try {
      const value = message.read();
      this.#types = message.types;
      this.#chunks = [];
      this.#chunkBytes = 0;
      return value;
    } catch (error) {
      if (!(error instanceof NeedChunk)) throw error;
      // Not `slice`: of a Buffer that is a view too.
      this.#chunks.push(new Uint8Array(this.#chunks.pop() as Uint8Array));
      return undefined;
    }
  }
}

class MessageReader {
  readonly types: TypeTable;
  readonly #chunks: readonly Uint8Array[];
  #reader: GobReader;
  used = 0;

  constructor(chunks: readonly Uint8Array[], types: TypeTable) {
    this.#chunks = chunks;
    this.types = types;
    this.#reader = new GobReader(new Uint8Array());
  }

  /** One chunk's definition (`undefined`) or one whole value. */
  read(): GobValue | undefined {
    this.#nextChunk();
    const id = Number(this.#reader.int());
    if (id < 0) {
      readDefinition(this.#reader, -id, this.types);
      if (this.#reader.left > 0) throw new GobError("bytes after a type definition");
      return undefined;
    }
    const value = this.#topLevel(id);
    if (this.#reader.left > 0) throw new GobError("bytes after a value");
    return value;
  }

  #nextChunk(): void {
    const chunk = this.#chunks[this.used];
    if (chunk === undefined) throw new NeedChunk();
    this.used++;
    this.#reader = new GobReader(chunk);
  }

  /** A value that is not a struct stands behind a zero byte. */
  #topLevel(id: number): GobValue {
    if (this.types.get(id)?.kind !== "struct" && this.#reader.byte() !== 0)
      throw new GobError("missing zero before a value");
    return this.#value(id, 0);
  }

  #value(id: number, depth: number): GobValue {
    if (depth > MAX_DEPTH) throw new GobError(`values nested deeper than ${MAX_DEPTH}`);
    switch (id) {
      case BUILTIN.bool:
        return this.#reader.uint() !== 0;
      case BUILTIN.int:
        return this.#reader.int();
      case BUILTIN.uint:
      case BUILTIN.float:
        return this.#reader.uint();
      case BUILTIN.bytes:
        return this.#reader.bytes();
      case BUILTIN.string:
        return this.#reader.text();
      case BUILTIN.interface:
        return this.#dynamic(depth);
    }
    const type = this.types.get(id);
    if (type === undefined) throw new GobError(`type id ${id} is not defined`);
    switch (type.kind) {
      case "opaque":
        return this.#reader.bytes();
      case "array":
      case "slice":
        return Array.from({ length: this.#reader.length() }, () =>
          this.#value(type.element, depth + 1),
        );
      case "map":
        throw new GobError("maps do not occur in this protocol");
      case "struct": {
        const struct: Record<string, GobValue> = {};
        for (const number of this.#structFields()) {
          const field = type.fields[number];
          if (field === undefined) throw new GobError(`${type.name} has no field ${number}`);
          struct[field.name] = this.#value(field.id, depth + 1);
        }
        return struct;
      }
    }
  }

  /** Like `structFields`, but the reader may have moved to the next chunk between two fields. */
  *#structFields(): Generator<number> {
    let field = -1;
    for (;;) {
      const delta = Number(this.#reader.uint());
      if (delta === 0) return;
      field += delta;
      yield field;
    }
  }

  #dynamic(depth: number): GobValue {
    const name = this.#reader.text();
    if (name === "") return null;
    for (;;) {
      if (this.#reader.left === 0) this.#nextChunk();
      const id = Number(this.#reader.int());
      if (id < 0) {
        readDefinition(this.#reader, -id, this.types);
        if (this.#reader.left > 0) this.#reader.uint();
        continue;
      }
      const end = this.#reader.length();
      const left = this.#reader.left - end;
      const value =
        this.types.get(id)?.kind === "struct"
          ? this.#value(id, depth + 1)
          : this.#singleton(id, depth + 1);
      if (this.#reader.left !== left) throw new GobError(`${name} has another length than it says`);
      return new Dynamic(name, value);
    }
  }

  #singleton(id: number, depth: number): GobValue {
    if (this.#reader.byte() !== 0) throw new GobError("missing zero before a value");
    return this.#value(id, depth);
  }
}
