/**
 * When an origin's frames are committed and its blobs folded: in slices, so that the other objects
 * of the thread have their turns. Alone in the process it has all the time there is, in slices of
 * about 10 ms; while other publishers are at work, a share of it, in slices of a third of that.
 * [LOG16] [LOG22]
 */
import { CHANNELS } from "../../../shared/record/channel.ts";
import { ChangeQuota } from "../budgets/change-quota.ts";
import { BUDGETS } from "../budgets/limits.ts";
import { costOf, divideSize } from "../budgets/work-size.ts";
import type { WorkSize } from "../budgets/work-size.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { SocketId } from "../peer.ts";
import type { OriginPorts } from "../ports.ts";
import type { SetTimer, TimerRegistry } from "../timers.ts";
import { CommitGroup } from "./commit-group.ts";
import type { WaitingFrame } from "./commit-group.ts";

interface Slice {
  /** Deflated bytes of the frames of one commit. */
  readonly bytes: number;
  /**
   * Work of one commit; the rest of a larger frame is next. Our publishers seldom send more than
   * is committed at once where nobody else is.
   */
  readonly most: WorkSize;
  /** Blobs of one step of folding. */
  readonly blobs: number;
}

const SLICE: Slice = {
  bytes: BUDGETS.commitBytes,
  most: { changes: BUDGETS.commitChanges, bytes: BUDGETS.commitRecordBytes },
  blobs: BUDGETS.foldStepBlobs,
};
const SHARED_SLICE: Slice = {
  bytes: BUDGETS.sharedCommitBytes,
  most: { changes: BUDGETS.sharedCommitChanges, bytes: BUDGETS.sharedCommitRecordBytes },
  blobs: BUDGETS.sharedFoldStepBlobs,
};
/** Cost of receiving and acknowledging a frame, however few changes it has, in changes. */
const FRAME_COST = 4;
/** Our publishers have two of each channel under way; where more wait, they are the work. */
const MANY_FRAMES = 2 * CHANNELS.length;
/** Cost of rewriting a record, in changes; as much as a change where it is large. */
const RECORD_COST = 1 / 3;
/**
 * A step of folding that nothing presses comes when a commit has been sent to all, long before the
 * publisher's next frame; without commits one comes after the other, with room for other events.
 */
const AFTER_COMMIT_MS = 1;
const CALM_MS = 4;
/**
 * Commits between two steps: a step takes as long as several, and with one after each commit all
 * frames of the publisher would wait while a log is folded.
 */
const CALM_COMMITS = 2;
/** Fold pressure from which a step takes more blobs and waits for nothing. */
const HALF_PRESSURE = 1 / 2;
/** Fold pressure below which steps come after every other commit only. */
const CALM_PRESSURE = 1 / 4;
/** A publisher at work sends its next frame within this time. */
const NEXT_FRAME_MS = 10;

export interface Committed {
  /** Size of the changes that were committed. */
  readonly size: WorkSize;
  /** Their cost, in the size of admitted changes that would have cost as much. */
  readonly work: WorkSize;
  /** Frames that did not fit. */
  readonly left: readonly WaitingFrame[];
}

export interface ScheduleHandlers {
  /** The origin's own logs and those of its projections, now. */
  logs(): readonly ChannelLog[];
  /** Cost of a change, in changes of an origin without projections. [SCP7] */
  weight(): number;
  /** Commits, fans out and acknowledges frames in one event; answers those that did not fit. */
  commit(frames: readonly WaitingFrame[], most: WorkSize): Committed;
}

export type Queued =
  | { readonly kind: "queued" }
  | { readonly kind: "over-quota"; readonly rule: string };

export class CommitSchedule {
  readonly #handlers: ScheduleHandlers;
  readonly #group: CommitGroup;
  readonly #quota: ChangeQuota;
  readonly #setCommitTimer: SetTimer;
  readonly #setFoldTimer: SetTimer;
  /** Commits since the last step of folding. */
  #commitsSinceFold = 0;

  constructor(
    ports: Pick<OriginPorts, "clock" | "isShared">,
    timers: TimerRegistry,
    handlers: ScheduleHandlers,
  ) {
    this.#handlers = handlers;
    this.#group = new CommitGroup(ports.clock);
    this.#quota = new ChangeQuota(ports.clock, () => ports.isShared());
    this.#setCommitTimer = timers.own("commit", () => this.#commitOrWait());
    this.#setFoldTimer = timers.own("fold", () => this.#foldSlice());
  }

