/**
 * One remote of this cluster: its channels and its file. Messages go through the channels, what
 * they applied goes to the file, what they changed to whoever serves the view. The file comes
 * first: what Felix was told is on disk.
 */
import { NO_CHAIN } from "../../shared/log/cursor.ts";
import type { Cursor } from "../../shared/log/cursor.ts";
import type { HashTrie } from "../../shared/log/hash-trie.ts";
import { WHOLE } from "../../shared/log/partition.ts";
import type { Partition } from "../../shared/log/partition.ts";
import type { ChannelCursor, Message, WatchMessage } from "../../shared/protocol/messages.ts";
import { FELIX_CHANNELS, perChannel } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { hashKey } from "../../shared/record/encoding.ts";
import { channelsOf } from "../../shared/visibility/scope.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import { excessWith, REMOTE_BOUNDS } from "./bounds.ts";
import type { RemoteBounds } from "./bounds.ts";
import { ChannelView } from "./channel-view.ts";
import type { ChannelHealth } from "./channel-view.ts";
import { confirmedChannel } from "./confirmed.ts";
import type { ConfirmedChannel } from "./confirmed.ts";
import type { HeldRecord, ViewChange } from "./held-records.ts";
import { loadView } from "./load-view.ts";
import type { ChannelViews } from "./load-view.ts";
import { narrowInPlace } from "./narrow.ts";
import { open, settledIn } from "./opened.ts";
import type { Opened } from "./opened.ts";
import { ScopeCheck } from "./scope-check.ts";
import { narrowing } from "./shown.ts";
import { writeSnapshot } from "./snapshot.ts";
import type { ViewHeader } from "./file-meta.ts";
import type { ViewFile } from "./view-file.ts";
import { bothOf } from "./view-outcome.ts";
import type { ReceivedChanges, ViewOutcome } from "./view-outcome.ts";
import { ViewStorage } from "./view-storage.ts";

/** The file is rewritten when it has grown by this much, and to twice its size. */
const REWRITE_SLACK_BYTES = 16 * 1024 * 1024;
const IGNORED = (): void => undefined;

export class RemoteView {
  #header: ViewHeader;
  readonly #storage: ViewStorage;
  readonly #channels: ChannelViews;
  readonly #scopeCheck = new ScopeCheck();
  readonly #bounds: RemoteBounds;
  #excess: string | null = null;
  /** Damage that loading cut off, for the log. */
  readonly damage: string | null;
  /** Records that came from the disk: a restart did not transfer them. */
  readonly loadedRecords: number;

