/**
 * Judging again by new ranges, a slice an event: refused records, which may be admitted now, then,
 * where ranges were narrowed, admitted ones. [ADM9]
 */
import { judge } from "../../../shared/admission/judge.ts";
import type { AdmissionFacts } from "../../../shared/admission/judge.ts";
import type { LogChange } from "../../../shared/log/payload.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import { decodeRecord } from "../../../shared/record/encoding.ts";
import type { RangeClaim } from "../../../shared/visibility/facts.ts";
import { BUDGETS } from "../budgets/limits.ts";
import { countWithin, divideSize, sizeOf, sumSizes } from "../budgets/work-size.ts";
import type { WorkSize } from "../budgets/work-size.ts";
import { changeInstead } from "../log/admitted-change.ts";
import type { AdmittedChange } from "../log/admitted-change.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import { listLogs } from "../log/channel-logs.ts";
import type { Logs } from "../log/channel-logs.ts";
import type { QuarantinedRecord } from "../log/log-store.ts";
import type { OriginPorts } from "../ports.ts";
import type { SetTimer, TimerRegistry } from "../timers.ts";
import type { LogWriter } from "./frame-intake.ts";
import { refusedCost } from "./judge-changes.ts";
import type { RangeClaims } from "./range-claims.ts";
import { AdmittedReview } from "./review-admitted.ts";

const MOST: WorkSize = { changes: BUDGETS.rejudgeRecords, bytes: BUDGETS.rejudgeBytes };
/** Before a claim is made again that could not be asked. */
const CLAIM_RETRY_MS = 2_000;

export interface RejudgingHandlers {
  /** Cost of a change, in changes of an origin without projections. */
  weight(): number;
  /** Something was committed. */
  committed(): void;
  /** All records are judged, and no claim is under way. */
  settled(): void;
  /** A log has to be folded first: after a start nobody else asks for it. */
  foldSoon(): void;
  /** Counts work; answers in how many ms more may be done. [LOG22] */
  countWork(size: WorkSize): number;
}

/** Position in the quarantine: index of the channel, and the last key hash that was judged. */
interface Position {
  readonly channel: number;
  readonly after: Uint8Array;
}

/** What becomes of a refused record. */
interface JudgedAgain {
  readonly changes: readonly AdmittedChange[];
  /** It is written again, for another rule refuses it. */
  readonly isKeptAnew: boolean;
}

export class Rejudging {
  readonly #ports: Pick<OriginPorts, "store">;
  readonly #logs: Logs;
  readonly #claims: RangeClaims;
  readonly #writer: LogWriter;
  readonly #handlers: RejudgingHandlers;
  readonly #setTimer: SetTimer;
  #admission: AdmissionFacts;
  /** `null` when the quarantine is judged. */
  #position: Position | null = null;
  /** `null` when admitted records need no review. */
  #review: AdmittedReview | null = null;
  /** The accessVersion of the facts that records are judged by; `null`: those of the start. */
  #judgedBy: number | null = null;
  /** The Mesh could not be asked for a claim while the quarantine was being judged. */
  #hasFailedClaims = false;

  constructor(
    ports: Pick<OriginPorts, "store">,
    timers: TimerRegistry,
    logs: Logs,
    claims: RangeClaims,
    admission: AdmissionFacts,
    writer: LogWriter,
    handlers: RejudgingHandlers,
  ) {
    this.#ports = ports;
    this.#logs = logs;
    this.#claims = claims;
    this.#admission = admission;
    this.#writer = writer;
    this.#handlers = handlers;
    this.#setTimer = timers.own("rejudge", () => this.#slice());
  }

  get isDone(): boolean {
    return this.#position === null && this.#review === null;
  }

  /** Begins anew with the ranges of these facts. */
  begin(admission: AdmissionFacts, accessVersion: number): void {
    this.#admission = admission;
    this.#judgedBy = accessVersion;
    this.#hasFailedClaims = false;
    this.#position = { channel: 0, after: new Uint8Array() };
    this.#review = this.#ports.store.mustReview() ? new AdmittedReview(this.#logs) : null;
    this.#slice();
  }

  /**
   * The Mesh could not be asked for claims: their records are judged once more, which claims again.
   * A pass under way does not count, for it may be past them.
   */
  retryClaims(): void {
    if (this.#position === null) this.#retryLater();
    else this.#hasFailedClaims = true;
  }

  #retryLater(): void {
    this.#hasFailedClaims = false;
    this.#position = { channel: 0, after: new Uint8Array() };
    this.#setTimer(CLAIM_RETRY_MS);
  }

