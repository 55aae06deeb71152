/**
 * A follower's stream of one origin, at the feeder: what the hub's Origin is to a reader, from this
 * relay's own view. Each channel waits, is repaired by digest, or is live; a follower that takes
 * nothing costs a bounded backlog and continues from where it was sent to. [FEE3] [FEE5]
 */
import type { Cursor } from "../../shared/log/cursor.ts";
import { overlapping } from "../../shared/log/partition.ts";
import type { Partition } from "../../shared/log/partition.ts";
import type {
  Checkpoint,
  Message,
  Repair,
  WatchHello,
  WatchMessage,
} from "../../shared/protocol/messages.ts";
import { pickVersion, SEEN_VERSION } from "../../shared/protocol/version.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { ConfirmedChannel } from "../view/confirmed.ts";
import type { FeedLog } from "./feed-log.ts";
import type { MadeBlobs } from "./made-blobs.ts";

/** Sent and not taken: with more of it a channel waits for room. */
export const ROOM_BYTES = 64 * 1024;
/** Blobs that one follower is sent before the others: about 30 ms where all are to be made. */
export const BLOBS_IN_TURN = 16;

type Progress =
  | { readonly kind: "waiting"; readonly cursor: Cursor | null; readonly isFromHello: boolean }
  /** The follower was told to send its leaves. */
  | { readonly kind: "asked" }
  /** Its blobs are being sent. */
  | { readonly kind: "repairing"; readonly blobs: readonly Partition[]; readonly after: Cursor }
  | { readonly kind: "live"; readonly cursor: Cursor };

export interface WatchStreamPorts {
  /** The channel of this relay's view, and how it is given on. */
  log(channel: Channel): FeedLog;
  confirmed(channel: Channel): ConfirmedChannel | null;
  blobs(channel: Channel): MadeBlobs;
  /** Of the facts that this relay has. */
  accessVersion(): number;
  send(message: Message): void;
  close(message: string): void;
  /** There is more to send: it wants to go on after the others, where there is room for it. */
  onMore(hasRoom: boolean): void;
  readonly backlogBytes: number;
}

export class WatchStream {
  readonly #ports: WatchStreamPorts;
  readonly #originUid: string;
  /** `null`: it has not said hello, or knows newer facts than this relay. */
  #progress: Map<Channel, Progress> | null = null;
  #hello: WatchHello | null = null;
  /** Protocol version of the follower, once it is welcome. */
  #version = 0;
  /** Channels that are to be sent a checkpoint of their own. */
  readonly #untold = new Set<Channel>();
  /** The follower's last acknowledgement, over all channels. */
  readonly #acknowledged = new Map<Channel, number>();

  constructor(originUid: string, ports: WatchStreamPorts) {
    this.#originUid = originUid;
    this.#ports = ports;
  }

