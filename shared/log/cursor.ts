/** Where a reader stands in a log, and how it goes on from there. */
import { equalBytes } from "../lib/bytes.ts";
import { sha256 } from "../lib/hash.ts";

export const CHAIN_BYTES = 16;

/** Before the first frame of an epoch. */
export const NO_CHAIN = new Uint8Array(CHAIN_BYTES);

/** Epoch of the empty log that stands for a channel which a reader may not have. [VIS51] */
export const WITHHELD_EPOCH = "withheld";

/**
 * A position: the log's incarnation, the last frame applied, and the running hash of all frames up
 * to it. Two logs that share (epoch, revision) but not the chain are different histories, as after
 * a restored backup. [LOG2]
 */
export interface Cursor {
  readonly epoch: string;
  readonly revision: number;
  readonly chain: Uint8Array;
}

/** The chain after a frame: a hash of the chain before it, its revision and its payload. */
export function nextChain(previous: Uint8Array, revision: number, payload: Uint8Array): Uint8Array {
  const number = new Uint8Array(8);
  new DataView(number.buffer).setBigUint64(0, BigInt(revision));
  return sha256(previous, number, payload).slice(0, CHAIN_BYTES);
}

/** The past of a log, as far as it is known. */
export interface LogBounds {
  readonly epoch: string;
  readonly head: number;
  /** Chain after a revision, or `undefined` where the frames from there on are no longer kept. */
  chainAt(revision: number): Uint8Array | undefined;
}

export type ResumePlan =
  | { readonly kind: "tail"; readonly after: number }
  | {
      readonly kind: "repair";
      readonly reason:
        | "first-contact"
        | "epoch-changed"
        | "ahead-of-log"
        | "compacted"
        | "other-history";
    };

/**
 * Decides how a reader continues. Never throws and never guesses: whatever does not match is
 * repaired by digest. [LOG3]
 */
export function planResume(cursor: Cursor | null, log: LogBounds): ResumePlan {
  if (cursor === null) return { kind: "repair", reason: "first-contact" };
  if (cursor.epoch !== log.epoch) return { kind: "repair", reason: "epoch-changed" };
  if (cursor.revision > log.head) return { kind: "repair", reason: "ahead-of-log" };
  const chain = log.chainAt(cursor.revision);
  if (chain === undefined) return { kind: "repair", reason: "compacted" };
  // fault: chain-not-checked
  if (!equalBytes(chain, cursor.chain)) return { kind: "repair", reason: "other-history" };
  return { kind: "tail", after: cursor.revision };
}
