/** What an Origin's work costs the hub's thread, counted from what it does through its ports. */
import type { Channel } from "../../shared/record/channel.ts";
import { decodePayload } from "../../shared/log/payload.ts";
import type { Partition } from "../../shared/log/partition.ts";
import { HASH_BYTES } from "../../shared/record/encoding.ts";
import type {
  QuarantinedRecord,
  StoredBlob,
  StoredFrame,
} from "../../worker/origin/log/log-store.ts";
import { SqliteLogStore } from "../../worker/origin/log/sqlite-log-store.ts";
import type { SqlDatabase } from "../../worker/storage/sql.ts";

/**
 * In µs, of the machine that docs/figures.md is from: what plain workerd was measured to need, and
 * what the same code needs in Node with records of 140 bytes, 400 bytes and 60 KiB. A small change
 * to three readers costs 17 + 250 + 10 and four messages of 58, 509 in all; two fan-outs over plain
 * workerd say 360 for a change and 58 for each delivery, 534.
 */
export const PRICES = {
  /** A message comes in: 58,000/s at most where nothing is done with them. */
  received: 17,
  receivedKiB: 1,
  timer: 10,
  /** A message to a socket, with workerd's and the kernel's part. */
  sent: 58,
  sentKiB: 0.9,
  /** An event that wrote anything waits for the disk. */
  commit: 250,
  writtenKiB: 0.9,
  /**
   * Taking a change in: 9 to 10 with 400 bytes (inflate, read, judge, hash, index), 720 with 60
   * KiB.
   */
  change: 6,
  changeKiB: 12,
  /**
   * Deflating anew what is not stored as it came, at level 1: by what goes in, and by what comes
   * out.
   */
  deflatedKiB: 2.5,
  deflatedToKiB: 17,
  /**
   * A record that a fold rewrites: a blob of 512 with 400 bytes takes 2 ms, one of 16 with 60 KiB
   * takes 11.
   */
  folded: 1,
  foldedKiB: 10,
  /** Of stored frames that are inflated for a reader who is behind. */
  readKiB: 10,
} as const;

const KIB = 1024;
const PAIR_BYTES = 2 * HASH_BYTES;

export class PricedStore extends SqliteLogStore {
  readonly #spend: (us: number) => void;
  changes = 0;
  folded = 0;

  constructor(sql: SqlDatabase, spend: (us: number) => void) {
    super(sql);
    this.#spend = spend;
  }

  override putFrame(channel: Channel, frame: StoredFrame): void {
    const { payload, entries } = frame;
    const kib = rawBytes(payload) / KIB;
    const changes = entries.length / PAIR_BYTES;
    this.changes += changes;
    this.#spend(changes * PRICES.change + kib * PRICES.changeKiB);
    // What came is a part of its message; what is made here has a buffer of its own.
    if (payload.byteLength === payload.buffer.byteLength)
      this.#spend(kib * PRICES.deflatedKiB + (payload.length / KIB) * PRICES.deflatedToKiB);
    super.putFrame(channel, frame);
  }

  override quarantine(record: QuarantinedRecord): number {
    this.changes++;
    this.#spend(PRICES.change + (record.bytes.length / KIB) * PRICES.changeKiB);
    return super.quarantine(record);
  }

  /** Read to be judged again. */
  override quarantinedAfter(
    ...args: Parameters<SqliteLogStore["quarantinedAfter"]>
  ): QuarantinedRecord[] {
    const records = super.quarantinedAfter(...args);
    const bytes = records.reduce((sum, record) => sum + record.bytes.length, 0);
    this.#spend(records.length * PRICES.change + (bytes / KIB) * PRICES.changeKiB);
    return records;
  }

  override replaceBlob(channel: Channel, old: Partition, blobs: readonly StoredBlob[]): void {
    for (const { payload, entries } of blobs) {
      const records = entries.length / PAIR_BYTES;
      this.folded += records;
      this.#spend(records * PRICES.folded + (rawBytes(payload) / KIB) * PRICES.foldedKiB);
    }
    super.replaceBlob(channel, old, blobs);
  }

  override frame(channel: Channel, revision: number): StoredFrame | undefined {
    const frame = super.frame(channel, revision);
    if (frame !== undefined) this.#spend((rawBytes(frame.payload) / KIB) * PRICES.readKiB);
    return frame;
  }
}

/** Of the records that a payload holds. */
function rawBytes(payload: Uint8Array): number {
  const decoded = decodePayload(payload);
  if (!decoded.ok) throw new Error(`the Origin stores what it cannot read: ${decoded.rule}`);
  return decoded.changes.reduce(
    (sum, change) => sum + (change.op === "put" ? change.bytes.length : HASH_BYTES),
    0,
  );
}
