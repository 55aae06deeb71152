/**
 * Intake of a publisher's frames: as many as one event has time for are decoded, judged and
 * committed, those that follow each other in a channel as one. [LOG16] [LOG61]
 */
import type { AdmissionFacts } from "../../../shared/admission/judge.ts";
import { decodePayload } from "../../../shared/log/payload.ts";
import type { LogChange } from "../../../shared/log/payload.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { countWithin, isWithin, NO_WORK, sizeOf, sumSizes } from "../budgets/work-size.ts";
import type { WorkSize } from "../budgets/work-size.ts";
import type { AdmittedChange } from "../log/admitted-change.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { Logs } from "../log/channel-logs.ts";
import type { OriginPorts } from "../ports.ts";
import { runsOf } from "./commit-group.ts";
import type { WaitingFrame } from "./commit-group.ts";
import { judgeChanges, refusedCost } from "./judge-changes.ts";
import { brokenQuota } from "./origin-quota.ts";
import type { RangeClaims } from "./range-claims.ts";

const ONE_MORE: WorkSize = { changes: 1, bytes: 0 };

/** Outcome of one frame; of a frame that breaks a rule nothing is committed. */
export type PublishResult =
  | {
      readonly kind: "accepted";
      readonly log: ChannelLog;
      readonly refused: number;
      readonly hasCommitted: boolean;
      /** Size of the committed changes, for the origin's quota. */
      readonly size: WorkSize;
      /** Their cost, in the size of admitted changes that would have cost as much. [LOG30] */
      readonly work: WorkSize;
      /** Changes of a large frame that are still to be committed before it is acknowledged. */
      readonly rest: readonly LogChange[];
    }
  | { readonly kind: "over-quota"; readonly rule: string }
  | { readonly kind: "malformed"; readonly rule: string }
  /** Several frames did not fit into one commit; each is committed by itself. */
  | { readonly kind: "too-large"; readonly rule: string };

export interface LogWriter {
  /** Commits changes to a log and what follows it. Call inside the store's transaction. */
  append(log: ChannelLog, changes: readonly AdmittedChange[], payload?: Uint8Array): void;
  /** Records of this channel that were refused are refused no longer. */
  released(channel: Channel): void;
}

type Decoded =
  | { readonly kind: "changes"; readonly changes: readonly LogChange[] }
  | { readonly kind: "malformed"; readonly rule: string };

/** Frames of one channel that are committed as one, and their changes. */
interface Run {
  readonly frames: readonly WaitingFrame[];
  readonly changes: readonly LogChange[];
}

export class FrameIntake {
  readonly #ports: Pick<OriginPorts, "store" | "hashSeed">;
  readonly #logs: Logs;
  readonly #claims: RangeClaims;
  readonly #writer: LogWriter;
  #admission: AdmissionFacts;

  constructor(
    ports: Pick<OriginPorts, "store" | "hashSeed">,
    logs: Logs,
    claims: RangeClaims,
    admission: AdmissionFacts,
    writer: LogWriter,
  ) {
    this.#ports = ports;
    this.#logs = logs;
    this.#claims = claims;
    this.#admission = admission;
    this.#writer = writer;
  }

  setAdmission(admission: AdmissionFacts): void {
    this.#admission = admission;
  }

  /**
   * Commits frames; readers are not told here. Answers in the order of the frames, until the next
   * one would be more than one event has time for, something is left of one, or one breaks a rule.
   * @param most Work of one event.
   */
  publish(frames: readonly WaitingFrame[], most: WorkSize): PublishResult[] {
    const results: PublishResult[] = [];
    for (const run of runsOf(frames)) {
      const committed = this.#publishRun(run, sizeOfAll(results), most);
      results.push(...committed);
      if (committed.length < run.length || isEnough(results, most)) break;
    }
    return results;
  }

