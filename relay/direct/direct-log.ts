/**
 * What a direct remote has, as the log that a view follows: each batch of changes is the next entry
 * of a log that only this relay writes and reads, so that files, resuming and serving are those of
 * any view. [DIR5]
 */
import { equalBytes } from "../../shared/lib/bytes.ts";
import type { HashTrie } from "../../shared/log/hash-trie.ts";
import { NO_CHAIN, nextChain } from "../../shared/log/cursor.ts";
import { WHOLE } from "../../shared/log/partition.ts";
import { MAX_FRAME_CHANGES } from "../../shared/log/payload.ts";
import { CHANNELS, channelOf, perChannel } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { EncodedRecord } from "../../shared/record/encoding.ts";
import type { HeldRecord, ViewChange } from "../view/held-records.ts";
import type { OpenedChange } from "../view/opened.ts";
import type { RemoteView } from "../view/remote-view.ts";

export type DirectChange =
  | { readonly op: "put"; readonly encoded: EncodedRecord }
  | { readonly op: "delete"; readonly channel: Channel; readonly keyHash: Uint8Array };

export interface LogHandlers {
  onChanges(changes: readonly ViewChange[]): void;
  /** The view may not hold as much, and has not taken it. */
  onExcess(): void;
}

type View = Pick<RemoteView, "cursors" | "onOpened" | "trie" | "health" | "keysOf" | "heldAt">;

const NO_PAYLOAD = new Uint8Array(0);

export class DirectLog {
  readonly #view: View;
  readonly #epoch: string;
  readonly #handlers: LogHandlers;
  /** What the view is to hold, once all was listed; `null` before. */
  #expected: Record<Channel, HashTrie> | null = null;
  #isOver = false;
  changes = 0;
  bytes = 0;

  /** @param epoch Of a view that is of no log yet. */
  constructor(view: View, epoch: string, handlers: LogHandlers) {
    this.#view = view;
    this.#epoch = epoch;
    this.#handlers = handlers;
  }

  /** All that the view holds, stale or not. */
  keys(channel: Channel): Uint8Array[] {
    return this.#view.keysOf([channel, WHOLE]);
  }

  /** Whether the view holds these records, none more and none stale. */
  holds(channel: Channel, trie: HashTrie): boolean {
    const isFresh = this.#view.health(channel).stale === 0;
    return isFresh && equalBytes(this.#view.trie(channel).digest(), trie.digest());
  }

  heldAt(channel: Channel, keyHash: Uint8Array): HeldRecord | null {
    return this.#view.heldAt(channel, keyHash);
  }

  /** Something is listed anew: what the view holds is not known to be all. */
  begin(): void {
    this.#expected = null;
  }

  /** Writes what is not so already. */
  write(changes: readonly DirectChange[]): void {
    const byChannel = perChannel((): OpenedChange[] => []);
    for (const change of changes) {
      const channel = change.op === "put" ? channelOf(change.encoded.record.kind) : change.channel;
      const entry = this.#entryOf(channel, change);
      if (entry !== null) byChannel[channel].push(entry);
    }
    for (const channel of CHANNELS) {
      const entries = byChannel[channel];
      for (let at = 0; at < entries.length && !this.#isOver; at += MAX_FRAME_CHANGES)
        this.#append(channel, entries.slice(at, at + MAX_FRAME_CHANGES));
      if (entries.length > 0) this.#check(channel);
    }
  }

  /**
   * @param local All that the remote has.
   * @param otherwise What of it is admitted in part, or not at all.
   * @param staying Keys of what else is to stay.
   */
  complete(
    local: { trie(channel: Channel): HashTrie },
    otherwise: readonly DirectChange[],
    staying: ReadonlyMap<Channel, Uint8Array[]>,
  ): boolean {
    const expected = perChannel((channel) => local.trie(channel).clone());
    for (const change of otherwise) expect(expected, change);
    for (const [channel, keys] of staying)
      for (const keyHash of keys) {
        const held = this.#view.trie(channel).get(keyHash);
        if (held !== undefined) expected[channel].set(keyHash, held.recordHash, 0);
      }
    this.#expected = expected;
    return CHANNELS.every((channel) => this.#check(channel));
  }

  #entryOf(channel: Channel, change: DirectChange): OpenedChange | null {
    if (this.#expected !== null) expect(this.#expected, change);
    if (change.op === "delete") {
      const { keyHash } = change;
      return this.#view.heldAt(channel, keyHash) === null
        ? null
        : { op: "delete", keyHash, cause: "observed" };
    }
    const { encoded } = change;
    const { keyHash, recordHash, bytes } = encoded;
    return this.#view.trie(channel).compare(keyHash, recordHash) === "same"
      ? null
      : { op: "put", bytes, known: encoded };
  }

  #append(channel: Channel, changes: readonly OpenedChange[]): void {
    const { revision: after, chain: previous } = this.#position(channel);
    const revision = after + 1;
    const chain = nextChain(previous, revision, NO_PAYLOAD);
    const tail = { type: "tail", channel, after, previous, revision, chain, changes } as const;
    const { changes: told, isRefused } = this.#view.onOpened(tail);
    if (isRefused === true) {
      this.#isOver = true;
      this.#handlers.onExcess();
      return;
    }
    this.changes += changes.length;
    for (const change of changes) this.bytes += change.op === "put" ? change.bytes.length : 0;
    if (told.length > 0) this.#handlers.onChanges(told);
  }

  /** A view that is of no log begins this one, with all that it holds. */
  #position(channel: Channel) {
    const cursor = this.#view.cursors().find((one) => one.channel === channel);
    if (cursor !== undefined) return cursor;
    const plan = { epoch: this.#epoch, head: 0, blobs: 0, after: 0, chain: NO_CHAIN };
    this.#view.onOpened({ type: "repair-plan", channel, ...plan });
    return { epoch: this.#epoch, revision: 0, chain: NO_CHAIN };
  }

  /** Whether the view holds what it is to hold: told to it, once all was listed. */
  #check(channel: Channel): boolean {
    if (this.#expected === null || this.#isOver) return false;
    const { epoch, revision } = this.#position(channel);
    const digest = this.#expected[channel].digest();
    const checkpoint = { epoch, revision, digest, populated: true, sweep: false };
    return this.#view.onOpened({ type: "checkpoint", channel, ...checkpoint }).answer === null;
  }
}

function expect(expected: Record<Channel, HashTrie>, change: DirectChange): void {
  if (change.op === "delete") expected[change.channel].delete(change.keyHash);
  else {
    const { record, keyHash, recordHash } = change.encoded;
    expected[channelOf(record.kind)].set(keyHash, recordHash, 0);
  }
}
