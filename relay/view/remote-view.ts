/**
 * One remote of this cluster: its channels, its file, its state. Messages go through the channel reducers, what they applied goes to the file,
 * what they changed goes to the listener. The file comes first: what Felix was told is on disk.
 */
import { rmSync } from "node:fs";

import { NO_CHAIN } from "../../shared/log/cursor.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { hashKey } from "../../shared/record/encoding.ts";
import { WHOLE } from "../../shared/log/partition.ts";
import type { Partition } from "../../shared/log/partition.ts";
import type { ChannelCursor, Message, WatchMessage } from "../../shared/protocol/messages.ts";
import type { Cursor } from "../../shared/log/cursor.ts";
import { isSameScope } from "../../shared/visibility/scope.ts";
import type { Projector, Scope } from "../../shared/visibility/scope.ts";
import { bothOf, ChannelView } from "./channel-view.ts";
import type { ChannelHealth, HeldRecord, ViewChange, ViewOutcome } from "./channel-view.ts";
import { open, settledIn } from "./opened.ts";
import type { Opened } from "./opened.ts";
import { isAllShown, isShown, Narrowed } from "./narrow.ts";
import type { Read } from "./narrow.ts";
import type { Records } from "./records.ts";
import { narrowing } from "./shown.ts";
import { completeOf, writeSnapshot } from "./snapshot.ts";
import { Body, bodyOf, readBody, readPlace, replayed } from "./view-events.ts";
import type { FileEvent, ReadBody, ViewHeader } from "./view-events.ts";
import { messagesOfVersion1 } from "./version-1.ts";
import type { ViewFile } from "./view-file.ts";

/** The file is rewritten when it is this much larger than after its last rewriting, and twice as large (the default). */
const REWRITE_SLACK_BYTES = 16 * 1024 * 1024;
const IGNORED = (): void => undefined;

