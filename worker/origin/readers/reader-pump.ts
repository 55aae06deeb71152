/**
 * The messages that a reader is sent next. A frame is encoded once and sent to all readers at the
 * head; a reader that is behind is served from the stored frames as its credit allows, and costs
 * nothing but its own lag. [LOG9] [LOG10]
 */
import { must } from "../../../shared/lib/assert.ts";
import type { Cursor } from "../../../shared/log/cursor.ts";
import { planResume } from "../../../shared/log/cursor.ts";
import type { EventBudget } from "../budgets/event-budget.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { LogStore } from "../log/log-store.ts";
import { CatchUps, CATCH_UP_VERSION } from "./catch-up.ts";
import { HeadFrames, settledOf } from "./head-frames.ts";
import { nextProgress } from "./reader-progress.ts";
import type { ProgressEvent } from "./reader-progress.ts";
import type { ReaderSender } from "./reader-sender.ts";
import type { Reader, ReaderChannel } from "./reader.ts";

export interface PumpRules {
  /** Whether access is known well enough to send anything. [VIS4] */
  maySend(): boolean;
  /**
   * Whether the log has all records, and a publisher has reconciled since the hub may have lost
   * any. [LOG7]
   */
  canSweep(log: ChannelLog): boolean;
  readonly transaction: LogStore["transaction"];
  /** Has the pump called again when other events have had their turn. */
  yieldTurn(): void;
}

export class ReaderPump {
  readonly #sender: ReaderSender;
  readonly #budget: EventBudget;
  readonly #rules: PumpRules;
  readonly #catchUps = new CatchUps();

  constructor(sender: ReaderSender, budget: EventBudget, rules: PumpRules) {
    this.#sender = sender;
    this.#budget = budget;
    this.#rules = rules;
  }

  /** Approximate memory. */
  get bytes(): number {
    return this.#catchUps.bytes;
  }

  /** A turn begins: others have had theirs. */
  beginTurn(): void {
    this.#catchUps.beginTurn();
  }

  /** Begins a channel at a reader's position, or with a repair. */
  start(reader: Reader, log: ChannelLog, cursor: Cursor | null): void {
    const plan = planResume(cursor, log);
    if (plan.kind === "repair") {
      this.repair(reader, log, plan.reason);
      return;
    }
    const { after } = plan;
    this.#sender.send(reader, { type: "resume", origin: 0, channel: log.channel, after });
    this.resume(reader, log, after);
    this.pump(reader);
  }

  /** Begins a channel from a position, without a word. */
  resume(reader: Reader, log: ChannelLog, after: number): void {
    const channel = openChannel(reader, log);
    channel.acknowledged = after;
    advance(channel, { kind: "resumed", after });
  }

  /** Begins a channel with a repair. */
  repair(reader: Reader, log: ChannelLog, reason: string): void {
    this.#needRepair(reader, openChannel(reader, log), reason);
  }

  #needRepair(reader: Reader, channel: ReaderChannel, reason: string): void {
    channel.acknowledged = null;
    advance(channel, { kind: "repair-needed", reason });
    if (this.#rules.maySend()) this.#askLeaves(reader, channel, reason);
  }

