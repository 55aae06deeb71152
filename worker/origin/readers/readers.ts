/**
 * The readers of an Origin: who gets which bytes next. Every frame is encoded once and sent to all who are at the head; who is behind is
 * served from the stored frames as its credit allows, and costs nothing but its own lag. [LOG9] [LOG10]
 */
import type { Cursor } from "../../../shared/log/cursor.ts";
import { planResume } from "../../../shared/log/cursor.ts";
import type { Partition, PartitionDigest } from "../../../shared/log/partition.ts";
import { equalBytes } from "../../../shared/lib/bytes.ts";
import { encodeMessage } from "../../../shared/protocol/codec.ts";
import { LIMITS } from "../../../shared/protocol/limits.ts";
import type { Message, ReaderAck, WatchHello } from "../../../shared/protocol/messages.ts";
import { MARK_VERSION } from "../../../shared/protocol/version.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { CatchUps, CATCH_UP_VERSION } from "./catch-up.ts";
import { EventBudget } from "../budgets/event-budget.ts";
import { HeadFrames, settledOf } from "./head-frames.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { LogStore } from "../log/log-store.ts";
import type { Peer, SocketId, SocketPort } from "../ports.ts";
import type { Logs } from "../scopes/projection.ts";
import type { ReaderMemory } from "../budgets/reader-memory.ts";
import { InFlight } from "./in-flight.ts";
import { newReader, noteOf, READER_BYTES, readNote } from "./reader.ts";
import type { Reader } from "./reader.ts";

export interface ReaderRules {
  /** Whether access is known well enough to send anything. [VIS4] */
  maySend(): boolean;
  /** Whether the log has all there is, and a publisher has reconciled since the hub may have lost anything. [LOG7] */
  canSweep(log: ChannelLog): boolean;
  readonly transaction: LogStore["transaction"];
  /** Calls `serveOn` when other events have had their turn. */
  yieldTurn(): void;
  /** Somebody could be sent more, were there room: those that are stalled are to be looked for. */
  needRoom(): void;
  now(): number;
  /** From 0 to 1, unpredictable. */
  random(): number;
  /** What the process holds for all readers. */
  readonly room: ReaderMemory;
}

export class Readers {
  readonly #readers = new Map<SocketId, Reader>();
  readonly #sockets: SocketPort;
  readonly #rules: ReaderRules;
  readonly #catchUps = new CatchUps();
  readonly #inFlight: InFlight;
  readonly #budget = new EventBudget();

  constructor(sockets: SocketPort, rules: ReaderRules) {
    this.#sockets = sockets;
    this.#rules = rules;
    this.#inFlight = new InFlight(rules.room, () => rules.now());
  }

  /** Each event may do so much. */
  newEvent(): void {
    this.#budget.renew();
  }

  get size(): number {
    return this.#readers.size;
  }

  /** Bytes sent and not acknowledged, of all readers. */
  get inFlightBytes(): number {
    return this.#inFlight.bytes;
  }

  /** What it needs of memory, about, besides what is in flight. */
  get bytes(): number {
    return this.#catchUps.bytes + this.#readers.size * READER_BYTES;
  }

