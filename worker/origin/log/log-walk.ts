/**
 * All records that a log holds, read step by step: the frames behind the oldest blob, then the
 * blobs. The log goes on meanwhile, so a record may come twice, or may have changed by the time it
 * is looked at: a caller compares it with the index (`isCurrent`). To begin again does no harm.
 */
import { DIGEST_BYTES } from "../../../shared/log/hash-trie.ts";
import { WHOLE } from "../../../shared/log/partition.ts";
import type { Partition } from "../../../shared/log/partition.ts";
import { decodePayload } from "../../../shared/log/payload.ts";
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

  constructor(log: ChannelLog) {
    this.#log = log;
  }

  /** Whether what was read last was a frame: its records may come again in a blob. */
  get isInFrames(): boolean {
    return this.#isInFrames;
  }

  /** The records of the next frame or blob; `null` when all were read. */
  next(): ReadChange[] | null {
    const plan = (this.#plan ??= planOf(this.#log));
    this.#isInFrames = plan.next <= plan.head;
    if (this.#isInFrames) {
      const frame = this.#log.frame(plan.next++);
      if (frame !== undefined) return putsIn(frame.payload);
      // Its slot of the ring has another frame: its changes have been folded since.
      this.#plan = null;
      return [];
    }
    // fault: built-without-blobs
    const partition = plan.blobs.shift();
    if (partition === undefined) return null;
    const blob = this.#log.blob(partition);
    if (blob !== undefined) return putsIn(blob.payload);
    // Folding has cut it.
    plan.blobs.push(...blobsOver(this.#log, partition));
    return [];
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

/** Puts of a stored frame or blob. */
function putsIn(payload: Uint8Array): ReadChange[] {
  const decoded = decodePayload(payload);
  if (!decoded.ok) throw new Error(`BUG: a stored payload is unreadable: ${decoded.rule}`);
  return decoded.changes.flatMap((change) => {
    if (change.op === "delete") return [];
    const { record } = readChange({ change, keyHash: NO_DIGEST, recordHash: NO_DIGEST });
    if (record === null) return [];
    return [{ change, record, keyHash: keyHashOf(record), recordHash: hashRecord(change.bytes) }];
  });
}