  #askLeaves(reader: Reader, channel: ReaderChannel, reason: string): void {
    advance(channel, { kind: "asked" });
    const { channel: name, epoch } = channel.log;
    this.#sender.send(reader, { type: "repair-needed", origin: 0, channel: name, epoch, reason });
  }

  /** Sends a plan that is due, or is called again once the log's digest is known. */
  sendPlan(reader: Reader, channel: ReaderChannel): void {
    const { log, progress } = channel;
    if (progress.phase !== "plan-due") return;
    if (!this.#budget.computeDigest(log.admitted)) {
      this.#rules.yieldTurn();
      return;
    }
    const plan = this.#rules.transaction(() => log.planRepair(progress.leaves));
    // A checkpoint that was sent while the reader waited for the plan was not meant for it.
    channel.checkpointed = null;
    const { head, blobs, after, chain } = plan;
    this.#sender.send(reader, {
      type: "repair-plan",
      origin: 0,
      channel: log.channel,
      epoch: log.epoch,
      head,
      blobs: blobs.length,
      after,
      chain,
    });
    advance(channel, { kind: "planned", blobs, after });
    if (blobs.length > 0) return;
    // It has all there is: a hub that sleeps now goes on from here, also of an empty log, which
    // nobody acknowledges.
    channel.acknowledged = after;
    this.#sender.saveNote(reader);
  }

  /** Sends a reader the messages that it may have now. */
  pump(reader: Reader, frames = this.headFrames()): void {
    if (!this.#rules.maySend()) return;
    for (const channel of reader.channels) {
      const waiting = channel.progress;
      if (waiting.phase === "ask-due") this.#askLeaves(reader, channel, waiting.reason);
      else if (waiting.phase === "plan-due") this.sendPlan(reader, channel);
      this.#sendBlobs(reader, channel);
      this.#sendFrames(reader, channel, frames);
    }
  }

  /** @param knowsDigest See `HeadFrames`. */
  headFrames(knowsDigest: ((log: ChannelLog) => boolean) | null = null): HeadFrames {
    return new HeadFrames(knowsDigest, this.#rules);
  }

  #sendBlobs(reader: Reader, channel: ReaderChannel): void {
    const { log } = channel;
    for (;;) {
      const { progress } = channel;
      if (progress.phase !== "blobs") return;
      if (!this.#sender.askForRoom(reader)) return;
      if (!this.#budget.hasTime) {
        this.#rules.yieldTurn();
        return;
      }
      const partition = must(progress.blobs[progress.next], "a blob that is to be sent");
      const blob = log.blob(partition);
      if (blob === undefined) {
        // Folding has cut it meanwhile: the plan is void, the reader asks again.
        this.#needRepair(reader, channel, "compacted");
        return;
      }
      this.#budget.spend(blob.payload.length);
      const place = { origin: 0, channel: log.channel, ...partition };
      this.#sender.send(reader, { type: "blob", ...place, ...blob });
      advance(channel, { kind: "blob-sent" });
    }
  }

  /**
   * Sends frames up to the head, and a checkpoint that is due there: one frame behind it the frame,
   * further behind the net effect of those that the reader missed.
   */
  #sendFrames(reader: Reader, channel: ReaderChannel, frames: HeadFrames): void {
    const { log } = channel;
    for (;;) {
      const { progress } = channel;
      if (progress.phase !== "frames") return;
      if (progress.next > log.head) {
        if (!progress.isCheckpointDue) return;
        advance(channel, { kind: "checkpoint-sent" });
        this.checkpoint(reader, channel);
        return;
      }
      if (!this.#sender.askForRoom(reader)) return;
      const isNext = reader.version < CATCH_UP_VERSION || progress.next === log.head;
      const upTo = isNext
        ? this.#sendFrame(reader, channel, progress.next, frames)
        : this.#sendCatchUp(reader, channel, progress.next - 1);
      if (upTo === null) return;
      advance(channel, { kind: "frames-sent", upTo });
    }
  }

  /** Answers the revision that the reader has then; `null`: nothing could be sent now. */
  #sendFrame(
    reader: Reader,
    channel: ReaderChannel,
    revision: number,
    frames: HeadFrames,
  ): number | null {
    const { log } = channel;
    const isHead = revision === log.head;
    if (!isHead && !this.#budget.hasTime) {
      this.#rules.yieldTurn();
      return null;
    }
    const frame = frames.get(log, revision, reader.version);
    if (frame === undefined) {
      this.#needRepair(reader, channel, "compacted");
      return null;
    }
    this.#sender.sendBytes(reader, frame.bytes);
    if (!isHead) this.#budget.spend(frame.bytes.length);
    if (frame.isSettled) channel.checkpointed = revision;
    return revision;
  }

  /** The same. */
  #sendCatchUp(reader: Reader, channel: ReaderChannel, after: number): number | null {
    const next = this.#catchUps.after(channel.log, after);
    switch (next.kind) {
      case "later":
        this.#rules.yieldTurn();
        return null;
      case "compacted":
        this.#needRepair(reader, channel, "compacted");
        return null;
      case "message":
        this.#sender.sendBytes(reader, next.bytes);
        return next.revision;
    }
  }

  /** Sends the log's digest to a reader at the head that does not have it yet. */
  checkpoint(reader: Reader, channel: ReaderChannel): void {
    const { log, progress } = channel;
    // fault: in-sync-at-plan
    if (progress.phase !== "frames" || progress.next <= log.head) {
      // It lags: it is sent one at the head, for no later commit may come to send it.
      advance(channel, { kind: "checkpoint-due" });
      return;
    }
    if (channel.checkpointed === log.head) return;
    if (!this.#budget.computeDigest(log.admitted)) {
      advance(channel, { kind: "checkpoint-due" });
      this.#rules.yieldTurn();
      return;
    }
    channel.checkpointed = log.head;
    this.#sender.send(reader, {
      type: "checkpoint",
      origin: 0,
      channel: log.channel,
      epoch: log.epoch,
      revision: log.head,
      ...settledOf(log, this.#rules),
    });
  }
}

export function advance(channel: ReaderChannel, event: ProgressEvent): void {
  channel.progress = nextProgress(channel.progress, event);
}

function openChannel(reader: Reader, log: ChannelLog): ReaderChannel {
  const channel: ReaderChannel = {
    log,
    progress: { phase: "ask-due", reason: "first-contact" },
    acknowledged: null,
    checkpointed: null,
  };
  reader.channels.push(channel);
  return channel;
}
