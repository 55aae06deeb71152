/**
 * One remote of this cluster: its channels, its file, its state. Messages go through the channel reducers, what they applied goes to the file,
 * what they changed goes to the listener. The file comes first: what Felix was told is on disk.
 */
import { CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { decodeMessage, encodeMessage } from "../../shared/protocol/codec.ts";
import type { ChannelCursor, Message, WatchMessage } from "../../shared/protocol/messages.ts";
import { encodePayload } from "../../shared/log/payload.ts";
import { toHex } from "../../shared/lib/bytes.ts";
import type { Cursor } from "../../shared/log/cursor.ts";
import { ChannelView } from "./channel-view.ts";
import type { ChannelHealth, HeldRecord, ViewChange } from "./channel-view.ts";
import { ViewFile } from "./view-file.ts";

/** First record of a view file. */
export interface ViewHeader {
  readonly rcc: string;
  readonly meshId: string;
  readonly originUid: string;
  readonly originName: string;
}

/** The file is rewritten when it is this much larger than after its last rewriting, and twice as large (the default). */
const REWRITE_SLACK_BYTES = 4 * 1024 * 1024;

export class RemoteView {
  #header: ViewHeader;
  readonly #file: ViewFile;
  readonly #channels = new Map<Channel, ChannelView>(
    CHANNELS.map((channel) => [channel, new ChannelView(channel)]),
  );
  readonly #rewriteSlackBytes: number;
  #sizeAfterRewrite = 0;
  /** What loading cut off, for the log. */
  readonly damage: string | null;
  /** Records that came from the disk, so that a restart can say what it did not have to transfer. */
  readonly loadedRecords: number;
  #writeError: string | null = null;

  /** Loads what the file holds; an unreadable or foreign file is dropped and everything is asked for again. */
  constructor(file: ViewFile, header: ViewHeader, rewriteSlackBytes = REWRITE_SLACK_BYTES) {
    this.#rewriteSlackBytes = rewriteSlackBytes;
    this.#file = file;
    this.#header = header;
    const loaded = file.load();
    let damage = loaded.damage;
    const stored = loaded.records[0] === undefined ? null : readHeader(loaded.records[0]);
    if (stored === null && loaded.records.length > 0) damage = "its first record is not a header";
    for (const record of stored === null ? [] : loaded.records.slice(1)) {
      const complete = readCompleteNote(record);
      const decoded = decodeMessage(record);
      if (complete !== null)
        for (const channel of complete) this.#channels.get(channel)?.restoreComplete();
      else if (decoded.ok && "channel" in decoded.message)
        this.#view(decoded.message as WatchMessage)?.onMessage(decoded.message as WatchMessage);
      else damage = "a record is not a message of this version";
    }
    for (const view of this.#channels.values()) view.onConnect();
    this.damage = damage;
    this.loadedRecords = [...this.records()].length;
    if (stored === null) this.#restart();
    this.#sizeAfterRewrite = file.size;
  }

  get header(): ViewHeader {
    return this.#header;
  }

  get writeError(): string | null {
    return this.#writeError;
  }

  /**
   * Whether Felix may be told that this is all there is: every channel was complete once, now or before a restart. The start of a repair is
   * not enough (its blobs are still to come), nor is a log that nobody has populated (the hub may have lost its disk). [VIE6] [TYP8]
   */
  get isLoaded(): boolean {
    return [...this.#channels.values()].every((view) => view.health().wasComplete);
  }

  *records(): Generator<HeldRecord> {
    for (const view of this.#channels.values()) yield* view.records();
  }

  health(channel: Channel): ChannelHealth {
    return (this.#channels.get(channel) as ChannelView).health();
  }

  /** In sync when every channel is proven equal. */
  get isInSync(): boolean {
    return [...this.#channels.values()].every((view) => view.health().isInSync);
  }

  cursors(): ChannelCursor[] {
    return [...this.#channels.values()].flatMap((view) =>
      view.cursor === null ? [] : [{ channel: view.channel, ...view.cursor }],
    );
  }

  acknowledged(channel: Channel): Pick<Cursor, "revision" | "chain"> {
    return (this.#channels.get(channel) as ChannelView).acknowledged;
  }

  onConnect(): void {
    for (const view of this.#channels.values()) view.onConnect();
  }

  /** The remote is another incarnation now (the cluster was removed and added again): what we hold is kept until it is proven gone. */
  rebind(header: ViewHeader): void {
    if (JSON.stringify(header) === JSON.stringify(this.#header)) return;
    this.#header = header;
    this.#rewrite();
  }

  /** @returns Changes for whoever serves the view, and a message to answer with. */
  onMessage(message: WatchMessage): {
    readonly changes: readonly ViewChange[];
    readonly answer: Message | null;
  } {
    const view = this.#view(message);
    if (view === undefined) return { changes: [], answer: null };
    const outcome = view.onMessage(message);
    if (outcome.persist) this.#append(encodeMessage(message));
    const answer: Message | null = outcome.repair
      ? { type: "repair", origin: 0, channel: view.channel, leaves: view.trie.leaves() }
      : null;
    return { changes: outcome.changes, answer };
  }

  /** Forgets everything, also on disk; answers what was served. */
  withdraw(): HeldRecord[] {
    const held = [...this.records()];
    this.#file.remove();
    return held;
  }

  close(): void {
    this.#file.close();
  }

  #view(message: WatchMessage): ChannelView | undefined {
    return "channel" in message ? this.#channels.get(message.channel) : undefined;
  }

  #append(record: Uint8Array): void {
    try {
      // After a failed write the file is a shorter, valid past; it stays that until the view can be written whole.
      if (this.#writeError === null) this.#file.append(record);
      const { size } = this.#file;
      const isLong = size > 2 * this.#sizeAfterRewrite + this.#rewriteSlackBytes;
      if (isLong || this.#writeError !== null) this.#rewrite();
    } catch (error) {
      // A full disk must not stop Felix from being told: the view goes on in memory, and is written whole once there is room.
      this.#writeError = String(error);
    }
  }

  #restart(): void {
    try {
      this.#file.rewrite([headerRecord(this.#header)]);
    } catch (error) {
      this.#writeError = String(error);
    }
  }

  /**
   * Not now while something is stale, which would come back as confirmed, nor during a repair: the blobs that follow would have no plan
   * before them in the new file, and be lost to a restart. Both end; until then the file is longer, or an older past. [VIE11]
   */
  #rewrite(): void {
    const healths = [...this.#channels.values()].map((view) => view.health());
    if (healths.some(({ stale, isRepairing }) => stale > 0 || isRepairing)) return;
    this.#file.rewrite(this.#snapshot());
    this.#sizeAfterRewrite = this.#file.size;
    this.#writeError = null;
  }

  /** The view as the messages that would bring it about. */
  *#snapshot(): Generator<Uint8Array> {
    yield headerRecord(this.#header);
    for (const view of this.#channels.values()) {
      const { cursor, channel } = view;
      if (cursor === null) continue;
      const { epoch, revision, chain } = cursor;
      const leaves = view.trie.leaves();
      const byHash = new Map([...view.held()].map(([id, held]) => [id, held.bytes]));
      yield encodeMessage({
        type: "repair-plan",
        origin: 0,
        channel,
        epoch,
        head: revision,
        blobs: leaves.length,
        after: revision,
        chain,
      });
      for (const { bits, prefix } of leaves) {
        const puts = [...view.trie.entries({ bits, prefix })].flatMap(({ keyHash }) => {
          const bytes = byHash.get(toHex(keyHash));
          return bytes === undefined ? [] : [{ op: "put" as const, bytes }];
        });
        yield encodeMessage({
          type: "blob",
          origin: 0,
          channel,
          bits,
          prefix,
          revision,
          payload: encodePayload(puts),
        });
      }
      const { verified, isInSync } = view.health();
      if (verified !== null && verified.revision === revision)
        yield encodeMessage({
          type: "checkpoint",
          origin: 0,
          channel,
          epoch,
          revision,
          digest: verified.digest,
          populated: isInSync,
          sweep: false,
        });
    }
    // Last, so that a file that was cut off before its end says nothing of it.
    const complete = [...this.#channels.values()].filter((view) => view.health().wasComplete);
    yield new TextEncoder().encode(
      JSON.stringify({ complete: complete.map((view) => view.channel) }),
    );
  }
}

/** The record after a rewritten view: which channels were complete once. `null` for a message, which is no JSON object. */
function readCompleteNote(record: Uint8Array): readonly Channel[] | null {
  if (record[0] !== "{".charCodeAt(0)) return null;
  try {
    const { complete } = JSON.parse(new TextDecoder().decode(record)) as { complete?: unknown };
    return Array.isArray(complete)
      ? CHANNELS.filter((channel) => complete.includes(channel))
      : null;
  } catch {
    return null;
  }
}

function headerRecord(header: ViewHeader): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(header));
}

function readHeader(record: Uint8Array): ViewHeader | null {
  try {
    const parsed = JSON.parse(new TextDecoder().decode(record)) as ViewHeader;
    return typeof parsed.rcc === "string" && typeof parsed.originUid === "string" ? parsed : null;
  } catch {
    return null;
  }
}
