/**
 * How a new projection gets what the origin's logs hold already: the frames behind the oldest blob, then the blobs, some records a step. What is committed meanwhile
 * goes into the projection by itself, so of what is read only what is still the case counts, and the order does not matter; to begin again does no harm. [SCP6]
 */
import { must } from "../../shared/lib/assert.ts";
import { DIGEST_BYTES } from "../../shared/log/hash-trie.ts";
import { WHOLE } from "../../shared/log/partition.ts";
import type { Partition } from "../../shared/log/partition.ts";
import { decodePayload } from "../../shared/log/payload.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { hashRecord, keyHashOf } from "../../shared/record/encoding.ts";
import type { ChannelLog } from "./channel-log.ts";
import { firstPart } from "./part.ts";
import type { Size } from "./part.ts";
import { readChange } from "./projection.ts";
import type { Logs, Projection, ReadChange } from "./projection.ts";

/** Read, projected and committed in one event: some 5 ms. */
const STEP_CHANGES = 400;
const STEP: Size = { changes: STEP_CHANGES, bytes: 256 * 1024 };
/** Frames or blobs read for it at most: a small frame costs 0.1 ms. */
const STEP_READS = 32;
/** No log has it. */
const NO_DIGEST = new Uint8Array(DIGEST_BYTES);

/** What is still to be read of a channel. */
interface Plan {
  next: number;
  readonly head: number;
  readonly blobs: Partition[];
}

export class ProjectionWalk {
  readonly projection: Projection;
  readonly #logs: Logs;
  #channel = 0;
  #plan: Plan | null = null;
  #read: ReadChange[] = [];

  /** @param logs The origin's own. */
  constructor(projection: Projection, logs: Logs) {
    this.projection = projection;
    this.#logs = logs;
  }

  get isDone(): boolean {
    return this.#channel === CHANNELS.length;
  }

  /** One step; call inside the store's transaction. Answers whether anything was committed. */
  step(): boolean {
    const channel = must(CHANNELS[this.#channel], "a walk that is not done");
    const log = must(this.#logs.get(channel), "channel");
    if (must(this.projection.logs.get(channel), "channel").isFull) return false;
    for (let reads = 0; reads < STEP_READS && this.#read.length < STEP.changes; reads++) {
      if (this.#readOn(log)) continue;
      if (this.#read.length > 0) break;
      this.#channel++;
      this.#plan = null;
      return false;
    }
    const count = firstPart(
      this.#read.map(({ change }) => change),
      STEP,
    );
    const part = this.#read.slice(0, count);
    this.#read = this.#read.slice(count);
    return this.#take(log, channel, part);
  }

  /** What was read a while ago may have changed since. */
  #take({ admitted }: ChannelLog, channel: Channel, changes: readonly ReadChange[]): boolean {
    const current = changes.filter(
      ({ keyHash, recordHash }) =>
        recordHash !== null && admitted.compare(keyHash, recordHash) === "same",
    );
    return this.projection.follow(channel, current);
  }

  /** Answers whether there was more to read. */
  #readOn(log: ChannelLog): boolean {
    const plan = (this.#plan ??= planOf(log));
    if (plan.next <= plan.head) {
      const frame = log.frame(plan.next++);
      // Its place in the ring has been used again: what it held has been folded since.
      if (frame === undefined) this.#plan = null;
      else this.#read.push(...putsIn(frame.payload));
      return true;
    }
    const partition = plan.blobs.shift();
    if (partition === undefined) return false;
    const blob = log.blob(partition);
    // Folding has cut it.
    if (blob === undefined) plan.blobs.push(...blobsOver(log, partition));
    else this.#read.push(...putsIn(blob.payload));
    return true;
  }
}

function planOf(log: ChannelLog): Plan {
  const { after, blobs } = log.planRepair([{ ...WHOLE, digest: NO_DIGEST }]);
  return { next: after + 1, head: log.head, blobs: [...blobs] };
}

function blobsOver(log: ChannelLog, partition: Partition): readonly Partition[] {
  return log.planRepair([{ ...partition, digest: NO_DIGEST }]).blobs;
}

/** Of a frame or blob that is stored. */
function putsIn(payload: Uint8Array): ReadChange[] {
  const decoded = decodePayload(payload);
  if (!decoded.ok) throw new Error(`BUG: what is stored is unreadable: ${decoded.rule}`);
  return decoded.changes.flatMap((change) => {
    if (change.op === "delete") return [];
    const { record } = readChange({ change, keyHash: NO_DIGEST, recordHash: NO_DIGEST });
    if (record === null) return [];
    return [{ change, record, keyHash: keyHashOf(record), recordHash: hashRecord(change.bytes) }];
  });
}
