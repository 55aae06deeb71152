/**
 * One remote of this cluster: its channels, its file, its state. Messages go through the channel reducers, what they applied goes to the file,
 * what they changed goes to the listener. The file comes first: what Felix was told is on disk.
 */
import { CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { hashKey } from "../../shared/record/encoding.ts";
import { WHOLE } from "../../shared/log/partition.ts";
import type { Partition } from "../../shared/log/partition.ts";
import type { ChannelCursor, Message, WatchMessage } from "../../shared/protocol/messages.ts";
import type { Cursor } from "../../shared/log/cursor.ts";
import { bothOf, ChannelView } from "./channel-view.ts";
import type { ChannelHealth, HeldRecord, ViewChange, ViewOutcome } from "./channel-view.ts";
import { open, settledIn } from "./opened.ts";
import type { Opened } from "./opened.ts";
import type { Records } from "./records.ts";
import { Body, bodyOf, readBody, readPlace, replayed } from "./view-events.ts";
import type { FileEvent, ReadBody, ViewHeader } from "./view-events.ts";
import { messagesOfVersion1 } from "./version-1.ts";
import type { ViewFile } from "./view-file.ts";

/** The file is rewritten when it is this much larger than after its last rewriting, and twice as large (the default). */
const REWRITE_SLACK_BYTES = 16 * 1024 * 1024;
/** Records of one body of a rewritten file, in bytes. */
const KEPT_BYTES = 256 * 1024;

export class RemoteView implements Records {
  #header: ViewHeader;
  #file: ViewFile;
  readonly #channels = new Map<Channel, ChannelView>(
    CHANNELS.map((channel) => [channel, new ChannelView(channel, this)]),
  );
  readonly #rewriteSlackBytes: number;
  #sizeAfterRewrite = 0;
  /** What loading cut off, for the log. */
  readonly damage: string | null;
  /** Records that came from the disk, so that a restart can say what it did not have to transfer. */
  readonly loadedRecords: number;

  /** Loads what the file holds; an unreadable or foreign file is dropped and everything is asked for again. */
  constructor(file: ViewFile, header: ViewHeader, rewriteSlackBytes = REWRITE_SLACK_BYTES) {
    this.#rewriteSlackBytes = rewriteSlackBytes;
    this.#file = file;
    this.#header = header;
    this.damage = file.isVersion1 ? this.#convert(file) : this.#load(file);
    for (const view of this.#channels.values()) view.onConnect();
    this.loadedRecords = this.size;
    this.#sizeAfterRewrite = file.size;
  }

  get header(): ViewHeader {
    return this.#header;
  }

  /** Why what was applied last is not on disk; `null` when it is. */
  get writeError(): string | null {
    return this.#file.writeError;
  }

  /**
   * Whether Felix may be told that this is all there is: every channel was complete once, now or before a restart. The start of a repair is
   * not enough (its blobs are still to come), nor is a log that nobody has populated (the hub may have lost its disk). [VIE6] [TYP8]
   */
  get isLoaded(): boolean {
    return [...this.#channels.values()].every((view) => view.health().wasComplete);
  }

  /** Records held. */
  get size(): number {
    return [...this.#channels.values()].reduce((sum, view) => sum + view.health().records, 0);
  }

  /** More waits for room on the disk than may: the view takes nothing in until there is some. [VIE10] */
  get isOverfull(): boolean {
    return this.#file.isOverfull;
  }

  *records(): Generator<HeldRecord> {
    for (const part of this.parts()) yield* this.recordsOf(part);
  }

  /** Parts of the view, a few hundred records each, now; what they hold is read when it is asked for. */
  *parts(): Generator<readonly [Channel, Partition]> {
    for (const [channel, view] of this.#channels) {
      const { stale, records } = view.health();
      if (stale === records) yield [channel, WHOLE];
      else for (const leaf of view.trie.leaves()) yield [channel, leaf];
    }
  }

  recordsOf([channel, partition]: readonly [Channel, Partition]): Generator<HeldRecord> {
    return (this.#channels.get(channel) as ChannelView).records(partition);
  }

  /** The record with this key, whatever its channel. */
  at(key: string): HeldRecord | null {
    const keyHash = hashKey(key);
    for (const view of this.#channels.values()) {
      const held = view.at(keyHash);
      if (held !== null) return held;
    }
    return null;
  }

  read(place: number) {
    return readPlace((at, length) => this.#file.read(at, length), place);
  }

  free(): void {
    // The file is append-only: what is not held any more goes with the next rewriting.
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
    this.#note({ type: "header", ...header });
  }

  /** @returns Changes for whoever serves the view, and a message to answer with. */
  onMessage(message: WatchMessage): {
    readonly changes: readonly ViewChange[];
    readonly answer: Message | null;
  } {
    const opened = open(message);
    const view = opened === null ? undefined : this.#channels.get(opened.channel);
    if (opened === null || view === undefined) return { changes: [], answer: null };
    let outcome = this.#apply(view, opened);
    const checkpoint = settledIn(message, view.cursor);
    if (checkpoint !== null) outcome = bothOf(outcome, this.#apply(view, checkpoint));
    if (outcome.persist) this.#rewriteIfLong();
    const answer: Message | null = outcome.repair
      ? { type: "repair", origin: 0, channel: view.channel, leaves: view.trie.leaves() }
      : null;
    return { changes: outcome.changes, answer };
  }

  /** Forgets the file. */
  withdraw(): void {
    this.#file.remove();
  }

  close(): void {
    this.#file.close();
  }

  /** On disk before anybody is told. */
  #apply(view: ChannelView, opened: Opened): ViewOutcome {
    const { body, message } = bodyOf(opened, this.#file.nextBodyAt);
    const outcome = view.apply(message);
    if (outcome.persist) this.#file.append(body.bytes);
    return outcome;
  }

  #note(event: FileEvent): void {
    this.#file.append(new Body(this.#file.nextBodyAt, event).bytes);
  }

  #load(file: ViewFile): string | null {
    let hasHeader = false;
    let unknown: string | null = null;
    const { damage } = file.load((bytes, at) => {
      const body = readBody(bytes, at);
      if (body?.meta.type === "header") hasHeader = true;
      if (body === null || !hasHeader) unknown = "a record in it is not of this version";
      else this.#replay(body);
    });
    if (!hasHeader) {
      file.remove();
      this.#note({ type: "header", ...this.#header });
    }
    return damage ?? unknown;
  }

  #replay({ meta, records }: ReadBody): void {
    switch (meta.type) {
      case "header": {
        const { type: _type, ...header } = meta;
        this.#header = header;
        return;
      }
      case "kept":
        for (const { bytes, place } of records)
          this.#channels.get(meta.channel)?.restore(bytes, place);
        return;
      case "position":
        this.#channels
          .get(meta.channel)
          ?.restorePosition(meta.health.cursor, meta.health.verified, meta.isPopulated);
        return;
      case "complete":
        for (const channel of meta.channels) this.#channels.get(channel)?.restoreComplete();
        return;
      case "blob":
      case "tail":
      case "repair-plan":
      case "repair-needed":
      case "checkpoint":
      case "unreadable":
        this.#channels.get(meta.channel)?.apply(replayed(meta, records));
    }
  }

  /** A file of the first format: applied message by message into one of this. */
  #convert(file: ViewFile): string | null {
    const next = file.sibling(".new");
    this.#file = next;
    const old = messagesOfVersion1(file);
    if (old.header !== null) this.#header = old.header;
    this.#note({ type: "header", ...this.#header });
    for (const channel of old.complete) this.#channels.get(channel)?.restoreComplete();
    for (const message of old.messages) {
      const opened = open(message);
      const view = opened === null ? undefined : this.#channels.get(opened.channel);
      if (opened !== null && view !== undefined) this.#apply(view, opened);
    }
    this.#note(this.#complete());
    file.close();
    // Where it cannot take the old file's place it goes on under its own name, and the next start converts again.
    if (next.writeError === null) next.moveTo(file.path);
    return old.damage;
  }

  #complete(): FileEvent {
    const complete = [...this.#channels.values()].filter((view) => view.health().wasComplete);
    return { type: "complete", channels: complete.map((view) => view.channel) };
  }

  /**
   * Not now while something is stale, which would come back as confirmed, nor during a repair: the blobs that follow would have no plan
   * before them in the new file, and be lost to a restart. Both end; until then the file is longer. [VIE11]
   */
  #rewriteIfLong(): void {
    const { size, writeError } = this.#file;
    if (size <= 2 * this.#sizeAfterRewrite + this.#rewriteSlackBytes || writeError !== null) return;
    const healths = [...this.#channels.values()].map((view) => view.health());
    if (healths.some(({ stale, isRepairing }) => stale > 0 || isRepairing)) return;
    const next = this.#file.sibling(".new");
    const places = this.#writeSnapshot(next);
    if (next.writeError !== null || !next.moveTo(this.#file.path)) {
      next.remove();
      // Tried again when the file has grown by the slack once more, not with every message.
      this.#sizeAfterRewrite = size / 2;
      return;
    }
    this.#file.close();
    this.#file = next;
    this.#sizeAfterRewrite = next.size;
    for (const [view, moved] of places) view.move(moved);
  }

  /** The view as it is. Answers where its records are then, in the order of their keys. */
  #writeSnapshot(next: ViewFile): Map<ChannelView, Float64Array> {
    const places = new Map<ChannelView, Float64Array>();
    const add = (event: FileEvent): Body => new Body(next.nextBodyAt, event);
    next.append(add({ type: "header", ...this.#header }).bytes);
    for (const [channel, view] of this.#channels) {
      const moved = new Float64Array(view.trie.size);
      let [body, count] = [add({ type: "kept", channel }), 0];
      for (const { tag } of view.trie.entries()) {
        const { bytes, revision } = this.read(tag);
        moved[count++] = body.add(bytes, revision);
        if (body.length < KEPT_BYTES) continue;
        next.append(body.bytes);
        body = add({ type: "kept", channel });
      }
      next.append(body.bytes);
      places.set(view, moved);
      const { cursor, verified } = view.health();
      const { isPopulated } = view;
      next.append(
        add({ type: "position", channel, health: { cursor, verified }, isPopulated }).bytes,
      );
    }
    // Last, so that a file that was cut off before its end says nothing of it.
    next.append(add(this.#complete()).bytes);
    return places;
  }
}
