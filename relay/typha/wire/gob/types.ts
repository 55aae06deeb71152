/**
 * gob's self-describing types: what a stream defines, kept per stream. Ids are the sender's choice
 * (Go 1.26 counts from 64, older from 65), so a decoder goes by the stream's own definitions.
 * Source: Go `encoding/gob` type.go, decoder.go.
 */
import { GobError } from "./bytes.ts";
import type { GobReader } from "./bytes.ts";

export type WireType =
  | { readonly kind: "array" | "slice"; readonly element: number }
  | { readonly kind: "map"; readonly key: number; readonly element: number }
  | {
      readonly kind: "struct";
      readonly name: string;
      readonly fields: readonly { readonly name: string; readonly id: number }[];
    }
  /** A type with its own encoding (`time.Time`): opaque bytes. */
  | { readonly kind: "opaque" };

export const BUILTIN = {
  bool: 1,
  int: 2,
  uint: 3,
  float: 4,
  bytes: 5,
  string: 6,
  complex: 7,
  interface: 8,
} as const;
/** Ids below are gob's own. */
export const FIRST_USER_ID = 64;
/**
 * What one stream may define: syncproto has 13 types, and no name of more than 30 characters. Types
 * are kept as long as the connection, so what they hold together is bounded. [TYP40]
 */
const MAX_TYPES = 64;
const MAX_FIELDS = 64;
const MAX_NAME_BYTES = 128;

export type TypeTable = Map<number, WireType>;

/**
 * Reads `wireType` after its negative id and adds it.
 * @throws GobError for a second definition of an id, or one that is gob's own.
 */
export function readDefinition(reader: GobReader, id: number, types: TypeTable): void {
  if (id < FIRST_USER_ID) throw new GobError(`type id ${id} is below ${FIRST_USER_ID}`);
  if (types.has(id)) throw new GobError(`type id ${id} is defined twice`);
  if (types.size >= MAX_TYPES) throw new GobError(`more than ${MAX_TYPES} types`);
  let found: WireType | null = null;
  for (const field of structFields(reader)) {
    if (field === 0 || field === 1)
      found = readElementType(reader, field === 0 ? "array" : "slice");
    else if (field === 2) found = readStructType(reader);
    else if (field === 3) found = readMapType(reader);
    else if (field <= 6) {
      for (const inner of structFields(reader)) readCommon(reader, inner, 0);
      found = { kind: "opaque" };
    } else throw new GobError(`unknown field ${field} of a type definition`);
  }
  if (found === null) throw new GobError("empty type definition");
  types.set(id, found);
}

/** Field numbers of a struct as they come; the caller reads each value. */
export function* structFields(reader: GobReader): Generator<number> {
  let field = -1;
  for (;;) {
    const delta = reader.uint();
    if (delta === 0) return;
    field += Number(delta);
    if (field > 1_000) throw new GobError(`field number ${field}`);
    yield field;
  }
}

/** `CommonType{Name, Id}` is field `position` of every definition; answers its name. */
function readCommon(reader: GobReader, field: number, position: number): string {
  if (field !== position) throw new GobError(`unexpected field ${field} of a type definition`);
  let name = "";
  for (const inner of structFields(reader)) {
    if (inner === 0) name = readName(reader);
    else reader.int();
  }
  return name;
}

function readName(reader: GobReader): string {
  const name = reader.text();
  if (name.length > MAX_NAME_BYTES)
    throw new GobError(`name of ${name.length} characters in a type definition`);
  return name;
}

function typeId(reader: GobReader): number {
  return Number(reader.int());
}

function readElementType(reader: GobReader, kind: "array" | "slice"): WireType {
  let element = 0;
  for (const field of structFields(reader)) {
    if (field === 0) readCommon(reader, field, 0);
    else if (field === 1) element = typeId(reader);
    else reader.int();
  }
  return { kind, element };
}

function readMapType(reader: GobReader): WireType {
  let key = 0;
  let element = 0;
  for (const field of structFields(reader)) {
    if (field === 0) readCommon(reader, field, 0);
    else if (field === 1) key = typeId(reader);
    else element = typeId(reader);
  }
  return { kind: "map", key, element };
}

function readStructType(reader: GobReader): WireType {
  let name = "";
  const fields: { name: string; id: number }[] = [];
  for (const field of structFields(reader)) {
    if (field === 0) {
      name = readCommon(reader, field, 0);
      continue;
    }
    const count = reader.length();
    if (count > MAX_FIELDS) throw new GobError(`struct of ${count} fields`);
    for (let i = 0; i < count; i++) {
      const described = { name: "", id: 0 };
      for (const inner of structFields(reader)) {
        if (inner === 0) described.name = readName(reader);
        else described.id = typeId(reader);
      }
      fields.push(described);
    }
  }
  return { kind: "struct", name, fields };
}
