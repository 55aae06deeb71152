/**
 * The remotes' share of one Felix's stream: the snapshot that all connections share, then every
 * change; what Felix is not ready for waits, newest per key, so that it costs at most one value a
 * key. [TYP9] [TYP14] [TYP15]
 */
import { messagesOf } from "./key-space.ts";
import type { KeySpace, RemoteBatch } from "./key-space.ts";
import { COMPRESSED_END, COMPRESSED_START } from "./shared-snapshot.ts";
import type { SharedSnapshot } from "./shared-snapshot.ts";
import { STREAM_IDENTIFIER } from "../wire/snappy/frame.ts";
import { WaitingUpdates } from "./waiting-updates.ts";

export interface RemoteSideOptions {
  readonly space: KeySpace;
  /** Whether Felix has a local key of that number, which wins. */
  hides(id: number): boolean;
  write(bytes: Uint8Array): void;
}

export class RemoteSide {
  readonly #options: RemoteSideOptions;
  readonly #waiting = new WaitingUpdates();
  #snapshot: SharedSnapshot | null = null;
  /** Parts of the snapshot that are not sent yet. */
  #parts: Iterator<Uint8Array> | null = null;
  #isCollecting = false;
  #hasAny = false;

  constructor(options: RemoteSideOptions) {
    this.#options = options;
  }

  /** Whether there was anything of a remote when the connection began. */
  get hasAny(): boolean {
    return this.#hasAny;
  }

  get isSendingSnapshot(): boolean {
    return this.#parts !== null;
  }

  /** Whether Felix has everything that there is. */
  get isDone(): boolean {
    return this.#waiting.size === 0 && this.#parts === null;
  }

  /** From now on changes count: those before are in the snapshot, or beside it. */
  setSnapshot(snapshot: SharedSnapshot): void {
    this.#snapshot = snapshot;
    this.#hasAny = snapshot.kvs > 0;
    this.#isCollecting = true;
    this.#waiting.addAll(snapshot.changes());
  }

  startSnapshot(isCompressed: boolean): void {
    if (this.#snapshot === null) throw new Error("BUG: no snapshot was taken");
    this.#parts = isCompressed ? compressedParts(this.#snapshot) : plainParts(this.#snapshot);
    this.#snapshot = null;
  }

  /** Writes the next part; answers `false` when there was none left. */
  sendPart(): boolean {
    const part = this.#parts?.next();
    if (part === undefined || part.done === true) {
      this.#parts = null;
      return false;
    }
    this.#options.write(part.value);
    return true;
  }

  /** @param isOpen Whether Felix takes it now. */
  deliver({ updates, shadowed, messages }: RemoteBatch, isOpen: boolean): void {
    if (!this.#isCollecting) return;
    if (!isOpen) {
      for (const update of updates) this.#waiting.add(update);
      return;
    }
    const shown =
      shadowed.size === 0
        ? messages
        : messagesOf(
            updates
              .filter((update) => !this.#options.hides(shadowed.get(update) ?? -1))
              .map((update) => update.encoded),
          );
    for (const message of shown) this.#options.write(message);
  }

  flushWaiting(): void {
    const { space } = this.#options;
    const elements = this.#waiting.drain((key) => this.#options.hides(space.idOf(key)));
    for (const message of messagesOf(elements)) this.#options.write(message);
  }

  clear(): void {
    this.#isCollecting = false;
    this.#waiting.clear();
    this.#parts = this.#snapshot = null;
  }
}

function* compressedParts(snapshot: SharedSnapshot): Generator<Uint8Array> {
  yield STREAM_IDENTIFIER;
  yield COMPRESSED_START;
  yield* snapshot.parts;
  yield COMPRESSED_END;
}

function* plainParts(snapshot: SharedSnapshot): Generator<Uint8Array> {
  for (const part of snapshot.parts) yield snapshot.plain(part);
}
