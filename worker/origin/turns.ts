/**
 * When an origin's frames are committed and its blobs folded: in turns, so that the other objects of the thread have theirs. Alone in the process it
 * has all the time there is, in slices of about 10 ms; while other publishers are at work, a share of it, in slices of a third of that. [LOG16] [LOG22]
 */
import type { ChannelLog } from "./channel-log.ts";
import { CommitGroup } from "./commit-group.ts";
import type { Waiting } from "./commit-group.ts";
import type { OriginPorts, SocketId } from "./ports.ts";
import { QUOTA, RateQuota } from "./quota.ts";

/** Bytes of frames, deflated, in one commit, and blobs in one step of folding. */
const SLICE = { bytes: 32 * 1024, blobs: 2 };
const SHARED_SLICE = { bytes: 4 * 1024, blobs: 1 };
/** To rewrite a record costs a third of taking a change in. */
const CHANGES_PER_RECORD = 1 / 3;
/**
 * A step of folding that nothing presses comes when a commit has been told to all, long before the publisher's next frame; without commits one comes after
 * the other, with room for other events.
 */
const AFTER_COMMIT_MS = 1;
const CALM_MS = 4;
/** A publisher at work sends its next frame within this time. */
const NEXT_FRAME_MS = 10;
/** Between two looks whether folding has made room. */
const FOLD_WAIT_MS = 2;

type Ports = Pick<OriginPorts, "clock" | "isShared" | "setTimer">;

export interface Committed {
  /** Changes that were taken in. */
  readonly changes: number;
  readonly left: readonly Waiting[];
}

export class Turns {
  readonly #ports: Ports;
  readonly #logs: readonly ChannelLog[];
  readonly #commit: (frames: readonly Waiting[]) => Committed;
  readonly #group: CommitGroup;
  readonly #quota: RateQuota;

  /** @param commit Commits, tells and acknowledges frames in one event, or as many as a slice has room for. */
  constructor(
    ports: Ports,
    logs: readonly ChannelLog[],
    commit: (frames: readonly Waiting[]) => Committed,
  ) {
    this.#ports = ports;
    this.#logs = logs;
    this.#commit = commit;
    this.#group = new CommitGroup(ports.clock);
    this.#quota = new RateQuota(ports.clock, () => ports.isShared());
  }

  get isEmpty(): boolean {
    return this.#group.isEmpty;
  }

  /** A frame to be committed, now or later. Answers the rule that its publisher breaks with it, or `null`. */
  add(frame: Waiting): string | null {
    const isDue = this.#group.add(frame, this.#slice().bytes);
    const waitMs = this.#waitMs();
    if (this.#group.bytes > QUOTA.waitingBytes)
      return `more than ${QUOTA.waitingBytes} bytes of frames wait: an origin has ${QUOTA.changesPerSecond} changes/s over time, and its share of a busy hub`;
    if (isDue && waitMs === 0) this.#commitSlice();
    else this.#ports.setTimer("commit", waitMs);
    return null;
  }

  /** Forgets what waits of a socket. */
  drop(socket: SocketId): void {
    this.#group.drop(socket);
  }

  /** Commits what waits, as far as the quota lets it; answers whether that was all. */
  flush(): boolean {
    while (!this.#group.isEmpty && this.#waitMs() === 0) this.#commitSlice();
    return this.#group.isEmpty;
  }

  onCommitTimer(): void {
    if (this.#group.isEmpty) return;
    const waitMs = this.#waitMs();
    if (waitMs === 0) this.#commitSlice();
    else this.#ports.setTimer("commit", waitMs);
  }

  /** One slice; between two, other events have their turn. */
  onFoldTimer(): void {
    const log = this.#logs.find((candidate) => candidate.needsFold);
    if (log === undefined) return;
    const waitMs = this.#quota.workWaitMs();
    const isCalm = !log.isHalfFull;
    if (waitMs === 0)
      this.#quota.work(
        Math.ceil(log.foldSlice(isCalm ? 1 : this.#slice().blobs) * CHANGES_PER_RECORD),
      );
    const isActive = this.#group.sinceLastMs() < NEXT_FRAME_MS;
    const calmMs = isActive ? NEXT_FRAME_MS : CALM_MS;
    this.#ports.setTimer("fold", isCalm ? Math.max(waitMs, calmMs) : waitMs);
  }

  /** After any commit, also of what the hub has judged again. */
  foldSoon(): void {
    const due = this.#logs.filter((log) => log.needsFold);
    if (due.length === 0) return;
    this.#ports.setTimer("fold", due.some((log) => log.isHalfFull) ? 0 : AFTER_COMMIT_MS);
  }

  #commitSlice(): void {
    const { changes, left } = this.#commit(this.#group.take(this.#slice().bytes));
    this.#quota.take(changes);
    this.#group.putBack(left);
    if (!this.#group.isEmpty) this.#ports.setTimer("commit", this.#waitMs());
  }

  #waitMs(): number {
    const waitMs = this.#quota.waitMs();
    if (!this.#logs.some((log) => log.isFull)) return waitMs;
    // The publisher waits for its folding, and nobody else does.
    this.foldSoon();
    return Math.max(waitMs, FOLD_WAIT_MS);
  }

  #slice(): typeof SLICE {
    return this.#quota.isShared ? SHARED_SLICE : SLICE;
  }
}
