/** Codecs of the fields that messages are made of. Decoding is total and trusts nothing. */
import { CHANNELS } from "../record/channel.ts";
import type { Channel } from "../record/channel.ts";

/** One field on the wire. */
export interface WireCodec<T> {
  encode(value: T): unknown;
  /** `undefined` when the wire value is not one. */
  decode(wire: unknown): T | undefined;
  /** A message that has not got it has no such field. */
  readonly isOptional?: true;
}

export function plain<T>(accepts: (wire: unknown) => wire is T): WireCodec<T> {
  return { encode: (value) => value, decode: (wire) => (accepts(wire) ? wire : undefined) };
}

export const uint = plain(
  (w): w is number => typeof w === "number" && Number.isSafeInteger(w) && w >= 0,
);
export const yes = plain((w): w is true => w === true);
export const boolean = plain((w): w is boolean => typeof w === "boolean");
export const shortText = plain((w): w is string => typeof w === "string" && w.length <= 256);
export const longText = plain((w): w is string => typeof w === "string");

export function bytes(size?: number): WireCodec<Uint8Array> {
  return {
    encode: (value) => value,
    decode: (wire) =>
      wire instanceof Uint8Array && (size === undefined || wire.length === size)
        ? new Uint8Array(wire)
        : undefined,
  };
}

export const channel: WireCodec<Channel> = {
  encode: (value) => CHANNELS.indexOf(value),
  decode: (wire) => (typeof wire === "number" ? CHANNELS[wire] : undefined),
};

export function listOf<T>(item: WireCodec<T>, max: number): WireCodec<readonly T[]> {
  return {
    encode: (value) => value.map((entry) => item.encode(entry)),
    decode: (wire) => {
      if (!Array.isArray(wire) || wire.length > max) return undefined;
      const decoded: T[] = [];
      for (const entry of wire as unknown[]) {
        const value = item.decode(entry);
        if (value === undefined) return undefined;
        decoded.push(value);
      }
      return decoded;
    },
  };
}

/** Fields in their order on the wire. */
export type Layout<T> = readonly { [F in keyof T]-?: readonly [F, WireCodec<T[F]>] }[keyof T][];

export function struct<T extends object>(layout: Layout<T>): WireCodec<T> {
  return {
    encode: (value) => layout.map(([field, codec]) => codec.encode(value[field])),
    decode: (wire) => {
      if (!Array.isArray(wire)) return undefined;
      const decoded: Partial<T> = {};
      for (const [i, [field, codec]] of layout.entries()) {
        const value = codec.decode((wire as unknown[])[i]);
        if (value === undefined) return undefined;
        decoded[field] = value;
      }
      return decoded as T;
    },
  };
}

/** A field at the end that older versions have not: absent is `null`, as is nil before another. */
export function appended<T>(codec: WireCodec<T>): WireCodec<T | null> {
  return {
    encode: (value) => (value === null ? undefined : codec.encode(value)),
    decode: (wire) => (wire == null ? null : codec.decode(wire)),
  };
}

/** The same, where who makes the message may leave the field out. */
export function optional<T>(codec: WireCodec<T>): WireCodec<T | null | undefined> {
  const inner = appended(codec);
  return {
    encode: (value) => inner.encode(value ?? null),
    decode: (wire) => inner.decode(wire),
    isOptional: true,
  };
}
