/**
 * The file of a view and its replacements: messages are appended as they are applied, and a file
 * that has grown long is written anew beside the old one and takes its place. [VIE10] [VIE11]
 */
import { rmSync } from "node:fs";

import type { ChannelView } from "./channel-view.ts";
import type { Opened } from "./opened.ts";
import type { Records, StoredRecord } from "./records.ts";
import { Body, bodyOf, lengthAt, readPlace } from "./view-events.ts";
import type { FileEvent } from "./file-meta.ts";
import type { ViewFile } from "./view-file.ts";
import type { ViewOutcome } from "./view-outcome.ts";

/** Reads the record at a place. */
export type ReadRecord = (place: number) => StoredRecord;

export class ViewStorage implements Records {
  /** Where the file is to be, however long the disk takes nothing. */
  readonly #path: string;
  readonly #rewriteSlackBytes: number;
  #file: ViewFile;
  #sizeAfterRewrite = 0;

  /**
   * @param rewriteSlackBytes The file is rewritten when it is this much larger than after its last
   *   rewriting, and twice as large.
   */
  constructor(file: ViewFile, rewriteSlackBytes: number) {
    this.#file = file;
    this.#path = file.path;
    this.#rewriteSlackBytes = rewriteSlackBytes;
  }

  get file(): ViewFile {
    return this.#file;
  }

  get fileBytes(): number {
    return this.#file.size;
  }

  /** Why what was applied last is not on disk; `null` when it is. */
  get writeError(): string | null {
    return this.#file.writeError;
  }

  /**
   * More waits for room on the disk than may: the view takes nothing in until there is some.
   * [VIE10]
   */
  get isOverfull(): boolean {
    return this.#file.isOverfull;
  }

  /** Counts growth from the present size on. */
  measured(): void {
    this.#sizeAfterRewrite = this.#file.size;
  }

  read(place: number): StoredRecord {
    return readerOf(this.#file)(place);
  }

  bytesAt(place: number): number {
    return lengthAt(place);
  }

  free(): void {
    // The file is append-only: what is not held any more goes with the next rewriting.
  }

  /** Applies a message to a channel, whose changes are on disk before anybody is told. */
  applyAndAppend(view: ChannelView, opened: Opened): ViewOutcome {
    const { body, message } = bodyOf(opened, this.#file.nextBodyAt);
    const outcome = view.applyMessage(message);
    if (outcome.persist) this.#file.append(body.bytes);
    return outcome;
  }

  appendEvent(event: FileEvent): void {
    this.#file.append(new Body(this.#file.nextBodyAt, event).bytes);
  }

  /** Goes on in another file, which is to take the place of this one when it is full. */
  fill(next: ViewFile): void {
    this.#file = next;
  }

  /** Ends with a file that was continued in another one, once nobody reads it any more. */
  leave(old: ViewFile): void {
    old.close();
    if (old.path !== this.#path) old.remove();
  }

  /**
   * After something was written. @returns Whether the file is long enough to be rewritten.
   *
   * @param views Whose records it has: a first view is long, and nothing of it is past.
   */
  isToBeRewritten(views: readonly Pick<ChannelView, "weightWith">[]): boolean {
    if (this.#file.path !== this.#path) {
      this.takePlace();
      return false;
    }
    const { size, writeError } = this.#file;
    const isLong = size > 2 * this.#sizeAfterRewrite + this.#rewriteSlackBytes;
    if (!isLong || writeError !== null) return false;
    const live = views.reduce((sum, view) => sum + view.weightWith().bytes, 0);
    return size > 2 * live + this.#rewriteSlackBytes;
  }

  /**
   * @param write Writes all that there is into an empty file.
   * @returns What `write` answered; `null` when the old file stays: it is tried again when that has
   *   grown by the slack once more, not with every message.
   */
  rewrite<T>(write: (next: ViewFile) => T): T | null {
    const next = this.#file.sibling(".new");
    const written = write(next);
    if (next.writeError !== null || !next.moveTo(this.#file.path)) {
      next.remove();
      this.#sizeAfterRewrite = this.#file.size / 2;
      return null;
    }
    this.#file.close();
    this.#file = next;
    this.measured();
    return written;
  }

  close(): void {
    this.#file.close();
  }

  remove(): void {
    this.#file.remove();
    rmSync(this.#path, { force: true });
  }

  /**
   * A file that cannot take the old one's place goes on under its own name: it is tried again, and
   * the next start begins with the old one.
   */
  takePlace(): void {
    if (this.#file.writeError === null) this.#file.moveTo(this.#path);
  }
}

export function readerOf(file: ViewFile): ReadRecord {
  return (place) => readPlace((at, length) => file.read(at, length), place);
}
