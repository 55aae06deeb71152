/**
 * Changes of small frames since the last fold, so that it need not read each of them again: to
 * fetch and inflate a row costs 0.1 ms, however few changes it has, and a publisher at work sends
 * 300 a second. The oldest are forgotten first, and then read from the store.
 */
import { BUDGETS } from "../budgets/limits.ts";
import type { AdmittedChange } from "./admitted-change.ts";
import {
  offsetOf,
  PackedChanges,
  packedSize,
  recordSizeOf,
  writeChange,
} from "./packed-changes.ts";
import type { Packed } from "./packed-changes.ts";

/** Memory of an entry in the map of places. */
const PLACE_BYTES = 40;

/** Pieces that the logs of an origin may still have together. [LOG18] */
export class PieceBudget {
  left: number = BUDGETS.keptPieces;
}

/** A frame's changes, one behind the other. */
export interface SmallFrame {
  readonly from: Packed;
  readonly at: number;
  readonly count: number;
}

export class SmallFrames {
  readonly #budget: PieceBudget;
  readonly #packed = new PackedChanges();
  /** The frame that each piece ends with, oldest first. */
  #lasts: number[] = [];
  /** Where a frame begins, by revision. */
  readonly #places = new Map<number, number>();

  constructor(budget: PieceBudget) {
    this.#budget = budget;
  }

  /** Memory, about. */
  get bytes(): number {
    return this.#packed.bytes + this.#places.size * PLACE_BYTES;
  }

  /** @param changes Of the next frame. */
  push(revision: number, changes: readonly AdmittedChange[]): void {
    if (changes.length > BUDGETS.keptFrameChanges) return;
    let size = 2;
    for (const { change } of changes) size += packedSize(recordSizeOf(change));
    if (size > BUDGETS.keptFrameBytes || !this.#hasRoom(size)) return;
    const place = this.#packed.reserve(size);
    const to = this.#packed.at(place) as Packed;
    let at = offsetOf(place);
    to.view.setUint16(at, changes.length);
    at += 2;
    for (const { change, keyHash, recordHash } of changes)
      at = writeChange(to, at, keyHash, recordHash, change.op === "put" ? change.bytes : null);
    this.#places.set(revision, place);
    this.#lasts[this.#lasts.length - 1] = revision;
  }

  /** `undefined` where it is not kept. */
  frame(revision: number): SmallFrame | undefined {
    const place = this.#places.get(revision);
    const from = place === undefined ? undefined : this.#packed.at(place);
    if (place === undefined || from === undefined) return undefined;
    const at = offsetOf(place);
    return { from, at: at + 2, count: from.view.getUint16(at) };
  }

  /** Forgets frames up to a revision, which were folded. */
  forgetTo(revision: number): void {
    while (this.#lasts.length > 0 && (this.#lasts[0] as number) <= revision) this.#forget();
  }

  /** Adds a piece where one is needed; where other logs have left none, this log's oldest goes. */
  #hasRoom(size: number): boolean {
    if (!this.#packed.needsPiece(size)) return true;
    if (this.#budget.left === 0) this.#forget();
    if (this.#budget.left === 0) return false;
    this.#budget.left--;
    this.#lasts.push(0);
    return true;
  }

  /** The oldest piece. */
  #forget(): void {
    const last = this.#lasts.shift();
    if (last === undefined) return;
    this.#packed.forget();
    this.#budget.left++;
    for (const revision of this.#places.keys()) {
      if (revision > last) break;
      this.#places.delete(revision);
    }
  }
}
