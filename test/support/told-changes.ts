/** What readers are told of numbered changes. */
import { decodePayload } from "../../shared/log/payload.ts";
import { decodeMessage } from "../../shared/protocol/codec.ts";
import { decodeRecord } from "../../shared/record/encoding.ts";

/**
 * The numbers that the records of a message to a reader bear as a label. All readers are sent the
 * same bytes: they are looked into once.
 */
export function toldChanges(label: string): (bytes: Uint8Array) => readonly number[] {
  let last: { readonly bytes: Uint8Array; readonly found: readonly number[] } | null = null;
  return (bytes) => {
    if (last?.bytes !== bytes) last = { bytes, found: numbersIn(bytes, label) };
    return last.found;
  };
}

function numbersIn(bytes: Uint8Array, label: string): readonly number[] {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok || !("payload" in decoded.message)) return [];
  const payload = decodePayload(decoded.message.payload);
  if (!payload.ok) return [];
  return payload.changes.flatMap((change) => {
    const read = change.op === "put" ? decodeRecord(change.bytes) : null;
    const text = read?.ok === true && "labels" in read.record ? read.record.labels[label] : "";
    return text === undefined || text === "" ? [] : [Number(text)];
  });
}
