/**
 * The writing side of an Origin: it commits its publisher's frames, claims ranges for records that
 * would be admitted with them, and judges records again when the ranges have changed. [ADM8] [ADM9]
 */
import type { AdmissionFacts } from "../../../shared/admission/judge.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { RangeClaim } from "../../../shared/visibility/facts.ts";
import type { WorkSize } from "../budgets/work-size.ts";
import type { AdmittedChange } from "../log/admitted-change.ts";
import type { Logs } from "../log/channel-logs.ts";
import type { OriginPorts } from "../ports.ts";
import type { TimerRegistry } from "../timers.ts";
import type { WaitingFrame } from "./commit-group.ts";
import { FrameIntake } from "./frame-intake.ts";
import type { LogWriter, PublishResult } from "./frame-intake.ts";
import { RangeClaims } from "./range-claims.ts";
import { Rejudging } from "./rejudging.ts";
import type { RejudgingHandlers } from "./rejudging.ts";

interface PublishingHandlers extends RejudgingHandlers {
  /** A log has committed these changes. Called inside the transaction. */
  appended(channel: Channel, changes: readonly AdmittedChange[]): void;
  /** Records of this channel that were refused are refused no longer. */
  released(channel: Channel): void;
}

export class Publishing {
  readonly #claims: RangeClaims;
  readonly #intake: FrameIntake;
  readonly #rejudging: Rejudging;

  constructor(
    ports: Pick<OriginPorts, "clock" | "hashSeed" | "mesh" | "store">,
    timers: TimerRegistry,
    logs: Logs,
    admission: AdmissionFacts,
    handlers: PublishingHandlers,
  ) {
    const writer: LogWriter = {
      append: (log, changes, payload) => {
        log.commit(changes, payload);
        handlers.appended(log.channel, changes);
      },
      released: (channel) => handlers.released(channel),
    };
    const claims = new RangeClaims(ports, timers);
    this.#claims = claims;
    this.#intake = new FrameIntake(ports, logs, claims, admission, writer);
    this.#rejudging = new Rejudging(ports, timers, logs, claims, admission, writer, handlers);
  }

  /** No claim is under way and no record is to be judged again: all is admitted that can be. */
  get isSettled(): boolean {
    return this.#claims.isEmpty && this.#rejudging.isDone;
  }

  /** The ranges have changed: records are judged again. */
  setAdmission(admission: AdmissionFacts, accessVersion: number): void {
    this.#intake.setAdmission(admission);
    this.#claims.clear();
    this.#rejudging.begin(admission, accessVersion);
  }

  /** See `FrameIntake.publish`. */
  publish(frames: readonly WaitingFrame[], most: WorkSize): PublishResult[] {
    return this.#intake.publish(frames, most);
  }

  onClaimFailed(claims: readonly RangeClaim[]): void {
    this.#claims.forget(claims);
    this.#rejudging.retryClaims();
  }
}
