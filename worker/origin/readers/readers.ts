/** The readers of an Origin, with their positions and acknowledgements. */
import { equalBytes } from "../../../shared/lib/bytes.ts";
import type { PartitionDigest } from "../../../shared/log/partition.ts";
import { LIMITS } from "../../../shared/protocol/limits.ts";
import type { ReaderAck, WatchHello } from "../../../shared/protocol/messages.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { EventBudget } from "../budgets/event-budget.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { Logs } from "../log/channel-logs.ts";
import type { Peer, SocketId } from "../peer.ts";
import type { HeadFrames } from "./head-frames.ts";
import type { ReaderNote } from "./reader-note.ts";
import { hasReached } from "./reader-progress.ts";
import { advance, ReaderPump } from "./reader-pump.ts";
import type { PumpRules } from "./reader-pump.ts";
import { ReaderSender } from "./reader-sender.ts";
import type { SenderPorts } from "./reader-sender.ts";
import { newReader, READER_BYTES } from "./reader.ts";
import type { Reader, ReaderChannel } from "./reader.ts";

export interface ReaderRules extends PumpRules {
  /** Has stalled readers looked for: somebody could be sent more, were there room. */
  needRoom(): void;
}

export class Readers {
  readonly #readers = new Map<SocketId, Reader>();
  /** Readers of each cluster, by its UID. */
  readonly #counts = new Map<string, number>();
  readonly #ports: SenderPorts;
  readonly #rules: ReaderRules;
  readonly #budget: EventBudget;
  readonly #sender: ReaderSender;
  readonly #pump: ReaderPump;

  constructor(ports: SenderPorts, budget: EventBudget, rules: ReaderRules) {
    this.#ports = ports;
    this.#rules = rules;
    this.#budget = budget;
    this.#sender = new ReaderSender(ports, () => rules.needRoom());
    this.#pump = new ReaderPump(this.#sender, budget, rules);
  }

  get size(): number {
    return this.#readers.size;
  }

  /** Bytes sent and not acknowledged, of all readers. */
  get inFlightBytes(): number {
    return this.#sender.inFlight.bytes;
  }

  /** Approximate memory besides bytes in flight. */
  get bytes(): number {
    return this.#pump.bytes + this.#readers.size * READER_BYTES;
  }

  /** Readers of one cluster. */
  countOf(clusterUid: string): number {
    return this.#counts.get(clusterUid) ?? 0;
  }

  peers(): Pick<Reader, "socket" | "peer" | "logs">[] {
    return [...this.#readers.values()];
  }

  has(socket: SocketId): boolean {
    return this.#readers.has(socket);
  }

  /** A reader's hello: from here on it is sent, channel by channel, how it goes on. */
  admit(socket: SocketId, peer: Peer, logs: Logs, hello: WatchHello, version: number): void {
    const creditBytes = Math.min(
      Math.max(hello.creditBytes, LIMITS.messageBytes),
      LIMITS.inFlightBytes,
    );
    const reader = this.#add(socket, peer, logs, version, creditBytes);
    for (const channel of new Set(hello.channels)) {
      const cursor = hello.cursors.find((c) => c.channel === channel) ?? null;
      this.#pump.start(reader, logs[channel], cursor);
    }
    this.#sender.saveNote(reader);
  }

  /** A socket that outlived an eviction of this object goes on from its acknowledged positions. */
  restore(socket: SocketId, peer: Peer, logs: Logs, note: ReaderNote): void {
    const reader = this.#add(socket, peer, logs, note.version, note.creditBytes);
    this.#sender.inFlight.restored(reader);
    for (const [channel, acknowledged] of note.positions) {
      const log = logs[channel];
      if (acknowledged !== null && log.chainAt(acknowledged) !== undefined)
        this.#pump.resume(reader, log, acknowledged);
      else this.#pump.repair(reader, log, "compacted");
    }
    this.#pump.pump(reader);
  }

  #add(socket: SocketId, peer: Peer, logs: Logs, version: number, creditBytes: number): Reader {
    const account = this.#ports.readerMemory.accountOf(socket, peer.clusterUid);
    const reader = newReader(socket, peer, logs, version, creditBytes, account);
    this.#readers.set(socket, reader);
    this.#count(peer, 1);
    return reader;
  }

