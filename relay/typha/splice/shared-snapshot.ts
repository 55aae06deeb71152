/**
 * The remote views as one compressed snapshot for all connections: made when a Felix needs it, kept
 * while others may, and not made again for each change: what changes meanwhile is kept beside it,
 * newest per key, and sent behind it. [TYP15]
 *
 * Its memory: the compressed bytes (about a tenth of the key/values' JSON; 4 MB for 100,000 pods)
 * and at most a tenth of the keys as changes.
 */
import { encodeDecoderRestart, SERVER_DEFINITIONS } from "../wire/encode.ts";
import { messagesOf } from "./key-space.ts";
import type { RemoteFeed } from "./remote-feed.ts";
import type { RemoteUpdate } from "./remote-update.ts";
import { frame, Unframer } from "../wire/snappy/frame.ts";
import { WaitingUpdates } from "./waiting-updates.ts";
import type { WaitingUpdate } from "./waiting-updates.ts";

/** Changes beside a snapshot that are fewer than this never make it old. */
const FEW_CHANGES = 500;
const CHANGES_SHARE = 0.1;
/** A snapshot that nobody has asked for is dropped. */
const KEEP_MS = 60_000;
/** A smaller view is sent as it is: two restarts cost two round trips and a decoder. */
const WORTH_BYTES = 256 * 1024;

export class SharedSnapshot {
  /** Framed chunks, each part whole messages: between two of them another message may come. */
  readonly parts: readonly Buffer[];
  readonly kvs: number;
  readonly plainBytes: number;
  readonly #changes: WaitingUpdates;

  constructor(parts: readonly Buffer[], kvs: number, plainBytes: number, changes: WaitingUpdates) {
    this.parts = parts;
    this.kvs = kvs;
    this.plainBytes = plainBytes;
    this.#changes = changes;
  }

  /**
   * What has changed since it was begun, newest per key, and whether the key is in it: complete at
   * the moment when it is handed out.
   */
  changes(): Iterable<readonly [string, WaitingUpdate]> {
    return this.#changes.entries();
  }

  get isWorthCompressing(): boolean {
    return this.plainBytes >= WORTH_BYTES;
  }

  get compressedBytes(): number {
    return this.parts.reduce((sum, part) => sum + part.length, 0);
  }

  get isOld(): boolean {
    return this.#changes.size > Math.max(FEW_CHANGES, this.kvs * CHANGES_SHARE);
  }

  /** A part for a client that takes no compression. */
  plain(part: Buffer): Buffer {
    return Buffer.concat(new Unframer().feed(part));
  }
}

/** What begins a compressed stream, and what ends it and begins a plain one. */
export const COMPRESSED_START = frame(SERVER_DEFINITIONS);
export const COMPRESSED_END = frame(encodeDecoderRestart("end of the snapshot", ""));

/**
 * The keys of a snapshot while it is made, 8 bytes each: only of those that change is anything
 * asked.
 */
class IncludedKeys {
  readonly #hashes: Float64Array[] = [];

  add(updates: readonly RemoteUpdate[]): void {
    this.#hashes.push(Float64Array.from(updates, ({ key }) => hashOf(key)));
  }

  among(keys: readonly string[]): Set<string> {
    const wanted = new Map(keys.map((key) => [hashOf(key), key]));
    const found = new Set<string>();
    if (wanted.size === 0) return found;
    for (const hashes of this.#hashes)
      for (const hash of hashes) {
        const key = wanted.get(hash);
        if (key !== undefined) found.add(key);
      }
    return found;
  }
}

/** 53 bits of a text: two FNV-1a hashes, the second one from another start. */
function hashOf(text: string): number {
  let [high, low] = [0x811c9dc5, 0x01000193];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul(low ^ code, 0x85ebca6b);
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}

export class SnapshotMaker {
  readonly #feed: RemoteFeed;
  #making: Promise<SharedSnapshot> | null = null;
  #made: SharedSnapshot | null = null;
  #stopCollecting: (() => void) | null = null;
  #expiry: NodeJS.Timeout | null = null;

  constructor(feed: RemoteFeed) {
    this.#feed = feed;
  }

  /**
   * The snapshot that there is, or a new one. Made in small steps: key/values of connected Felixes
   * go on meanwhile.
   */
  async get(): Promise<SharedSnapshot> {
    if (this.#made?.isOld === true) this.#drop();
    // Set for the one before, it would end the collecting of what changes while this one is made.
    if (this.#expiry !== null) clearTimeout(this.#expiry);
    this.#making ??= this.#make();
    try {
      return await this.#making;
    } catch (error) {
      this.#drop();
      throw error;
    } finally {
      this.#expireLater();
    }
  }

  /** Compressed bytes that are kept now. */
  get bytes(): number {
    return this.#made?.compressedBytes ?? 0;
  }

  stop(): void {
    if (this.#expiry !== null) clearTimeout(this.#expiry);
    this.#drop();
  }

  /** Who still sends it keeps it; nobody else gets it. */
  #drop(): void {
    this.#making = this.#made = null;
    this.#stopCollecting?.();
    this.#stopCollecting = null;
  }

  async #make(): Promise<SharedSnapshot> {
    const changes = new WaitingUpdates();
    const included = new IncludedKeys();
    let isMade = false;
    this.#stopCollecting = this.#feed.subscribe((updates) => {
      // While it is made nobody knows yet whether a key's part has been read.
      for (const update of updates) changes.add(update, isMade ? !update.isNew : false);
    });
    const parts: Buffer[] = [];
    let kvs = 0;
    let plainBytes = 0;
    const snapshot = this.#feed.snapshot();
    for (let part = snapshot.next(); part.done !== true; part = snapshot.next()) {
      kvs += part.value.length;
      included.add(part.value);
      for (const message of messagesOf(part.value.map((update) => update.encoded))) {
        plainBytes += message.length;
        parts.push(frame(message));
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    isMade = true;
    const keys = included.among([...changes.entries()].map(([key]) => key));
    changes.addAll(
      [...changes.entries()].map(([key, it]) => [key, { ...it, isSent: keys.has(key) }]),
    );
    this.#made = new SharedSnapshot(parts, kvs, plainBytes, changes);
    return this.#made;
  }

  #expireLater(): void {
    if (this.#expiry !== null) clearTimeout(this.#expiry);
    this.#expiry = setTimeout(() => this.#drop(), KEEP_MS);
    this.#expiry.unref();
  }
}