  /**
   * Commits as many frames of one channel as there is time for as one; where that breaks a rule,
   * one by one, to tell which it is.
   * @param before Size of what this event has committed already.
   */
  #publishRun(frames: readonly WaitingFrame[], before: WorkSize, most: WorkSize): PublishResult[] {
    const run = decodeRun(frames, before, most);
    if (run.kind === "malformed") return [run];
    const [first] = run.frames;
    if (first === undefined) return [];
    const { changes } = run;
    const count = countWithin(changes, most);
    const isWhole = run.frames.length === 1 && first.rest === undefined && count === changes.length;
    const { channel, payload } = first.message;
    const part = changes.slice(0, count);
    // Several frames are committed together as a whole, or else one by one.
    const isRun = run.frames.length > 1;
    const together = this.#commit(channel, part, isWhole ? payload : undefined, most, isRun);
    if (together.kind !== "accepted")
      return isRun ? this.#publishEach(run.frames, before, most) : [together];
    const rest = changes.slice(together.size.changes);
    const refused = together.refused + (first.rest?.refused ?? 0);
    // Refused changes are counted once.
    return run.frames.map((_, i) =>
      i === 0
        ? { ...together, refused, rest }
        : { ...together, refused: 0, size: NO_WORK, work: NO_WORK },
    );
  }

  #publishEach(frames: readonly WaitingFrame[], before: WorkSize, most: WorkSize): PublishResult[] {
    const results: PublishResult[] = [];
    for (const frame of frames) {
      const done = sumSizes(before, sizeOfAll(results));
      results.push(...this.#publishRun([frame], done, most));
      if (isEnough(results, most)) break;
    }
    return results;
  }

  /** @param payload A payload that holds just these changes, when there is one. */
  #commit(
    channel: Channel,
    changes: readonly LogChange[],
    payload: Uint8Array | undefined,
    most: WorkSize,
    isAllOrNone: boolean,
  ): PublishResult {
    const log = this.#logs[channel];
    const { store, hashSeed } = this.#ports;
    const judged = judgeChanges(channel, changes, log, this.#admission, hashSeed, most.changes);
    if (!judged.ok) return { kind: "malformed", rule: judged.rule };
    const { append, quarantine, release, claims, refused, judgedCount, isVerbatim } = judged.intake;
    if (isAllOrNone && judgedCount < changes.length)
      return { kind: "too-large", rule: `more than ${most.changes} changes' worth` };
    const over = brokenQuota(log, append, quarantine.length);
    if (over !== null) return { kind: "over-quota", rule: over };
    if (append.length + quarantine.length + release.length > 0)
      store.transaction(() => {
        for (const record of quarantine) log.received.quarantine(record);
        for (const keyHash of release) log.received.release(keyHash);
        if (append.length > 0) this.#writer.append(log, append, isVerbatim ? payload : undefined);
      });
    this.#claims.add(claims);
    if (release.length > 0) this.#writer.released(channel);
    const size = sizeOf(changes.slice(0, judgedCount));
    return {
      kind: "accepted",
      log,
      refused,
      hasCommitted: append.length > 0,
      size,
      work: sumSizes(size, refusedCost(refused)),
      rest: [],
    };
  }
}

/** Decodes frames from the first one, as long as there is room for one more change. */
function decodeRun(
  frames: readonly WaitingFrame[],
  before: WorkSize,
  most: WorkSize,
): (Run & { readonly kind: "run" }) | { readonly kind: "malformed"; readonly rule: string } {
  const changes: LogChange[] = [];
  const run: WaitingFrame[] = [];
  let size = before;
  for (const frame of frames) {
    // A frame that has no room in this event is not inflated for it.
    if (run.length > 0 && !isWithin(sumSizes(size, ONE_MORE), most)) break;
    const decoded = decodeFrame(frame);
    // A frame that cannot be read is answered when it is the first.
    if (decoded.kind === "malformed" && run.length === 0) return decoded;
    if (decoded.kind === "malformed") break;
    const hasWork = size.changes > 0;
    size = sumSizes(size, sizeOf(decoded.changes));
    if (hasWork && !isWithin(size, most)) break;
    changes.push(...decoded.changes);
    run.push(frame);
  }
  return { kind: "run", frames: run, changes };
}

function decodeFrame({ message, rest }: WaitingFrame): Decoded {
  if (rest !== undefined) return { kind: "changes", changes: rest.changes };
  const decoded = decodePayload(message.payload);
  return decoded.ok
    ? { kind: "changes", changes: decoded.changes }
    : { kind: "malformed", rule: decoded.rule };
}

/** Whether this event commits nothing more. */
function isEnough(results: readonly PublishResult[], most: WorkSize): boolean {
  return (
    results.some((result) => result.kind !== "accepted" || result.rest.length > 0) ||
    !isWithin(sumSizes(sizeOfAll(results), refusedCost(refusedOf(results)), ONE_MORE), most)
  );
}

function refusedOf(results: readonly PublishResult[]): number {
  return results.reduce(
    (count, result) => count + (result.kind === "accepted" ? result.refused : 0),
    0,
  );
}

function sizeOfAll(results: readonly PublishResult[]): WorkSize {
  return sumSizes(...results.map((result) => (result.kind === "accepted" ? result.size : NO_WORK)));
}
