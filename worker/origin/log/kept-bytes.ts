/**
 * The bytes of a refused record as they are kept. A large one is deflated, because a record of 64
 * KiB that comes in a hundred bytes would be kept in 64 KiB. A deflated one begins with a byte that
 * no record begins with. [LOG69]
 */
import { concatBytes } from "../../../shared/lib/bytes.ts";
import { decodePayload, encodePayload } from "../../../shared/log/payload.ts";

/** Never used by msgpack. */
const DEFLATED = 0xc1;
/** A smaller record is kept as it is: most have 140 to 400 bytes. */
const DEFLATED_FROM = 1_024;
/** The least work: what is kept is read again only where ranges change. */
const LEVEL = 1;

export function packKept(record: Uint8Array): Uint8Array {
  if (record.length < DEFLATED_FROM) return record;
  const deflated = encodePayload([{ op: "put", bytes: record }], LEVEL);
  return deflated.length + 1 < record.length
    ? concatBytes(Uint8Array.of(DEFLATED), deflated)
    : record;
}

/**
 * @param kept As `packKept` has made it, or a record as the version before has kept it.
 * @throws Error for what was not made here.
 */
export function unpackKept(kept: Uint8Array): Uint8Array {
  if (kept[0] !== DEFLATED) return kept;
  const decoded = decodePayload(kept.subarray(1));
  const [change] = decoded.ok ? decoded.changes : [];
  if (change?.op !== "put") throw new Error("BUG: a kept record is unreadable");
  return change.bytes;
}
