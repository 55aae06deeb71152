/**
 * How a new projection gets what the origin's logs hold already: the frames behind the oldest blob, then the blobs, some records a step. What is committed meanwhile
 * goes into the projection by itself, so of what is read only what is still the case counts, and the order does not matter; to begin again does no harm. [SCP6]
 */
import { must } from "../../../shared/lib/assert.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import { isCurrent, LogWalk } from "../log/log-walk.ts";
import { countWithin } from "../budgets/work-size.ts";
import type { WorkSize } from "../budgets/work-size.ts";
import type { Logs, Projection, ReadChange } from "./projection.ts";

/** Read, projected and committed in one event: some 5 ms. */
const STEP_CHANGES = 400;
const STEP: WorkSize = { changes: STEP_CHANGES, bytes: 256 * 1024 };
/** Frames or blobs read for it at most: a small frame costs 0.1 ms. */
const STEP_READS = 32;
export class ProjectionWalk {
  readonly projection: Projection;
  readonly #logs: Logs;
  #channel = 0;
  #walk: LogWalk | null = null;
  #read: ReadChange[] = [];

  /** @param logs The origin's own. */
  constructor(projection: Projection, logs: Logs) {
    this.projection = projection;
    this.#logs = logs;
  }

  get isDone(): boolean {
    return this.#channel === CHANNELS.length;
  }

  /** One step; call inside the store's transaction. Answers whether anything was committed. */
  step(): boolean {
    const channel = must(CHANNELS[this.#channel], "a walk that is not done");
    const log = must(this.#logs.get(channel), "channel");
    if (must(this.projection.logs.get(channel), "channel").isFull) return false;
    for (let reads = 0; reads < STEP_READS && this.#read.length < STEP.changes; reads++) {
      const read = (this.#walk ??= new LogWalk(log)).next();
      if (read !== null) this.#read.push(...read);
      else if (this.#read.length > 0) break;
      else {
        this.#channel++;
        this.#walk = null;
        return false;
      }
    }
    const count = countWithin(
      this.#read.map(({ change }) => change),
      STEP,
    );
    const part = this.#read.slice(0, count);
    this.#read = this.#read.slice(count);
    return this.#take(log, channel, part);
  }

  /** What was read a while ago may have changed since. */
  #take(log: ChannelLog, channel: Channel, changes: readonly ReadChange[]): boolean {
    return this.projection.follow(
      channel,
      changes.filter((change) => isCurrent(log, change)),
    );
  }
}