  /**
   * Loads what the file holds; an unreadable or foreign file is dropped and everything is asked for
   * again.
   */
  constructor(
    file: ViewFile,
    header: ViewHeader,
    rewriteSlackBytes = REWRITE_SLACK_BYTES,
    bounds = REMOTE_BOUNDS,
  ) {
    this.#bounds = bounds;
    this.#storage = new ViewStorage(file, rewriteSlackBytes);
    this.#channels = perChannel((channel) => new ChannelView(channel, this.#storage));
    const loaded = loadView(this.#storage, this.#channels, header);
    this.#header = loaded.header;
    this.damage = loaded.damage;
    this.onConnect();
    this.loadedRecords = this.size;
    if (this.loadedRecords > 0) this.#scopeCheck.onLoaded();
    this.#storage.measured();
  }

  get #views(): readonly ChannelView[] {
    return Object.values(this.#channels);
  }

  /** Those that the grant lets this cluster have. [SVC1] */
  get channels(): readonly Channel[] {
    return channelsOf(this.#header.scope);
  }

  get header(): ViewHeader {
    return this.#header;
  }

  /** Why what was applied last is not on disk; `null` when it is. */
  get writeError(): string | null {
    return this.#storage.writeError;
  }

  /**
   * Whether Felix may be told that this is all there is: every channel was complete once, now or
   * before a restart. The start of a repair is not enough (its blobs are still to come), nor is a
   * log that nobody has populated (the hub may have lost its disk). [VIE6] [TYP8]
   */
  get isLoaded(): boolean {
    return FELIX_CHANNELS.every((channel) => this.health(channel).wasComplete);
  }

  /** Records held. */
  get size(): number {
    return this.#views.reduce((sum, view) => sum + view.health().records, 0);
  }

  /** More waits for the disk than may: nothing is taken in until there is room. [VIE10] */
  get isOverfull(): boolean {
    return this.#storage.isOverfull;
  }

  /**
   * Why the remote brings more than is taken, since a message was refused for it and until the view
   * is equal to the origin's log; else `null`. [VIE25]
   */
  get excess(): string | null {
    return this.#excess;
  }

  *records(): Generator<HeldRecord> {
    for (const part of this.parts()) yield* this.recordsOf(part);
  }

  /**
   * Parts of the view, a few hundred records each, now; what they hold is read when it is asked
   * for.
   */
  *parts(): Generator<readonly [Channel, Partition]> {
    for (const view of this.#views) {
      const { stale, records } = view.health();
      if (stale === records) yield [view.channel, WHOLE];
      else for (const leaf of view.trie.leaves()) yield [view.channel, leaf];
    }
  }

  recordsOf([channel, partition]: readonly [Channel, Partition]): Generator<HeldRecord> {
    return this.#channels[channel].records(partition);
  }

  /** Hashes of the keys of a part, now. */
  keysOf([channel, partition]: readonly [Channel, Partition]): Uint8Array[] {
    return this.#channels[channel].keys(partition);
  }

  heldAt(channel: Channel, keyHash: Uint8Array): HeldRecord | null {
    return this.#channels[channel].at(keyHash);
  }

  trie(channel: Channel): HashTrie {
    return this.#channels[channel].trie;
  }

  /** The record with this key, whatever its channel. */
  at(key: string): HeldRecord | null {
    const keyHash = hashKey(key);
    return this.#views.map((view) => view.at(keyHash)).find((held) => held !== null) ?? null;
  }

  health(channel: Channel): ChannelHealth {
    return this.#channels[channel].health();
  }

  confirmed(channel: Channel): ConfirmedChannel {
    return confirmedChannel(this.#channels[channel].trie, (place) => this.#storage.read(place));
  }

  /** In sync when each of Felix's channels is proven equal. */
  get isInSync(): boolean {
    return FELIX_CHANNELS.every((channel) => this.health(channel).isInSync);
  }

  cursors(): ChannelCursor[] {
    return this.#views.flatMap((view) =>
      view.cursor === null ? [] : [{ channel: view.channel, ...view.cursor }],
    );
  }

  acknowledged(channel: Channel): Pick<Cursor, "revision" | "chain"> {
    return this.#channels[channel].acknowledged;
  }

  onConnect(): void {
    for (const view of this.#views) view.onConnect();
  }

  /**
   * Whether the view is to be narrowed to a scope, see `ScopeCheck`.
   * @param isNewer The facts are newer than those before.
   */
  needsNarrowing(scope: Scope | undefined, isNewer: boolean): boolean {
    return this.#scopeCheck.needsNarrowing(scope, isNewer, {
      header: this.#header,
      channels: this.#views,
      read: (place) => this.#storage.read(place),
    });
  }

  /**
   * The remote is another incarnation now (the cluster was removed and added again): what we hold
   * is kept until it is proven gone.
   */
  rebind(header: ViewHeader): void {
    const { kept } = this.#header;
    const next = kept === undefined ? header : { ...header, kept };
    if (JSON.stringify(next) === JSON.stringify(this.#header)) return;
    this.#header = next;
    this.#storage.appendEvent({ type: "header", ...next });
  }

  /**
   * @returns Changes for whoever serves the view, and a message to answer with. `isRefused`: with
   *   this message it would hold more than it may, and it is as if it had not come.
   */
  onMessage(message: WatchMessage): ReceivedChanges {
    const opened = open(message);
    if (opened === null) return { changes: [], answer: null };
    return this.onOpened(opened, message);
  }

  /** The same of what is no message of a hub's: a direct remote has nothing to unpack. [DIR5] */
  onOpened(opened: Opened, message: WatchMessage | null = null): ReceivedChanges {
    const view = this.#channels[opened.channel];
    const excess = excessWith(opened, this.#channels, this.#storage.fileBytes, this.#bounds);
    if (excess !== null) {
      this.#excess = excess;
      return { changes: [], answer: null, isRefused: true };
    }
    let outcome = this.#apply(view, opened);
    const checkpoint = message === null ? null : settledIn(message, view.cursor);
    if (checkpoint !== null) outcome = bothOf(outcome, this.#apply(view, checkpoint));
    if (outcome.persist && this.#storage.isToBeRewritten(this.#views)) this.#rewrite();
    const answer: Message | null = outcome.repair
      ? { type: "repair", origin: 0, channel: view.channel, leaves: view.trie.leaves() }
      : null;
    if (this.#excess !== null && this.isInSync) this.#excess = null;
    return { changes: outcome.changes, answer };
  }

  /** Forgets the file. */
  withdraw(): void {
    this.#storage.remove();
  }

  close(): void {
    this.#storage.close();
  }

  #apply(view: ChannelView, opened: Opened): ViewOutcome {
    const outcome = this.#storage.applyAndAppend(view, opened);
    this.#scopeCheck.onChanges(outcome.changes, this.#header);
    return outcome;
  }

  /**
   * The remote's grant has another scope: what that does not show goes at once. Nothing goes back:
   * neither what was complete once, nor what is served of what stays. [SCP4]
   * @param tell Hears what has changed by it.
   */
  rescope(header: ViewHeader, tell: (changes: Iterable<ViewChange>) => void = IGNORED): void {
    this.#scopeCheck.onNarrowed();
    const healths = this.#views.map((view) => view.health());
    const isProven = healths.every(({ verified, stale }) => verified !== null && stale === 0);
    const { project, ...kept } = narrowing(this.#header, header.scope, isProven);
    this.#header = { ...header, ...kept };
    // fault: scope-not-narrowed
    if (project === null || this.size === 0) this.#leaveLog();
    else narrowInPlace(this.#storage, this.#header, this.#views, project, tell);
  }

  /**
   * Every channel is where the plan of a repair leaves it that never comes: it has no position. The
   * header is last, as for a narrowing.
   */
  #leaveLog(): void {
    for (const view of this.#views) {
      if (view.health().cursor === null) continue;
      const at = { epoch: "", head: 0, blobs: 1, after: 0, chain: NO_CHAIN };
      this.#apply(view, { type: "repair-plan", channel: view.channel, ...at });
      view.onConnect();
    }
    this.#storage.appendEvent({ type: "header", ...this.#header });
  }

  /**
   * Not now while something is stale, which would come back as confirmed, nor during a repair: the
   * blobs that follow would have no plan before them in the new file, and be lost to a restart.
   * Both end; until then the file is longer. [VIE11]
   */
  #rewrite(): void {
    const healths = this.#views.map((view) => view.health());
    if (healths.some((each) => each.stale > 0 || each.isRepairing || each.isPutBack)) return;
    const places = this.#storage.rewrite((next) =>
      writeSnapshot(next, this.#header, this.#views, this.#storage),
    );
    if (places !== null) for (const [view, moved] of places) view.move(moved);
  }
}