  peers(): Pick<Reader, "socket" | "peer" | "logs">[] {
    return [...this.#readers.values()];
  }

  has(socket: SocketId): boolean {
    return this.#readers.has(socket);
  }

  /** A reader's hello: from here on it is told, channel by channel, how it goes on. */
  admit(socket: SocketId, peer: Peer, logs: Logs, hello: WatchHello, version: number): void {
    const creditBytes = Math.min(
      Math.max(hello.creditBytes, LIMITS.messageBytes),
      LIMITS.inFlightBytes,
    );
    const flow = this.#rules.room.accountOf(socket, peer.clusterUid);
    const reader = newReader(socket, peer, logs, version, creditBytes, flow);
    this.#readers.set(socket, reader);
    for (const channel of hello.channels) {
      const log = logs.get(channel);
      if (log === undefined) continue;
      const cursor = hello.cursors.find((c) => c.channel === channel) ?? null;
      this.#start(reader, log, cursor);
    }
    this.#saveNote(reader);
  }

  /** A socket that outlived an eviction of this object: goes on from what it had acknowledged. */
  restore(socket: SocketId, peer: Peer, logs: Logs, note: string): void {
    const saved = readNote(note);
    const flow = this.#rules.room.accountOf(socket, peer.clusterUid);
    const reader = newReader(socket, peer, logs, saved.version, saved.creditBytes, flow);
    this.#readers.set(socket, reader);
    this.#inFlight.restored(reader);
    for (const [channel, acknowledged] of saved.positions) {
      const log = logs.get(channel);
      if (log === undefined) continue;
      if (acknowledged !== null && log.chainAt(acknowledged) !== undefined)
        this.#sendFrom(reader, log, acknowledged);
      else this.#askRepair(reader, log, "compacted");
    }
    this.#pump(reader);
  }

  /** Forgets readers, all of them before anybody is given the room that they leave: the next in turn may be another of them. [VIS5] */
  drop(...sockets: readonly SocketId[]): void {
    const gone = sockets.flatMap((socket) => this.#readers.get(socket) ?? []);
    for (const { socket } of gone) this.#readers.delete(socket);
    if (this.#inFlight.forget(gone)) this.pumpAll();
  }

  onRepair(socket: SocketId, channel: Channel, leaves: readonly PartitionDigest[]): void {
    const reader = this.#readers.get(socket);
    const log = reader?.logs.get(channel);
    if (reader === undefined || log === undefined || !reader.channels.has(channel)) return;
    if (this.#rules.maySend()) this.#sendPlan(reader, log, leaves);
    else reader.channels.set(channel, { phase: "plan-due", leaves });
    this.#pump(reader);
  }

  /**
   * @returns Bytes that have come since the last one, as the reader says: never more than it was
   *   sent.
   */
  onAck(socket: SocketId, ack: ReaderAck): number {
    const reader = this.#readers.get(socket);
    if (reader === undefined) return 0;
    const { released, said } = reader.flow.acknowledged(ack.receivedBytes, ack.mark);
    const hasOpened = this.#inFlight.taken(reader, released);
    // Little that was sent is proven when more has been, or when room is scarce. [LOG25]
    if (this.#inFlight.isTightFor(reader)) this.#mark(reader);
    if (this.#isReached(reader, ack)) reader.acknowledged.set(ack.channel, ack.revision);
    this.#saveNote(reader);
    if (hasOpened) this.pumpAll();
    else this.#pump(reader);
    return said;
  }

  /**
   * Whether a reader is where an acknowledgement says by what it was sent. One that was on its way when a repair was asked for, or that tells how far the
   * reader is with what it had before, names a position of before; after a rollback one of another history.
   */
  #isReached(reader: Reader, { channel, revision, chain }: ReaderAck): boolean {
    const progress = reader.channels.get(channel);
    if (revision === 0 || progress?.phase !== "sending") return false;
    const { blobs, base, next } = progress;
    if (base !== null && (blobs.length > 0 || revision < base || revision >= next)) return false;
    const own = reader.logs.get(channel)?.chainAt(revision);
    return own !== undefined && equalBytes(own, chain);
  }

  /** Sends what each reader may have now. */
  pumpAll(frames = new HeadFrames(null, this.#rules)): void {
    for (const reader of this.#readers.values()) this.#pump(reader, frames);
  }

  /**
   * After a commit: the same, with the digests that may go with it, or right after it for who cannot take them so. Answers whether those of all logs
   * that were sent did. [LOG20]
   */
  pumpCommitted(maySettle: (log: ChannelLog) => boolean): boolean {
    const knowsDigest = (log: ChannelLog): boolean =>
      maySettle(log) && this.#budget.knowsDigest(log);
    const frames = new HeadFrames(knowsDigest, this.#rules);
    this.pumpAll(frames);
    if (frames.areSettled) this.sendCheckpoints();
    return frames.areSettled;
  }

  /** Where there is no room: who holds it and takes nothing, or proves nothing. */
  inTheWay(): readonly SocketId[] {
    return [...this.#readers.values()].flatMap((reader) =>
      this.#inFlight.isInTheWay(reader) ? [reader.socket] : [],
    );
  }

  /** Goes on where a turn had done enough. */
  serveOn(): void {
    this.#catchUps.newTurn();
    for (const reader of this.#readers.values()) this.#pump(reader);
  }

  /** The log's digest to everybody who is at the head and was not told it yet; where nothing may be sent, as soon as it may. */
  sendCheckpoints(): void {
    for (const reader of this.#readers.values())
      for (const [channel, progress] of reader.channels)
        if (this.#rules.maySend()) this.#checkpoint(reader, channel);
        else if (progress.phase === "sending") progress.greet = true;
  }

  /** After something but the log's head has changed (a reconciliation): told again. */
  forgetCheckpoints(channel: Channel): void {
    for (const reader of this.#readers.values()) reader.checkpointed.delete(channel);
  }

  #start(reader: Reader, log: ChannelLog, cursor: Cursor | null): void {
    const plan = planResume(cursor, log);
    switch (plan.kind) {
      case "tail":
        this.#send(reader, { type: "resume", origin: 0, channel: log.channel, after: plan.after });
        this.#sendFrom(reader, log, plan.after);
        this.#pump(reader);
        return;
      case "repair":
        this.#askRepair(reader, log, plan.reason);
    }
  }

  #sendFrom(reader: Reader, log: ChannelLog, after: number): void {
    reader.acknowledged.set(log.channel, after);
    const next = after + 1;
    reader.channels.set(log.channel, {
      phase: "sending",
      blobs: [],
      base: null,
      next,
      greet: true,
    });
  }

  #sendPlan(reader: Reader, log: ChannelLog, leaves: readonly PartitionDigest[]): void {
    const { channel } = log;
    if (!this.#budget.knowsDigest(log)) {
      reader.channels.set(channel, { phase: "plan-due", leaves });
      this.#rules.yieldTurn();
      return;
    }
    const plan = this.#rules.transaction(() => log.planRepair(leaves));
    // A checkpoint that came while it waited for the plan was not for it: it gets one after the repair.
    reader.checkpointed.delete(channel);
    this.#send(reader, {
      type: "repair-plan",
      origin: 0,
      channel,
      epoch: log.epoch,
      head: plan.head,
      blobs: plan.blobs.length,
      after: plan.after,
      chain: plan.chain,
    });
    reader.channels.set(channel, {
      phase: "sending",
      blobs: [...plan.blobs],
      base: plan.after,
      next: plan.after + 1,
      greet: true,
    });
    if (plan.blobs.length > 0) return;
    // It has all there is: a hub that sleeps now goes on from here, also of an empty log, which nobody acknowledges.
    reader.acknowledged.set(channel, plan.after);
    this.#saveNote(reader);
  }

  #askRepair(reader: Reader, log: ChannelLog, reason: string): void {
    reader.acknowledged.delete(log.channel);
    if (!this.#rules.maySend()) {
      reader.channels.set(log.channel, { phase: "ask-due", reason });
      return;
    }
    reader.channels.set(log.channel, { phase: "repair-asked" });
    this.#send(reader, {
      type: "repair-needed",
      origin: 0,
      channel: log.channel,
      epoch: log.epoch,
      reason,
    });
  }

  #pump(reader: Reader, frames = new HeadFrames(null, this.#rules)): void {
    if (!this.#rules.maySend()) return;
    for (const channel of reader.channels.keys()) {
      const log = reader.logs.get(channel);
      if (log === undefined) continue;
      const waiting = reader.channels.get(channel);
      if (waiting?.phase === "ask-due") this.#askRepair(reader, log, waiting.reason);
      else if (waiting?.phase === "plan-due") this.#sendPlan(reader, log, waiting.leaves);
      const progress = reader.channels.get(channel);
      if (progress?.phase !== "sending") continue;
      const sent =
        this.#sendBlobs(reader, log, progress.blobs) &&
        this.#sendTail(reader, log, progress, frames);
      if (!sent || !progress.greet) continue;
      progress.greet = false;
      this.#checkpoint(reader, channel);
    }
  }

  /** Answers whether all blobs are sent. */
  #sendBlobs(reader: Reader, log: ChannelLog, blobs: Partition[]): boolean {
    for (let partition = blobs[0]; partition !== undefined; partition = blobs[0]) {
      if (!this.#hasCredit(reader)) return false;
      if (!this.#budget.hasTime) return this.#later();
      const blob = log.blob(partition);
      if (blob === undefined) {
        // Folding has cut it meanwhile: the plan is void, the reader asks again.
        this.#askRepair(reader, log, "compacted");
        return false;
      }
      blobs.shift();
      this.#budget.spend(blob.payload.length);
      this.#send(reader, { type: "blob", origin: 0, channel: log.channel, ...partition, ...blob });
    }
    return true;
  }

  /** Answers whether the reader is at the head: one frame behind it gets the frame, further behind the net effect of what it missed. */
  #sendTail(
    reader: Reader,
    log: ChannelLog,
    progress: { next: number },
    frames: HeadFrames,
  ): boolean {
    while (progress.next <= log.head) {
      if (!this.#hasCredit(reader)) return false;
      if (reader.version < CATCH_UP_VERSION || progress.next === log.head) {
        if (progress.next < log.head && !this.#budget.hasTime) return this.#later();
        const frame = frames.get(log, progress.next, reader.version);
        if (frame === undefined) {
          this.#askRepair(reader, log, "compacted");
          return false;
        }
        this.#sendBytes(reader, frame.bytes);
        if (progress.next < log.head) this.#budget.spend(frame.bytes.length);
        if (frame.isSettled) reader.checkpointed.set(log.channel, progress.next);
        progress.next++;
        continue;
      }
      const part = this.#catchUps.after(log, progress.next - 1);
      if (part === "later") return this.#later();
      if (part === undefined) {
        this.#askRepair(reader, log, "compacted");
        return false;
      }
      this.#sendBytes(reader, part.bytes);
      progress.next = part.revision + 1;
    }
    return true;
  }

  #checkpoint(reader: Reader, channel: Channel): void {
    const log = reader.logs.get(channel);
    const progress = reader.channels.get(channel);
    if (log === undefined || progress?.phase !== "sending") return;
    if (progress.blobs.length > 0 || progress.next <= log.head) {
      // It lags: told as soon as it is at the head, for no later commit may come to tell it.
      progress.greet = true;
      return;
    }
    if (reader.checkpointed.get(channel) === log.head) return;
    if (!this.#budget.knowsDigest(log)) {
      progress.greet = true;
      this.#later();
      return;
    }
    reader.checkpointed.set(channel, log.head);
    this.#send(reader, {
      type: "checkpoint",
      origin: 0,
      channel,
      epoch: log.epoch,
      revision: log.head,
      ...settledOf(log, this.#rules),
    });
  }

  /** Goes on when others have had their turn. */
  #later(): false {
    this.#rules.yieldTurn();
    return false;
  }

  #hasCredit(reader: Reader): boolean {
    if (this.#inFlight.isFullFor(reader)) this.#rules.needRoom();
    return this.#inFlight.hasRoomFor(reader);
  }

  #send(reader: Reader, message: Message): void {
    this.#sendBytes(reader, encodeMessage(message));
  }

  #sendBytes(reader: Reader, bytes: Uint8Array): void {
    this.#inFlight.sent(reader, bytes.length);
    this.#sockets.send(reader.socket, bytes);
    if (reader.flow.unmarkedBytes >= LIMITS.ackBytes) this.#mark(reader);
  }

  /**
   * Who names it has taken all that was sent before. It costs the reader's share nothing: with it
   * nobody would ever be done. [LOG25]
   */
  #mark({ socket, version, flow }: Reader): void {
    if (version < MARK_VERSION || flow.unmarkedBytes === 0) return;
    const token = tokenOf(this.#rules);
    flow.mark(token);
    this.#sockets.send(socket, encodeMessage({ type: "mark", token }));
  }

  #saveNote(reader: Reader): void {
    this.#sockets.saveNote(reader.socket, noteOf(reader));
  }
}

/** 52 bits, of two numbers of 26. */
function tokenOf({ random }: Pick<ReaderRules, "random">): number {
  const half = 2 ** 26;
  return Math.floor(random() * half) * half + Math.floor(random() * half);
}