  /** Sum over the channels, as it was acknowledged. */
  get revision(): number {
    return [...this.#acknowledged.values()].reduce((sum, revision) => sum + revision, 0);
  }

  onFollower(message: Message): void {
    if (message.type === "watch-hello") {
      this.#hello = message;
      this.#welcome();
    } else if (message.type === "repair") this.#onRepair(message);
    else if (message.type === "reader-ack")
      this.#acknowledged.set(message.channel, message.revision);
    else this.#ports.close(`a follower sent ${message.type} on a stream of an origin`);
  }

  get isRepairing(): boolean {
    return [...(this.#progress?.values() ?? [])].some(({ kind }) => kind === "repairing");
  }

  /** The facts of this relay are newer than before. */
  onFacts(): void {
    if (this.#progress === null) this.#welcome();
  }

  /** A message that the log continues with. */
  onTail(message: WatchMessage & { readonly channel: Channel }, cursor: Cursor): void {
    const { channel } = message;
    const progress = this.#progress?.get(channel);
    if (progress?.kind !== "live") return;
    if (this.#ports.backlogBytes > ROOM_BYTES) {
      this.#set(channel, { kind: "waiting", cursor: progress.cursor, isFromHello: false });
      return;
    }
    this.#set(channel, { kind: "live", cursor });
    this.#sendTail(message);
  }

  /** To a follower of an older version without what it does not know. */
  #sendTail(message: WatchMessage): void {
    const isTimed = message.type === "frame" && message.seenMs != null;
    const isUnknown = isTimed && this.#version < SEEN_VERSION;
    this.#ports.send(isUnknown ? { ...message, seenMs: null } : message);
  }

  /** A checkpoint at the position up to which everything was sent. */
  onCheckpoint(checkpoint: Checkpoint, isOfFrame: boolean): void {
    const { channel, revision } = checkpoint;
    const progress = this.#progress?.get(channel);
    if (progress?.kind !== "live" || progress.cursor.revision !== revision) return;
    if (!isOfFrame || this.#untold.has(channel)) this.#ports.send(checkpoint);
    this.#untold.delete(channel);
  }

  /** The log can be given on, or there is room again. */
  goOn(): void {
    for (const channel of this.#progress?.keys() ?? []) this.#goOn(channel);
  }

  #goOn(channel: Channel): void {
    const progress = this.#progress?.get(channel);
    if (this.#ports.backlogBytes > ROOM_BYTES) {
      if (progress?.kind === "repairing") this.#ports.onMore(false);
      return;
    }
    if (progress?.kind === "waiting") this.#plan(channel, progress.cursor, progress.isFromHello);
    else if (progress?.kind === "repairing") this.#sendBlobs(channel, progress);
  }

  #welcome(): void {
    const hello = this.#hello;
    const accessVersion = this.#ports.accessVersion();
    // Facts that it knows and this relay does not may have taken away what this relay would send.
    if (hello === null || accessVersion < hello.accessVersion) return;
    const version = pickVersion(hello.versions);
    if (version === null) return this.#ports.close("no common protocol version");
    this.#version = version;
    const originUid = this.#originUid;
    this.#ports.send({ type: "watch-welcome", version, originUid, accessVersion });
    this.#progress = new Map();
    for (const channel of CHANNELS) {
      if (!hello.channels.includes(channel)) continue;
      const cursor = hello.cursors.find((one) => one.channel === channel) ?? null;
      this.#untold.add(channel);
      this.#set(channel, { kind: "waiting", cursor, isFromHello: true });
      this.#goOn(channel);
    }
  }

  /** @param isFromHello The position is the follower's own, not one that it was sent to. */
  #plan(channel: Channel, cursor: Cursor | null, isFromHello: boolean): void {
    const log = this.#ports.log(channel);
    const plan = log.plan(cursor);
    if (plan.kind === "wait") return;
    if (plan.kind === "repair") {
      const { epoch, reason } = plan;
      this.#set(channel, { kind: "asked" });
      this.#ports.send({ type: "repair-needed", origin: 0, channel, epoch, reason });
      return;
    }
    if (isFromHello && cursor !== null)
      this.#ports.send({ type: "resume", origin: 0, channel, after: cursor.revision });
    for (const message of plan.messages) this.#sendTail(message);
    this.#live(channel, log);
  }

  #live(channel: Channel, log: FeedLog): void {
    if (log.head === null) return;
    this.#set(channel, { kind: "live", cursor: log.head });
    const { checkpoint } = log;
    if (checkpoint !== null) this.onCheckpoint(checkpoint, false);
  }

  #onRepair({ channel, leaves }: Repair): void {
    const progress = this.#progress?.get(channel);
    if (progress === undefined) return;
    const after = this.#ports.log(channel).head;
    const confirmed = this.#ports.confirmed(channel);
    if (after === null || confirmed === null) {
      // It is asked again once this relay is sure of its own view.
      this.#set(channel, { kind: "waiting", cursor: null, isFromHello: false });
      return;
    }
    const differing = leaves.filter((leaf) => !confirmed.trie.matches(leaf));
    const blobs = overlapping(confirmed.trie.leaves(), differing);
    this.#untold.add(channel);
    this.#ports.send({
      type: "repair-plan",
      origin: 0,
      channel,
      epoch: after.epoch,
      head: after.revision,
      blobs: blobs.length,
      after: after.revision,
      chain: after.chain,
    });
    const next: Progress = { kind: "repairing", blobs, after };
    this.#set(channel, next);
    this.#sendBlobs(channel, next);
  }

  #sendBlobs(channel: Channel, { blobs, after }: Progress & { kind: "repairing" }): void {
    const log = this.#ports.log(channel);
    const confirmed = this.#ports.confirmed(channel);
    let sent = 0;
    let hasRoom = true;
    for (const { bits, prefix } of blobs.slice(0, BLOBS_IN_TURN)) {
      hasRoom = this.#ports.backlogBytes <= ROOM_BYTES;
      if (!hasRoom) break;
      // Lost meanwhile: from the beginning, when it is sure again.
      if (log.head === null || log.head.epoch !== after.epoch || confirmed === null)
        return this.#set(channel, { kind: "waiting", cursor: null, isFromHello: false });
      const { revision } = log.head;
      const at = { channel, bits, prefix, revision };
      this.#ports.send(this.#ports.blobs(channel).message(confirmed, at));
      sent++;
    }
    if (sent < blobs.length) {
      this.#set(channel, { kind: "repairing", blobs: blobs.slice(sent), after });
      this.#ports.onMore(hasRoom);
      return;
    }
    this.#set(channel, { kind: "waiting", cursor: after, isFromHello: false });
    this.#plan(channel, after, false);
  }

  #set(channel: Channel, progress: Progress): void {
    this.#progress?.set(channel, progress);
  }
}
