/**
 * The publisher of this cluster: a reducer over source changes and the hub's messages. It keeps
 * nothing of what the hub has: each connection begins by comparing digests, and sends just what
 * differs. [PUB2..PUB7]
 *
 * Pacing is done here because one origin has one publisher: the first change leaves at once, then
 * one frame per interval that the hub names, at most two unacknowledged; what changes meanwhile is
 * coalesced per key.
 */
import { equalBytes, toId } from "../../shared/lib/bytes.ts";
import { encodePayload } from "../../shared/log/payload.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import type {
  Difference,
  HomeMessage,
  HomeWelcome,
  Message,
} from "../../shared/protocol/messages.ts";
import { SEEN_VERSION } from "../../shared/protocol/version.ts";
import { perChannel } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { HASH_BYTES } from "../../shared/record/encoding.ts";
import type { EncodedChange } from "../../shared/record/encoding.ts";
import { Lateness } from "./lateness.ts";
import { differences } from "./differences.ts";
import type { PublishedState } from "./differences.ts";
import { newProgress, noteSeen } from "./channel-progress.ts";
import type { ChannelProgress, Phase } from "./channel-progress.ts";

/**
 * Channels in the order of sending: pools and nodes before the endpoints inside
 * them.
 */
const ORDER: readonly Channel[] = ["pools", "routing", "identity", "services"];
/** Changes and undeflated bytes of one frame: well below the hub's limits. */
const FRAME_CHANGES = 400;
const FRAME_BYTES = 512 * 1024;
/** A timer comes up to so many ms late. */
const TIMER_LATE_MS = 2;

export interface PublisherPorts {
  send(message: Message): void;
  /**
   * Calls `onTimer` after the delay. One at a time; a second call is ignored while one is pending.
   */
  setTimer(delayMs: number): void;
  now(): number;
  /** Unix ms by the hub's clock; `null`: not known. Absent: nobody wants to know. [API55] */
  hubMs?(): number | null;
  /**
   * Judges what the hub has of a channel and this cluster does not, once a comparison is complete.
   * Absent: all of it goes.
   * @returns Ids of the keys that stay for now. [PUB5]
   */
  review?(channel: Channel, missing: readonly Uint8Array[]): ReadonlySet<string>;
}

export interface PublisherStatus {
  readonly phase: Phase;
  readonly pending: number;
  readonly refused: number;
  readonly acceptedFrames: number;
}

export class Publisher {
  readonly #local: PublishedState;
  readonly #ports: PublisherPorts;
  #channels = perChannel(newProgress);
  // fault: reconcile-before-listed
  #isListed = false;
  /** Some reader may have Services, and the source has listed them. */
  #hasServices = false;
  #welcome: HomeWelcome | null = null;
  #namedPaceMs = 3;
  #lateness = new Lateness();
  #sequence = 0;
  /**
   * When the last frame left, or was due: a timer's lateness must not make every interval longer.
   */
  #lastFrameMs = Number.NEGATIVE_INFINITY;
  #acceptedFrames = 0;
  #refused = 0;

  constructor(local: PublishedState, ports: PublisherPorts) {
    this.#local = local;
    this.#ports = ports;
  }

  status(): PublisherStatus {
    const phases = ORDER.filter((channel) => this.#isPublished(channel)).map(
      (channel) => this.#channels[channel],
    );
    const phase = (["waiting", "comparing", "reconciling"] as const).find((p) =>
      phases.some((c) => c.phase === p),
    );
    return {
      phase: phase ?? "reconciled",
      pending: phases.reduce((sum, c) => sum + c.pending.size, 0),
      refused: this.#refused,
      acceptedFrames: this.#acceptedFrames,
    };
  }

  onSource(changes: readonly EncodedChange[]): void {
    const nowMs = this.#ports.hubMs?.() ?? null;
    for (const change of changes) {
      const local = this.#local.applyChange(change);
      if (local === null) continue;
      const progress = this.#channels[local.channel];
      // While waiting nothing needs to be remembered: the comparison will find it.
      if (progress.phase === "waiting") continue;
      progress.pending.set(toId(local.keyHash), local.change);
      noteSeen(progress, nowMs);
    }
    this.#flush();
  }

  /**
   * Deletes keys that this process never had; where a comparison is still to come, that finds them.
   */
  withdraw(channel: Channel, keyHashes: readonly Uint8Array[]): void {
    const progress = this.#channels[channel];
    if (progress.phase !== "waiting")
      for (const keyHash of keyHashes)
        progress.pending.set(toId(keyHash), { op: "delete", keyHash, cause: "inferred" });
    this.#flush();
  }

  /**
   * Every kind of the source has listed completely: only now may anything be missing from it.
   * [PUB2]
   */
  onListed(): void {
    this.#isListed = true;
    this.#startReconciling();
  }

  /**
   * Publishes Services from here on, or no more: the hub keeps what it has, and shows it to nobody.
   * [SVC1]
   */
  setServices(isPublished: boolean): void {
    if (this.#hasServices === isPublished) return;
    this.#hasServices = isPublished;
    this.#channels.services = newProgress();
    this.#startReconciling();
  }

  #isPublished(channel: Channel): boolean {
    return channel !== "services" || this.#hasServices;
  }

