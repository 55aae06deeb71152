/**
 * Messages for a reader that is behind: of the frames that it missed the changes that are still the
 * newest of their key, several frames a message. [LOG15]
 *
 * A message moves the reader from one revision to a later one. In between, a key that changes again
 * later keeps its older state, so the reader's set is not the log's at that revision; it is again
 * at the head, and only there a digest is compared. Every revision it passes is a position all the
 * same: later changes are still sent.
 */
import { must } from "../../../shared/lib/assert.ts";
import { decodePayload, encodePayload, MAX_FRAME_CHANGES } from "../../../shared/log/payload.ts";
import type { LogChange } from "../../../shared/log/payload.ts";
import { encodeMessage } from "../../../shared/protocol/codec.ts";
import { HASH_BYTES } from "../../../shared/record/encoding.ts";
import { BUDGETS } from "../budgets/limits.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import { entryCount, entryKeyHash } from "../log/entry-bytes.ts";
import type { StoredFrame } from "../log/log-store.ts";

/** First protocol version with the message. */
export const CATCH_UP_VERSION = 2;
/** Half the time of zlib's usual level for as many bytes within 5 %: one event makes a message. */
const DEFLATE_LEVEL = 3;

interface CatchUp {
  readonly bytes: Uint8Array;
  /** Position of the reader after it. */
  readonly revision: number;
}

interface MadeCatchUp extends CatchUp {
  /** Changes of its frames, newest of their key or not. */
  readonly readChanges: number;
}

export type NextCatchUp =
  | ({ readonly kind: "message" } & CatchUp)
  /** A frame is no longer stored. */
  | { readonly kind: "compacted" }
  /** This turn has done enough. */
  | { readonly kind: "later" };

export class CatchUps {
  readonly #cache = new Map<string, NextCatchUp>();
  #cachedBytes = 0;
  #readChanges = 0;

  get bytes(): number {
    return this.#cachedBytes;
  }

  beginTurn(): void {
    this.#readChanges = 0;
  }

  /** The next message for a reader at `after`. */
  after(log: ChannelLog, after: number): NextCatchUp {
    const id = `${log.epoch} ${log.channel} ${log.head} ${after}`;
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached;
    if (this.#readChanges >= BUDGETS.catchUpTurnChanges) return { kind: "later" };
    const made = makeCatchUp(log, after);
    if (made === undefined) return { kind: "compacted" };
    const { bytes, revision, readChanges } = made;
    // A frame costs something, however few changes it has.
    this.#readChanges += Math.max(readChanges, BUDGETS.catchUpChanges / 2);
    if (this.#cachedBytes + bytes.length > BUDGETS.catchUpCacheBytes) {
      this.#cache.clear();
      this.#cachedBytes = 0;
    }
    const message: NextCatchUp = { kind: "message", bytes, revision };
    this.#cache.set(id, message);
    this.#cachedBytes += bytes.length;
    return message;
  }
}

function makeCatchUp(log: ChannelLog, after: number): MadeCatchUp | undefined {
  const previous = log.chainAt(after);
  if (previous === undefined) return undefined;
  const changes: LogChange[] = [];
  let [revision, bytes, frames, readChanges] = [after, 0, 0, 0];
  for (;;) {
    const next = log.nextLive(revision);
    if (next === undefined) {
      revision = log.head;
      break;
    }
    if (frames === BUDGETS.catchUpFrames || bytes >= BUDGETS.catchUpBytes) break;
    const frame = log.frame(next);
    if (frame === undefined) return undefined;
    const count = entryCount(frame.entries);
    if (frames > 0 && readChanges + count > BUDGETS.catchUpChanges) break;
    readChanges += count;
    // fault: catch-up-drops-deletes
    const newest = newestOf(log, frame);
    const isFull = changes.length + newest.length > MAX_FRAME_CHANGES;
    if (frames > 0 && (isFull || bytes + frame.payload.length > BUDGETS.catchUpBytes)) break;
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
    payload: encodePayload(changes, DEFLATE_LEVEL),
  });
  return { bytes: message, revision, readChanges };
}

function newestOf(log: ChannelLog, frame: StoredFrame): LogChange[] {
  const decoded = decodePayload(frame.payload);
  if (!decoded.ok)
    throw new Error(`BUG: stored frame ${frame.revision} is unreadable: ${decoded.rule}`);
  return decoded.changes.filter((_, i) =>
    log.isNewest(entryKeyHash(frame.entries, i), frame.revision),
  );
}
