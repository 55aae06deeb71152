/**
 * All records that a log holds, read step by step: the frames behind the oldest blob, then the
 * blobs. The log goes on meanwhile, so a record may come twice, or may have changed by the time it
 * is looked at: a caller compares it with the index (`isCurrent`). To begin again does no harm.
 */
import { DIGEST_BYTES } from "../../../shared/log/hash-trie.ts";
import { WHOLE } from "../../../shared/log/partition.ts";
import type { Partition } from "../../../shared/log/partition.ts";
import { decodePayload } from "../../../shared/log/payload.ts";
import type { LogChange } from "../../../shared/log/payload.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { hashRecord, keyHashOf } from "../../../shared/record/encoding.ts";
import { readChange } from "./admitted-change.ts";
import type { ReadChange } from "./admitted-change.ts";
import type { ChannelLog } from "./channel-log.ts";

/** A digest that no log has. */
const NO_DIGEST = new Uint8Array(DIGEST_BYTES);

/** Frames and blobs that are still to be read. */
interface Plan {
  next: number;
  readonly head: number;
  readonly blobs: Partition[];
}

export class LogWalk {
  readonly #log: ChannelLog;
  #plan: Plan | null = null;
  #isInFrames = true;
  readonly #most: number;
  /** Of what was read, in pieces. */
  #left: readonly LogChange[] = [];

  /** @param most Records at once: to decode a whole blob takes some 10 ms. */
  constructor(log: ChannelLog, most = Number.POSITIVE_INFINITY) {
    this.#log = log;
    this.#most = most;
  }

  /** Whether what was read last was a frame: its records may come again in a blob. */
  get isInFrames(): boolean {
    return this.#isInFrames;
  }

  /** The records of the next frame or blob, or of a piece of it; `null` when all were read. */
  next(): ReadChange[] | null {
    if (this.#left.length > 0) return this.#piece(this.#left);
    const plan = (this.#plan ??= planOf(this.#log));
    this.#isInFrames = plan.next <= plan.head;
    if (this.#isInFrames) {
      const frame = this.#log.frame(plan.next++);
      if (frame !== undefined) return this.#piece(changesIn(frame.payload));
      // Its slot of the ring has another frame: its changes have been folded since.
      this.#plan = null;
      return [];
    }
    // fault: built-without-blobs
    const partition = plan.blobs.shift();
    if (partition === undefined) return null;
    const blob = this.#log.blob(partition);
    if (blob !== undefined) return this.#piece(changesIn(blob.payload));
    const blobs = blobsOver(this.#log, partition);
    // Folding has cut it; or it is the first one, of a fold that has not written yet: it is empty.
    const isUnwritten = blobs.some(({ bits }) => bits === partition.bits);
    if (!isUnwritten) plan.blobs.push(...blobs);
    return [];
  }

  #piece(changes: readonly LogChange[]): ReadChange[] {
    const isWhole = changes.length <= this.#most;
    this.#left = isWhole ? [] : changes.slice(this.#most);
    return putsIn(isWhole ? changes : changes.slice(0, this.#most));
  }
}

/** Whether a record that was read a while ago is still the one under its key. */
export function isCurrent({ admitted }: ChannelLog, { keyHash, recordHash }: ReadChange): boolean {
  return recordHash !== null && admitted.compare(keyHash, recordHash) === "same";
}

function planOf(log: ChannelLog): Plan {
  const { after, blobs } = log.planRepair([{ ...WHOLE, digest: NO_DIGEST }]);
  return { next: after + 1, head: log.head, blobs: [...blobs] };
}

function blobsOver(log: ChannelLog, partition: Partition): readonly Partition[] {
  return log.planRepair([{ ...partition, digest: NO_DIGEST }]).blobs;
}

/** Of a stored frame or blob. */
function changesIn(payload: Uint8Array): readonly LogChange[] {
  const decoded = decodePayload(payload);
  if (!decoded.ok) throw new Error(`BUG: a stored payload is unreadable: ${decoded.rule}`);
  return decoded.changes;
}

function putsIn(changes: readonly LogChange[]): ReadChange[] {
  return changes.flatMap((change) => {
    if (change.op === "delete") return [];
    const { record } = readChange({ change, keyHash: NO_DIGEST, recordHash: NO_DIGEST });
    return record === null ? [] : [new ReadPut(change, record)];
  });
}

/** Its hashes are made when somebody asks: most records concern nobody. */
class ReadPut implements ReadChange {
  readonly change: LogChange & { readonly op: "put" };
  readonly record: CalicoRecord;
  #keyHash: Uint8Array | null = null;

  constructor(change: ReadPut["change"], record: CalicoRecord) {
    this.change = change;
    this.record = record;
  }

  get keyHash(): Uint8Array {
    return (this.#keyHash ??= keyHashOf(this.record));
  }

  get recordHash(): Uint8Array {
    return hashRecord(this.change.bytes);
  }
}