  #count({ clusterUid }: Peer, by: number): void {
    const count = this.countOf(clusterUid) + by;
    if (count > 0) this.#counts.set(clusterUid, count);
    else this.#counts.delete(clusterUid);
  }

  /**
   * Forgets readers, all of them before anybody is given the room that they leave: the next in turn
   * may be another of them. [VIS5]
   */
  drop(...sockets: readonly SocketId[]): void {
    const gone = sockets.flatMap((socket) => this.#readers.get(socket) ?? []);
    for (const { socket, peer } of gone) {
      this.#readers.delete(socket);
      this.#count(peer, -1);
    }
    if (this.#sender.inFlight.forget(gone)) this.pumpAll();
  }

  onRepair(socket: SocketId, name: Channel, leaves: readonly PartitionDigest[]): void {
    const reader = this.#readers.get(socket);
    const channel = reader === undefined ? undefined : channelOf(reader, name);
    if (reader === undefined || channel === undefined) return;
    advance(channel, { kind: "leaves", leaves });
    if (this.#rules.maySend()) this.#pump.sendPlan(reader, channel);
    this.#pump.pump(reader);
  }

  /**
   * @returns Bytes that have come since the last one, as the reader says: never more than it was
   *   sent.
   */
  onAck(socket: SocketId, ack: ReaderAck): number {
    const reader = this.#readers.get(socket);
    if (reader === undefined) return 0;
    const { inFlight } = this.#sender;
    const { released, said } = reader.account.acknowledged(ack.receivedBytes, ack.mark);
    const hasOpened = inFlight.received(reader, released);
    // A little that was sent is proven when more was, or when room is scarce. [LOG25]
    if (inFlight.isTightFor(reader)) this.#sender.mark(reader);
    const channel = channelOf(reader, ack.channel);
    if (channel !== undefined && isReached(channel, ack)) channel.acknowledged = ack.revision;
    this.#sender.saveNote(reader);
    if (hasOpened) this.pumpAll();
    else this.#pump.pump(reader);
    return said;
  }

  /** Where the reader's logs are now; where nothing may be sent, nothing of them. [PRO11] */
  answerHeads(socket: SocketId, token: number): void {
    const reader = this.#readers.get(socket);
    if (reader === undefined) return;
    const heads = reader.channels.map(({ log }) => ({
      channel: log.channel,
      epoch: log.epoch,
      revision: log.head,
    }));
    this.#sender.send(reader, { type: "heads", token, heads: this.#rules.maySend() ? heads : [] });
  }

  /** Sends each reader the messages that it may have now. */
  pumpAll(frames: HeadFrames = this.#pump.headFrames()): void {
    for (const reader of this.#readers.values()) this.#pump.pump(reader, frames);
  }

  /**
   * The same after a commit, with the digests that may go with it, or right after it for readers of
   * an older version. Answers whether those of all logs that were sent did. [LOG20]
   */
  pumpCommitted(maySettle: (log: ChannelLog) => boolean): boolean {
    const frames = this.#pump.headFrames(
      (log) => maySettle(log) && this.#budget.computeDigest(log.admitted),
    );
    this.pumpAll(frames);
    if (frames.areSettled) this.sendCheckpoints();
    return frames.areSettled;
  }

  /** Where there is no room: readers that hold it and receive nothing, or prove nothing. */
  inTheWay(): readonly SocketId[] {
    return [...this.#readers.values()].flatMap((reader) =>
      this.#sender.inFlight.isInTheWay(reader) ? [reader.socket] : [],
    );
  }

  /** Goes on where a turn had done enough. */
  continueTurn(): void {
    this.#pump.beginTurn();
    for (const reader of this.#readers.values()) this.#pump.pump(reader);
  }

  /**
   * Sends the log's digest to all readers at the head that do not have it yet; where nothing may be
   * sent, as soon as it may.
   */
  sendCheckpoints(): void {
    for (const reader of this.#readers.values())
      for (const channel of reader.channels)
        if (this.#rules.maySend()) this.#pump.checkpoint(reader, channel);
        else advance(channel, { kind: "checkpoint-due" });
  }

  /** After a reconciliation the same digest says more: it is sent again. */
  forgetCheckpoints(name: Channel): void {
    for (const reader of this.#readers.values()) {
      const channel = channelOf(reader, name);
      if (channel !== undefined) channel.checkpointed = null;
    }
  }
}

function channelOf({ channels }: Reader, name: Channel): ReaderChannel | undefined {
  return channels.find(({ log }) => log.channel === name);
}

/** After a rollback an acknowledged revision may be one of another history. */
function isReached({ log, progress }: ReaderChannel, { revision, chain }: ReaderAck): boolean {
  if (!hasReached(progress, revision)) return false;
  const own = log.chainAt(revision);
  return own !== undefined && equalBytes(own, chain);
}