  get isEmpty(): boolean {
    return this.#group.isEmpty;
  }

  /** Queues a frame, to be committed now or later. */
  add(frame: WaitingFrame): Queued {
    const isDue = this.#group.add(frame);
    const waitMs = this.#prepareCommit();
    if (this.#group.bytes > BUDGETS.waitingBytes || this.#group.frames > BUDGETS.waitingFrames)
      return {
        kind: "over-quota",
        rule: `more than ${BUDGETS.waitingBytes} bytes or ${BUDGETS.waitingFrames} of frames wait: an origin has ${BUDGETS.changesPerSecond} changes/s over time, and its share of a busy hub`,
      };
    if (isDue && waitMs === 0) this.#commitSlice();
    else this.#setCommitTimer(waitMs);
    return { kind: "queued" };
  }

  /** Forgets the waiting frames of a socket. */
  drop(socket: SocketId): void {
    this.#group.drop(socket);
  }

  /**
   * Counts other work for this origin, in the size of a commit that would have cost as much.
   * Answers in how many ms more may be done.
   */
  countWork(size: WorkSize): number {
    this.#quota.countWork(costOf(size));
    return this.#quota.workWaitMs();
  }

  #commitOrWait(): void {
    if (this.#group.isEmpty) return;
    const waitMs = this.#prepareCommit();
    if (waitMs === 0) this.#commitSlice();
    else this.#setCommitTimer(waitMs);
  }

  #commitSlice(): void {
    const { bytes, most } = this.#slice();
    const weight = this.#handlers.weight();
    const areMany = this.#group.frames > MANY_FRAMES;
    const frames = this.#group.pop(bytes);
    const { size, work, left } = this.#handlers.commit(frames, divideSize(most, weight));
    const frameCost = areMany ? FRAME_COST * (frames.length - left.length) : 0;
    const cost = Math.ceil(costOf(work) * weight) + frameCost;
    this.#quota.countChanges(size.changes, cost);
    this.#group.countWork(cost);
    this.#group.putBack(left);
    if (!this.#group.isEmpty) this.#setCommitTimer(this.#prepareCommit());
  }

  /**
   * Answers in how many ms the next commit may be, and has a log that is behind folded: the
   * publisher waits for its folding, and nobody else does. [LOG61]
   */
  #prepareCommit(): number {
    const waitMs = this.#quota.waitMs();
    if (!this.#handlers.logs().some(({ folding }) => folding.isBehind)) return waitMs;
    this.foldSoon();
    return Math.max(waitMs, BUDGETS.foldWaitMs);
  }

  /** One slice; between two, other events have their turn. */
  #foldSlice(): void {
    // One after the other: each holds the records that it folds in memory. [LOG18]
    const logs = this.#handlers.logs();
    const log =
      logs.find(({ folding }) => folding.isActive) ?? logs.find(({ folding }) => folding.isDue);
    if (log === undefined) return;
    const waitMs = this.#quota.workWaitMs();
    const isPressing = log.folding.pressure >= HALF_PRESSURE;
    if (waitMs === 0) {
      this.#commitsSinceFold = 0;
      const { records, bytes } = log.foldSlice(isPressing ? this.#slice().blobs : 1);
      this.#quota.countWork(costOf({ changes: Math.ceil(records * RECORD_COST), bytes }));
    }
    const isActive = this.#group.sinceLastMs() < NEXT_FRAME_MS;
    const calmMs = isActive ? NEXT_FRAME_MS : CALM_MS;
    this.#setFoldTimer(isPressing ? waitMs : Math.max(waitMs, calmMs));
  }

  /** After any commit, also of records that were judged again. */
  foldSoon(): void {
    const due = this.#handlers.logs().filter(({ folding }) => folding.isDue);
    if (due.length === 0) return;
    this.#commitsSinceFold++;
    const pressure = Math.max(...due.map(({ folding }) => folding.pressure));
    const isEarly = this.#commitsSinceFold < CALM_COMMITS && pressure < CALM_PRESSURE;
    const calmMs = isEarly ? NEXT_FRAME_MS : AFTER_COMMIT_MS;
    this.#setFoldTimer(pressure >= HALF_PRESSURE ? 0 : calmMs);
  }

  #slice(): Slice {
    return this.#quota.isShared ? SHARED_SLICE : SLICE;
  }
}
