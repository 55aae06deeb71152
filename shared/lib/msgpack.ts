/**
 * The single doorway to msgpackr. Records and messages are plain arrays of strings, numbers,
 * booleans, bytes and null, so the format's extensions are never written; what a hostile peer
 * decodes to is checked by the caller, who trusts no type that comes from here.
 */
import { Packr } from "msgpackr";

const packr = new Packr({ useRecords: false, mapsAsObjects: true, moreTypes: false });

/** A fresh copy: msgpackr answers views of a buffer that it goes on using. */
export function pack(value: unknown): Uint8Array {
  return new Uint8Array(packr.pack(value) as Uint8Array);
}

export type Unpacked = { readonly ok: true; readonly value: unknown } | { readonly ok: false };

/** Never throws: truncated or malformed bytes, and bytes after the value, are `ok: false`. */
export function unpack(bytes: Uint8Array): Unpacked {
  try {
    return { ok: true, value: packr.unpack(bytes) as unknown };
  } catch {
    return { ok: false };
  }
}
