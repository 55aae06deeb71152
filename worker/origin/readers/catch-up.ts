/**
 * What a reader that is behind is sent: of the frames it missed the changes that are still the newest of their key, several frames a message. [LOG15]
 *
 * A message moves the reader from one revision to a later one. In between, a key that changes again later keeps its older state, so the
 * reader's set is not the log's at that revision; it is again at the head, and only there a digest is compared. Every revision it passes is a
 * position all the same: what changed after it is still sent.
 */
import { must } from "../../../shared/lib/assert.ts";
import { decodePayload, encodePayload, MAX_FRAME_CHANGES } from "../../../shared/log/payload.ts";
import type { LogChange } from "../../../shared/log/payload.ts";
import { encodeMessage } from "../../../shared/protocol/codec.ts";
import { HASH_BYTES } from "../../../shared/record/encoding.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { StoredFrame } from "../log/log-store.ts";

/** First protocol version with the message. */
export const CATCH_UP_VERSION = 2;
/** Bytes of records after which a message is full. */
const PART_BYTES = 256 * 1024;
/** Half the time of zlib's usual level for as many bytes within 5 %: a message is made in one event. */
const PART_LEVEL = 3;
/** Frames inflated for one message, and changes that they had, newest or not: a few milliseconds. */
const PART_FRAMES = 128;
const PART_LOOKED = 1_000;
/** Changes looked at in one turn; messages that another reader needed as well are only sent again. */
const TURN_LOOKED = 1_000;
/** Messages kept for the next reader at the same position, until the log moves on. */
const CACHE_BYTES = 2 * 1024 * 1024;
const PAIR_BYTES = 2 * HASH_BYTES;

export interface CatchUpPart {
  readonly bytes: Uint8Array;
  /** Where the reader is then. */
  readonly revision: number;
}

interface MadePart extends CatchUpPart {
  /** Changes of its frames, newest or not. */
  readonly looked: number;
}

export class CatchUps {
  readonly #cache = new Map<string, CatchUpPart>();
  #cachedBytes = 0;
  #looked = 0;

  get bytes(): number {
    return this.#cachedBytes;
  }

  newTurn(): void {
    this.#looked = 0;
  }

  /** The next message for a reader at `after`. `undefined` where a frame is no longer there, `"later"` when this turn has done enough. */
  after(log: ChannelLog, after: number): CatchUpPart | undefined | "later" {
    const id = `${log.epoch} ${log.channel} ${log.head} ${after}`;
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached;
    if (this.#looked >= TURN_LOOKED) return "later";
    const part = makePart(log, after);
    if (part === undefined) return undefined;
    // A frame costs something, however few changes it has.
    this.#looked += Math.max(part.looked, PART_LOOKED / 2);
    if (this.#cachedBytes + part.bytes.length > CACHE_BYTES) {
      this.#cache.clear();
      this.#cachedBytes = 0;
    }
    this.#cache.set(id, part);
    this.#cachedBytes += part.bytes.length;
    return part;
  }
}

function makePart(log: ChannelLog, after: number): MadePart | undefined {
  const previous = log.chainAt(after);
  if (previous === undefined) return undefined;
  const changes: LogChange[] = [];
  let [revision, bytes, frames, looked] = [after, 0, 0, 0];
  for (;;) {
    const next = log.nextLive(revision);
    if (next === undefined) {
      revision = log.head;
      break;
    }
    if (frames === PART_FRAMES || bytes >= PART_BYTES) break;
    const frame = log.frame(next);
    if (frame === undefined) return undefined;
    const had = frame.entries.length / PAIR_BYTES;
    if (frames > 0 && looked + had > PART_LOOKED) break;
    looked += had;
    const newest = newestOf(log, frame);
    const isFull = changes.length + newest.length > MAX_FRAME_CHANGES;
    if (frames > 0 && (isFull || bytes + frame.payload.length > PART_BYTES)) break;
    for (const change of newest) {
      changes.push(change);
      bytes += change.op === "put" ? change.bytes.length : HASH_BYTES;
    }
    revision = next;
    frames++;
  }
  const message = encodeMessage({
    type: "catch-up",
    origin: 0,
    channel: log.channel,
    after,
    previous,
    revision,
    chain: must(log.chainAt(revision), `no chain at ${revision}`),
    payload: encodePayload(changes, PART_LEVEL),
  });
  return { bytes: message, revision, looked };
}

function newestOf(log: ChannelLog, frame: StoredFrame): LogChange[] {
  const decoded = decodePayload(frame.payload);
  if (!decoded.ok)
    throw new Error(`BUG: stored frame ${frame.revision} is unreadable: ${decoded.rule}`);
  return decoded.changes.filter((_, i) =>
    log.isNewest(
      frame.entries.subarray(i * PAIR_BYTES, i * PAIR_BYTES + HASH_BYTES),
      frame.revision,
    ),
  );
}