  onDisconnect(): void {
    this.#welcome = null;
    this.#channels = perChannel(newProgress);
  }

  onTimer(): void {
    this.#flush();
  }

  onMessage(message: HomeMessage): void {
    switch (message.type) {
      case "home-welcome":
        this.#welcome = message;
        this.#namedPaceMs = message.paceMs;
        this.#lateness = new Lateness();
        this.#sequence = 0;
        this.#startReconciling();
        return;
      case "difference":
        this.#onDifference(message);
        return;
      case "accepted": {
        const progress = this.#channels[message.channel];
        const sentMs = progress.sentMs.shift() ?? null;
        if (sentMs !== null) this.#lateness.onAcknowledged(this.#ports.now() - sentMs);
        this.#namedPaceMs = message.paceMs;
        this.#acceptedFrames++;
        this.#refused += message.refused;
        this.#flush();
        return;
      }
      case "access":
      case "heads":
        return;
    }
  }

  #startReconciling(): void {
    if (!this.#isListed || this.#welcome === null) return;
    for (const channel of ORDER.filter((each) => this.#isPublished(each))) {
      const received = this.#welcome.channels.find((state) => state.channel === channel);
      const progress = this.#channels[channel];
      if (received === undefined || progress.phase !== "waiting") continue;
      const trie = this.#local.trie(channel);
      if (equalBytes(trie.digest(), received.digest)) {
        this.#ports.review?.(channel, []);
        progress.phase = "reconciling";
        this.#endReconciling(channel, progress);
      } else {
        progress.phase = "comparing";
        this.#ports.send({ type: "reconcile", channel, leaves: trie.leaves() });
      }
    }
  }

  #onDifference(message: Difference): void {
    const progress = this.#channels[message.channel];
    if (progress.phase !== "comparing") return;
    if (message.pairs.length > 0 || !message.isLast) {
      const id = `${message.bits}/${message.prefix}`;
      const partition = { bits: message.bits, prefix: message.prefix };
      const found = progress.differing.get(id) ?? { partition, pairs: [] };
      found.pairs.push(message.pairs);
      progress.differing.set(id, found);
    }
    if (!message.isLast) return;
    const missing: Uint8Array[] = [];
    for (const { partition, pairs } of progress.differing.values())
      for (const [id, change] of differences(this.#local, message.channel, partition, pairs)) {
        progress.pending.set(id, change);
        if (change.op === "delete") missing.push(change.keyHash);
      }
    for (const id of this.#ports.review?.(message.channel, missing) ?? [])
      progress.pending.delete(id);
    progress.differing.clear();
    progress.phase = "reconciling";
    this.#endReconciling(message.channel, progress);
    this.#flush();
  }

  get #paceMs(): number {
    return Math.max(this.#namedPaceMs, this.#lateness.paceMs);
  }

  #flush(): void {
    for (const channel of ORDER) {
      const progress = this.#channels[channel];
      if (progress.phase === "waiting" || progress.phase === "comparing") continue;
      while (progress.pending.size > 0) {
        if (progress.sentMs.length >= LIMITS.unacknowledgedFrames) break;
        const waitMs = this.#lastFrameMs + this.#paceMs - this.#ports.now();
        // A full frame gains nothing by waiting: the pace is there to make frames fuller.
        if (waitMs > 0 && progress.pending.size < FRAME_CHANGES) {
          this.#ports.setTimer(waitMs);
          return;
        }
        this.#sendFrame(channel, progress);
      }
      this.#endReconciling(channel, progress);
    }
  }

  #sendFrame(channel: Channel, progress: ChannelProgress): void {
    const changes: LogChange[] = [];
    let bytes = 0;
    for (const [id, change] of progress.pending) {
      const size = change.op === "put" ? change.bytes.length : HASH_BYTES;
      if (changes.length >= FRAME_CHANGES || (changes.length > 0 && bytes + size > FRAME_BYTES))
        break;
      changes.push(change);
      bytes += size;
      progress.pending.delete(id);
    }
    const [now, dueMs] = [this.#ports.now(), this.#lastFrameMs + this.#paceMs];
    this.#lastFrameMs = now >= dueMs && now - dueMs < TIMER_LATE_MS ? dueMs : now;
    progress.sentMs.push(changes.length < FRAME_CHANGES ? now : null);
    const isTimed = progress.seenMs !== null && (this.#welcome?.version ?? 0) >= SEEN_VERSION;
    this.#ports.send({
      type: "publish",
      channel,
      sequence: ++this.#sequence,
      payload: encodePayload(changes),
      ...(isTimed && { seenMs: progress.seenMs }),
    });
    if (progress.pending.size === 0) progress.seenMs = null;
  }

  /** Says so once everything that differed is acknowledged. */
  #endReconciling(channel: Channel, progress: ChannelProgress): void {
    if (progress.phase !== "reconciling" || progress.pending.size > 0 || progress.sentMs.length > 0)
      return;
    progress.phase = "reconciled";
    this.#ports.send({ type: "reconciled", channel });
  }
}