  #slice(): void {
    const position = this.#position;
    const channel = position === null ? undefined : CHANNELS[position.channel];
    if (position !== null && channel !== undefined)
      this.#quarantineSlice(this.#logs[channel], position);
    else if (this.#review !== null) {
      this.#position = null;
      this.#reviewSlice(this.#review);
    } else this.#end();
  }

  #end(): void {
    this.#position = null;
    this.#saveJudged();
    if (this.#hasFailedClaims) this.#retryLater();
    else if (this.#claims.isEmpty) this.#handlers.settled();
  }

  /**
   * The next instance begins again where the stored version is older. Where nothing is refused
   * there is nothing to store.
   */
  #saveJudged(): void {
    const { store } = this.#ports;
    const isRefused = listLogs(this.#logs).some((log) => log.received.refused > 0);
    if (!isRefused || this.#judgedBy === null || store.judgedVersion() === this.#judgedBy) return;
    const judgedBy = this.#judgedBy;
    store.transaction(() => store.saveJudgedVersion(judgedBy));
  }

  #quarantineSlice(log: ChannelLog, position: Position): void {
    if (log.folding.isBehind) {
      this.#waitForFold();
      return;
    }
    const { store } = this.#ports;
    const held = store.quarantinedAfter(log.channel, position.after, MOST.changes);
    const most = divideSize(MOST, this.#handlers.weight());
    const records = held.slice(0, countWithin(held.map(asPut), most));
    const last = records.at(-1);
    this.#position =
      last === undefined || (records.length === held.length && held.length < MOST.changes)
        ? { channel: position.channel + 1, after: new Uint8Array() }
        : { channel: position.channel, after: last.keyHash };
    const claims: RangeClaim[] = [];
    let kept = 0;
    const admitted = store.transaction(() => {
      const changes = records.flatMap((record) => {
        const again = this.#judgeAgain(log, record, claims);
        if (again.isKeptAnew) kept++;
        return again.changes;
      });
      // fault: judged-again-unprojected
      if (changes.length > 0) this.#writer.append(log, changes);
      return changes.length;
    });
    this.#claims.add(claims);
    if (admitted > 0) this.#handlers.committed();
    const work = sumSizes(sizeOf(records.map(asPut)), refusedCost(kept));
    this.#setTimer(this.#handlers.countWork(work));
  }

  #reviewSlice(review: AdmittedReview): void {
    const { store } = this.#ports;
    const most = divideSize(MOST, this.#handlers.weight());
    const step = review.step(this.#admission, most.changes);
    if (step.kind === "behind") {
      this.#waitForFold();
      return;
    }
    if (step.kind === "refused") {
      store.transaction(() => {
        for (const record of step.quarantined) step.log.received.quarantine(record);
        this.#writer.append(step.log, step.changes);
      });
      this.#handlers.committed();
    }
    if (review.isDone) {
      this.#review = null;
      store.transaction(() => store.saveMustReview(false));
    }
    this.#setTimer(this.#handlers.countWork(most));
  }

  /** A commit now would need more memory than it may, or fold all the rest at once. [LOG22] */
  #waitForFold(): void {
    this.#handlers.foldSoon();
    this.#setTimer(BUDGETS.foldWaitMs);
  }

  #judgeAgain(log: ChannelLog, held: QuarantinedRecord, claims: RangeClaim[]): JudgedAgain {
    const decoded = decodeRecord(held.bytes);
    if (!decoded.ok) return { changes: [], isKeptAnew: false };
    const verdict = judge(decoded.record, this.#admission);
    if (verdict.admitted) {
      log.received.release(held.keyHash);
      const change = { op: "put", bytes: held.bytes } as const;
      const { keyHash, recordHash } = held;
      return { changes: [{ change, keyHash, recordHash }], isKeptAnew: false };
    }
    claims.push(...verdict.claims);
    const { rule, message } = verdict;
    const isKeptAnew = message !== held.message || rule !== held.rule;
    if (isKeptAnew) log.received.quarantine({ ...held, rule, message, claims: verdict.claims });
    const instead = changeInstead(verdict.remainder, held.keyHash);
    const isPublished =
      instead.recordHash === null
        ? log.admitted.tagOf(held.keyHash) === undefined
        : log.admitted.compare(held.keyHash, instead.recordHash) === "same";
    return { changes: isPublished ? [] : [instead], isKeptAnew };
  }
}

function asPut({ bytes }: QuarantinedRecord): LogChange {
  return { op: "put", bytes };
}
