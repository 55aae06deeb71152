/**
 * When an origin's frames are committed and its blobs folded: in turns, so that the other objects of the thread have theirs. Alone in the process it
 * has all the time there is, in slices of about 10 ms; while other publishers are at work, a share of it, in slices of a third of that. [LOG16] [LOG22]
 */
import type { ChannelLog } from "../log/channel-log.ts";
import { CommitGroup } from "./commit-group.ts";
import type { Waiting } from "./commit-group.ts";
import { shareOf, workOf } from "../budgets/work-size.ts";
import type { WorkSize } from "../budgets/work-size.ts";
import type { OriginPorts, SocketId } from "../ports.ts";
import { QUOTA, ChangeQuota } from "../budgets/change-quota.ts";

interface Slice {
  /** Of frames, deflated, in one commit. */
  readonly bytes: number;
  /** What one commit takes in: what is left of a larger frame is next. Our publishers seldom send more than is taken in at once where nobody else is. */
  readonly most: WorkSize;
  /** In one step of folding. */
  readonly blobs: number;
}

const PART_CHANGES = 400;
const SHARED_PART_CHANGES = 250;
const SLICE: Slice = {
  bytes: 32 * 1024,
  most: { changes: PART_CHANGES, bytes: 256 * 1024 },
  blobs: 2,
};
const SHARED_SLICE: Slice = {
  bytes: 4 * 1024,
  most: { changes: SHARED_PART_CHANGES, bytes: 128 * 1024 },
  blobs: 1,
};
/**
 * To receive a frame and to acknowledge it costs as much as to take in so many changes, however few
 * it has.
 */
const FRAME_WORK = 4;
/** Our publishers have two of each channel under way; where many more wait, they are the work. */
const MANY_FRAMES = 64;
/** To rewrite a record costs a third of taking a change in, and as much where it is large. */
const CHANGES_PER_RECORD = 1 / 3;
/**
 * A step of folding that nothing presses comes when a commit has been told to all, long before the publisher's next frame; without commits one comes after
 * the other, with room for other events.
 */
const AFTER_COMMIT_MS = 1;
const CALM_MS = 4;
/** Not after every commit: a step takes as long as several, and while a log is folded all frames of its publisher would wait for one. */
const CALM_COMMITS = 2;
/** A publisher at work sends its next frame within this time. */
const NEXT_FRAME_MS = 10;
/** Between two looks whether folding has made room. */
const FOLD_WAIT_MS = 2;

type Ports = Pick<OriginPorts, "clock" | "isShared" | "setTimer">;

export interface Committed {
  /** What was taken in. */
  readonly size: WorkSize;
  readonly left: readonly Waiting[];
}

export class CommitSchedule {
  readonly #ports: Ports;
  readonly #allLogs: () => readonly ChannelLog[];
  readonly #weight: () => number;
  readonly #commit: (frames: readonly Waiting[], most: WorkSize) => Committed;
  readonly #group: CommitGroup;
  readonly #quota: ChangeQuota;
  /** Commits since the last step of folding. */
  #unfolded = 0;

  /**
   * @param logs The origin's own and those of its projections, now.
   * @param weight How many times as much as without projections a change costs. [SCP7]
   * @param commit Commits, tells and acknowledges frames in one event, or as many as it may take in.
   */
  constructor(
    ports: Ports,
    logs: () => readonly ChannelLog[],
    weight: () => number,
    commit: (frames: readonly Waiting[], most: WorkSize) => Committed,
  ) {
    this.#ports = ports;
    this.#allLogs = logs;
    this.#weight = weight;
    this.#commit = commit;
    this.#group = new CommitGroup(ports.clock);
    this.#quota = new ChangeQuota(ports.clock, () => ports.isShared());
  }

  get isEmpty(): boolean {
    return this.#group.isEmpty;
  }

  /** A frame to be committed, now or later. Answers the rule that its publisher breaks with it, or `null`. */
  add(frame: Waiting): string | null {
    const isDue = this.#group.add(frame);
    const waitMs = this.#waitMs();
    if (this.#group.bytes > QUOTA.waitingBytes || this.#group.frames > QUOTA.waitingFrames)
      return `more than ${QUOTA.waitingBytes} bytes or ${QUOTA.waitingFrames} of frames wait: an origin has ${QUOTA.changesPerSecond} changes/s over time, and its share of a busy hub`;
    if (isDue && waitMs === 0) this.#commitSlice();
    else this.#ports.setTimer("commit", waitMs);
    return null;
  }

  /** Forgets what waits of a socket. */
  drop(socket: SocketId): void {
    this.#group.drop(socket);
  }

  /**
   * Something else was done for this origin that costs as taking so much in does. Answers in how
   * many ms more may be.
   */
  worked(size: WorkSize): number {
    this.#quota.work(workOf(size));
    return this.#quota.workWaitMs();
  }

  onCommitTimer(): void {
    if (this.#group.isEmpty) return;
    const waitMs = this.#waitMs();
    if (waitMs === 0) this.#commitSlice();
    else this.#ports.setTimer("commit", waitMs);
  }

  /** One slice; between two, other events have their turn. */
  onFoldTimer(): void {
    // One after the other: each holds what it folds in memory. [LOG18]
    const logs = this.#allLogs();
    const log = logs.find(({ isFolding }) => isFolding) ?? logs.find(({ needsFold }) => needsFold);
    if (log === undefined) return;
    const waitMs = this.#quota.workWaitMs();
    const isCalm = !log.isHalfFull;
    if (waitMs === 0) {
      this.#unfolded = 0;
      const { records, bytes } = log.foldSlice(isCalm ? 1 : this.#slice().blobs);
      this.#quota.work(workOf({ changes: Math.ceil(records * CHANGES_PER_RECORD), bytes }));
    }
    const isActive = this.#group.sinceLastMs() < NEXT_FRAME_MS;
    const calmMs = isActive ? NEXT_FRAME_MS : CALM_MS;
    this.#ports.setTimer("fold", isCalm ? Math.max(waitMs, calmMs) : waitMs);
  }

  /** After any commit, also of what the hub has judged again. */
  foldSoon(): void {
    const due = this.#allLogs().filter((log) => log.needsFold);
    if (due.length === 0) return;
    this.#unfolded++;
    const isCalm = !due.some((log) => log.isHalfFull);
    const isEarly = this.#unfolded < CALM_COMMITS && due.every((log) => log.isCalm);
    this.#ports.setTimer("fold", !isCalm ? 0 : isEarly ? NEXT_FRAME_MS : AFTER_COMMIT_MS);
  }

  #commitSlice(): void {
    const { bytes, most } = this.#slice();
    const weight = this.#weight();
    const frames = this.#group.take(bytes);
    const { size, left } = this.#commit(frames, shareOf(most, weight));
    const work = Math.ceil(workOf(size) * weight) + this.#frameWork(frames.length - left.length);
    this.#quota.take(size.changes, work);
    this.#group.took(work);
    this.#group.putBack(left);
    if (!this.#group.isEmpty) this.#ports.setTimer("commit", this.#waitMs());
  }

  #frameWork(frames: number): number {
    return this.#group.frames > MANY_FRAMES ? FRAME_WORK * frames : 0;
  }

  #waitMs(): number {
    const waitMs = this.#quota.waitMs();
    if (!this.#allLogs().some((log) => log.isFull)) return waitMs;
    // The publisher waits for its folding, and nobody else does.
    this.foldSoon();
    return Math.max(waitMs, FOLD_WAIT_MS);
  }

  #slice(): Slice {
    return this.#quota.isShared ? SHARED_SLICE : SLICE;
  }
}
