/**
 * Messages as msgpack lists `[number, field, field …]`: positional, because a frame of one pod must
 * not pay for field names. Fields after the ones we know are ignored (a later version appends),
 * missing ones are an error. Decoding is total and trusts nothing. [PRO2]
 */
import { countValues } from "../lib/msgpack-count.ts";
import { pack, unpack } from "../lib/msgpack.ts";
import { LIMITS } from "./limits.ts";
import { LAYOUTS, NUMBERS } from "./message-layouts.ts";
import { SIZES } from "./message-sizes.ts";
import type { Message } from "./messages.ts";
import type { Layout } from "./wire-codecs.ts";

type AnyLayout = Layout<Record<string, unknown>>;

export function encodeMessage(message: Message): Uint8Array {
  const layout = LAYOUTS[message.type] as unknown as AnyLayout;
  const values = message as unknown as Readonly<Record<string, unknown>>;
  const wire = [
    NUMBERS.indexOf(message.type),
    ...layout.map(([field, codec]) => codec.encode(values[field])),
  ];
  while (wire.at(-1) === undefined) wire.pop();
  // Before a field that is there, one that is not has to have its place.
  return pack(wire.map((value) => value ?? null));
}

/**
 * By the head of the list and the number in it, without looking further; `null`: it is no message.
 */
export function messageTypeOf(data: Uint8Array): Message["type"] | null {
  const head = data[0] ?? 0;
  // Lists of up to 15 fields, and of more, as a later version may have.
  const at = (head & 0xf0) === 0x90 ? 1 : head === 0xdc ? 3 : null;
  return at === null ? null : (NUMBERS[data[at] ?? NUMBERS.length] ?? null);
}

/** The rule that a message breaks before it is unpacked, or `null`. */
function sizeRule(type: Message["type"], data: Uint8Array): string | null {
  const { bytes, values } = SIZES[type];
  if (data.length > bytes) return `${type} has ${data.length} bytes, the limit is ${bytes}`;
  return countValues(data, values) > values
    ? `${type} has more than ${values} values, the limit`
    : null;
}

export type DecodedMessage =
  | { readonly ok: true; readonly message: Message }
  | {
      readonly ok: false;
      readonly kind: "too-large" | "malformed";
      /** In words, with the limit where there is one. */
      readonly rule: string;
    };

export function decodeMessage(data: Uint8Array): DecodedMessage {
  if (data.length > LIMITS.messageBytes)
    return tooLarge(`message has ${data.length} bytes, the limit is ${LIMITS.messageBytes}`);
  const told = messageTypeOf(data);
  const broken = told === null ? null : sizeRule(told, data);
  if (broken !== null) return tooLarge(broken);
  // What is no message has to be told by name all the same, and is unpacked for that where it is
  // short.
  if (told === null && data.length > LIMITS.smallBytes)
    return malformed("message must be a msgpack list that begins with a known number");
  const unpacked = unpack(data);
  if (!unpacked.ok || !Array.isArray(unpacked.value))
    return malformed("message must be a msgpack list");
  const [number, ...wire] = unpacked.value as unknown[];
  const type = typeof number === "number" ? NUMBERS[number] : undefined;
  if (type === undefined) return malformed(`unknown message number ${String(number).slice(0, 20)}`);
  const message: Record<string, unknown> = { type };
  for (const [i, [field, codec]] of (LAYOUTS[type] as unknown as AnyLayout).entries()) {
    const value = codec.decode(wire[i]);
    if (value === undefined) return malformed(`${type}: field ${field} is missing or malformed`);
    if (value !== null || codec.isOptional !== true) message[field] = value;
  }
  return { ok: true, message: message as unknown as Message };
}

function tooLarge(rule: string): DecodedMessage {
  return { ok: false, kind: "too-large", rule };
}

function malformed(rule: string): DecodedMessage {
  return { ok: false, kind: "malformed", rule };
}