export class RemoteView implements Records {
  #header: ViewHeader;
  /** Where its file is to be, however long the disk takes nothing. */
  readonly #path: string;
  #file: ViewFile;
  readonly #channels = new Map<Channel, ChannelView>(
    CHANNELS.map((channel) => [channel, new ChannelView(channel, this)]),
  );
  readonly #rewriteSlackBytes: number;
  #sizeAfterRewrite = 0;
  /** It is not known that the scope shows all that is held: it came from the disk, or the hub was ahead of the facts and showed more. */
  #mayHoldMore: boolean;
  /** What a header's scope takes away; `null`: nothing. */
  #narrowing: { readonly header: ViewHeader; readonly project: Projector | null } | null = null;
  /** What loading cut off, for the log. */
  readonly damage: string | null;
  /** Records that came from the disk, so that a restart can say what it did not have to transfer. */
  readonly loadedRecords: number;

  /** Loads what the file holds; an unreadable or foreign file is dropped and everything is asked for again. */
  constructor(file: ViewFile, header: ViewHeader, rewriteSlackBytes = REWRITE_SLACK_BYTES) {
    this.#rewriteSlackBytes = rewriteSlackBytes;
    this.#file = file;
    this.#path = file.path;
    this.#header = header;
    this.damage = file.isVersion1 ? this.#convert(file) : this.#load(file);
    for (const view of this.#channels.values()) view.onConnect();
    this.loadedRecords = this.size;
    this.#mayHoldMore = this.loadedRecords > 0;
    this.#sizeAfterRewrite = file.size;
  }

  get #views(): readonly ChannelView[] {
    return [...this.#channels.values()];
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
    return this.#views.every((view) => view.health().wasComplete);
  }

  /** Records held. */
  get size(): number {
    return this.#views.reduce((sum, view) => sum + view.health().records, 0);
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
    return readOf(this.#file)(place);
  }

  free(): void {
    // The file is append-only: what is not held any more goes with the next rewriting.
  }

  health(channel: Channel): ChannelHealth {
    return (this.#channels.get(channel) as ChannelView).health();
  }

  /** In sync when every channel is proven equal. */
  get isInSync(): boolean {
    return this.#views.every((view) => view.health().isInSync);
  }

  cursors(): ChannelCursor[] {
    return this.#views.flatMap((view) =>
      view.cursor === null ? [] : [{ channel: view.channel, ...view.cursor }],
    );
  }

  acknowledged(channel: Channel): Pick<Cursor, "revision" | "chain"> {
    return (this.#channels.get(channel) as ChannelView).acknowledged;
  }

  onConnect(): void {
    for (const view of this.#channels.values()) view.onConnect();
  }

  /**
   * Whether the view is to be made what a scope shows: another one than before; or newer facts say the same, and the hub was ahead of the facts meanwhile and showed
   * more.
   */
  isBeyond(scope: Scope | undefined, isNewer: boolean): boolean {
    return !isSameScope(scope, this.#header.scope) || (isNewer && this.#holdsMore());
  }

  /** Reads all there is, where that may be. Nothing says of a log what it shows. */
  #holdsMore(): boolean {
    if (!this.#mayHoldMore) return false;
    this.#mayHoldMore = false;
    const project = this.#project();
    return project !== null && !isAllShown(this.#views, readOf(this.#file), project);
  }

  /** What has no label beyond the scope's has come through it, or was left by a narrower one. */
  #project(): Projector | null {
    const header = this.#header;
    if (this.#narrowing?.header !== header)
      this.#narrowing = { header, project: narrowing(header, header.scope, true).project };
    return this.#narrowing.project;
  }

  #hasMoreThanIsShown(changes: readonly ViewChange[]): boolean {
    const project = this.#project();
    if (project === null) return false;
    return changes.some(({ op, held }) => op === "put" && !isShown(held.record, project));
  }

  /** The remote is another incarnation now (the cluster was removed and added again): what we hold is kept until it is proven gone. */
  rebind(header: ViewHeader): void {
    const before = this.#header;
    const { kept } = before;
    const next = kept === undefined ? header : { ...header, kept };
    if (JSON.stringify(next) === JSON.stringify(before)) return;
    this.#header = next;
    this.#note({ type: "header", ...next });
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
    if (outcome.persist) this.#tidy();
    const answer: Message | null = outcome.repair
      ? { type: "repair", origin: 0, channel: view.channel, leaves: view.trie.leaves() }
      : null;
    return { changes: outcome.changes, answer };
  }

  /** Forgets the file. */
  withdraw(): void {
    this.#file.remove();
    rmSync(this.#path, { force: true });
  }

  close(): void {
    this.#file.close();
  }

  /** On disk before anybody is told. */
  #apply(view: ChannelView, opened: Opened): ViewOutcome {
    const { body, message } = bodyOf(opened, this.#file.nextBodyAt);
    const outcome = view.apply(message);
    this.#mayHoldMore ||= this.#hasMoreThanIsShown(outcome.changes);
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
    this.#note({ type: "complete", channels: completeOf(this.#views) });
    file.close();
    this.#takePlace();
    return old.damage;
  }

  /**
   * The remote's grant has another scope: what that does not show goes at once. Nothing goes back: neither what was complete once, nor what is served of what
   * stays. [SCP4] @param tell Hears what has changed by it.
   */
  rescope(header: ViewHeader, tell: (changes: Iterable<ViewChange>) => void = IGNORED): void {
    this.#mayHoldMore = false;
    const healths = this.#views.map((view) => view.health());
    const isProven = healths.every(({ verified, stale }) => verified !== null && stale === 0);
    const { project, ...kept } = narrowing(this.#header, header.scope, isProven);
    this.#header = { ...header, ...kept };
    if (project === null || this.size === 0) this.#leaveLog();
    else this.#narrow(project, tell);
  }

  /** Every channel is where the plan of a repair leaves it that never comes: it has no position. The header is last, as for a narrowing. */
  #leaveLog(): void {
    for (const [channel, view] of this.#channels) {
      if (view.health().cursor === null) continue;
      const at = { epoch: "", head: 0, blobs: 1, after: 0, chain: NO_CHAIN };
      this.#apply(view, { type: "repair-plan", channel, ...at });
      view.onConnect();
    }
    this.#note({ type: "header", ...this.#header });
  }

  /**
   * Into a file of its own, so that a kill leaves the view as it was, to be narrowed by the next start, and the disk keeps nothing of what is not shown any more. Then
   * whoever serves it is told.
   */
  #narrow(project: Projector, tell: (changes: Iterable<ViewChange>) => void): void {
    const old = this.#file;
    const next = old.sibling(".new");
    const [readOld, readNext] = [readOf(old), readOf(next)];
    const narrowed = new Narrowed([next, readNext], this.#header, this.#views, readOld, project);
    this.#file = next;
    const changes = narrowed.take();
    this.#takePlace();
    this.#sizeAfterRewrite = next.size;
    try {
      tell(changes);
    } finally {
      old.close();
      if (old.path !== this.#path) old.remove();
    }
  }

  /** After something was written. */
  #tidy(): void {
    if (this.#file.path === this.#path) this.#rewriteIfLong();
    else this.#takePlace();
  }

  /** A file that cannot take the old one's place goes on under its own name: it is tried again, and the next start begins with the old one. */
  #takePlace(): void {
    if (this.#file.writeError === null) this.#file.moveTo(this.#path);
  }

  /**
   * Not now while something is stale, which would come back as confirmed, nor during a repair: the blobs that follow would have no plan
   * before them in the new file, and be lost to a restart. Both end; until then the file is longer. [VIE11]
   */
  #rewriteIfLong(): void {
    const { size, writeError } = this.#file;
    if (size <= 2 * this.#sizeAfterRewrite + this.#rewriteSlackBytes || writeError !== null) return;
    const healths = this.#views.map((view) => view.health());
    if (healths.some(({ stale, isRepairing }) => stale > 0 || isRepairing)) return;
    const next = this.#file.sibling(".new");
    const places = writeSnapshot(next, this.#header, this.#views, this);
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
}

function readOf(file: ViewFile): Read {
  return (place) => readPlace((at, length) => file.read(at, length), place);
}
