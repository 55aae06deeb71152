/**
 * The payload of frames and blobs: a list of changes, deflated once with a preset dictionary. The
 * bytes that are stored are the bytes that everybody is sent. [LOG1] A put is the record's
 * canonical bytes, a delete is [key hash, cause]: the key follows from the record, so the two can
 * never disagree, and a publisher that has forgotten a key's text can still delete it.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";

import { pack } from "../lib/msgpack.ts";
import { DICTIONARY } from "./dictionary.ts";
import { readChanges } from "./payload-reader.ts";
import type { LogChange, ReadChanges } from "./payload-reader.ts";

export type { LogChange } from "./payload-reader.ts";

/** Changes of one frame. A publisher splits what is larger. */
export const MAX_FRAME_CHANGES = 4_000;
/** Deflated bytes of one frame or blob: below SQLite's row limit (2 MB) with room to spare. */
export const MAX_PAYLOAD_BYTES = 1_500_000;
/** Bytes that a payload may inflate to, whatever its deflated size. */
export const MAX_INFLATED_BYTES = 8 * 1024 * 1024;

export function encodePayload(changes: readonly LogChange[], level = 6): Uint8Array {
  const wire = changes.map((change) =>
    change.op === "put" ? change.bytes : [change.keyHash, change.cause === "observed" ? 0 : 1],
  );
  return Uint8Array.from(deflateRawSync(pack(wire), { level, dictionary: DICTIONARY }));
}

export type DecodedPayload = ReadChanges;

/**
 * Total: truncated, garbage and bombs are `ok: false` with the rule. Records inside are not decoded
 * here.
 */
export function decodePayload(payload: Uint8Array): DecodedPayload {
  if (payload.length > MAX_PAYLOAD_BYTES)
    return {
      ok: false,
      rule: `payload has ${payload.length} bytes, the limit is ${MAX_PAYLOAD_BYTES}`,
    };
  let inflated: Uint8Array;
  try {
    inflated = inflateRawSync(payload, {
      dictionary: DICTIONARY,
      maxOutputLength: MAX_INFLATED_BYTES,
    });
  } catch {
    return { ok: false, rule: `payload must inflate to at most ${MAX_INFLATED_BYTES} bytes` };
  }
  // As a plain Uint8Array, of which the records are views then: the bytes are ours alone and are
  // not written again.
  const bytes = new Uint8Array(inflated.buffer, inflated.byteOffset, inflated.length);
  return readChanges(bytes, MAX_FRAME_CHANGES);
}
