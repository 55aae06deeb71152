/**
 * Fills a new projection from the origin's logs: the frames behind the oldest blob, then the blobs,
 * some records a step. Later commits go into the projection by themselves, so a record that was
 * read counts only while the origin still holds it, and the order does not matter; to begin again
 * does no harm. [SCP6]
 */
import { must } from "../../../shared/lib/assert.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import { BUDGETS } from "../budgets/limits.ts";
import { countWithin } from "../budgets/work-size.ts";
import type { WorkSize } from "../budgets/work-size.ts";
import type { ReadChange } from "../log/admitted-change.ts";
import type { Logs } from "../log/channel-logs.ts";
import { isCurrent, LogWalk } from "../log/log-walk.ts";
import type { Projection } from "./projection.ts";

const STEP: WorkSize = {
  changes: BUDGETS.projectionStepRecords,
  bytes: BUDGETS.projectionStepBytes,
};

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

  /** The log that it fills has to be folded first. */
  get isBehind(): boolean {
    const channel = CHANNELS[this.#channel];
    return channel !== undefined && this.projection.logs[channel].folding.isBehind;
  }

  /** One step; call inside the store's transaction. Answers whether anything was committed. */
  step(): boolean {
    const channel = must(CHANNELS[this.#channel], "a walk that is not done");
    const log = this.#logs[channel];
    if (this.isBehind) return false;
    for (
      let reads = 0;
      reads < BUDGETS.projectionStepReads && this.#read.length < STEP.changes;
      reads++
    ) {
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
    // A change that was read a while ago may be out of date.
    const current = this.#read.splice(0, count).filter((change) => isCurrent(log, change));
    return this.projection.follow(channel, current);
  }
}
