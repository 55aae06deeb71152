/**
 * The writing side of an Origin: takes in what its publisher sends, claims ranges for what would be admitted with them, and judges quarantined
 * records again when the ranges have changed, a slice at a time. [ADM8] [ADM9]
 */
import { judge } from "../../../shared/admission/judge.ts";
import type { AdmissionFacts } from "../../../shared/admission/judge.ts";
import { must } from "../../../shared/lib/assert.ts";
import { decodePayload } from "../../../shared/log/payload.ts";
import type { LogChange } from "../../../shared/log/payload.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { decodeRecord } from "../../../shared/record/encoding.ts";
import type { RangeClaim } from "../../../shared/visibility/facts.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import { RangeClaims } from "./range-claims.ts";
import { runsOf } from "./commit-group.ts";
import type { Waiting } from "./commit-group.ts";
import { changeTo, REFUSED_COST, judgeChanges } from "./intake.ts";
import type { AdmittedChange } from "../log/admitted-batch.ts";
import type { QuarantinedRecord } from "../log/log-store.ts";
import { countWithin, isWithin, NOTHING, shareOf, sizeOf, sum } from "../budgets/work-size.ts";
import type { WorkSize } from "../budgets/work-size.ts";
import { QUOTA } from "../budgets/change-quota.ts";
import { AdmittedReview } from "./review-admitted.ts";
import type { OriginPorts } from "../ports.ts";

/** Quarantined records judged again in one slice. */
const REJUDGE_SLICE = 100;
const REJUDGE_MOST: WorkSize = { changes: REJUDGE_SLICE, bytes: 256 * 1024 };
/** Between two looks whether folding has made room. */
const FOLD_WAIT_MS = 2;
const CLAIM_RETRY_MS = 2_000;
const ONE_MORE: WorkSize = { changes: 1, bytes: 0 };

export type PublishResult =
  | {
      readonly ok: true;
      readonly log: ChannelLog;
      readonly refused: number;
      readonly hasCommitted: boolean;
      /** What was taken in, for the origin's quota. */
      readonly size: WorkSize;
      /** Of a large frame: what is still to be taken in before it is acknowledged. */
      readonly rest: readonly LogChange[];
    }
  | { readonly ok: false; readonly rule: string; readonly isOverQuota: true }
  | { readonly ok: false; readonly rule: string };

interface PublishingHandlers {
  /** A log has committed this; inside the transaction. */
  readonly onAppend: (channel: Channel, changes: readonly AdmittedChange[]) => void;
  /** How many times as much a change costs by that. */
  readonly weight: () => number;
  readonly onCommit: () => void;
  readonly onSettled: () => void;
  /** Judging waits for a log to be folded: after a start, with nobody who publishes, nothing else asks for it. */
  readonly onFull: () => void;
  /** Of this channel something is refused no longer. */
  readonly onRelease: (channel: Channel) => void;
  /**
   * What was refused, or admitted, was judged again. Answers in how many ms more of it may be.
   * [LOG22]
   */
  readonly worked: (size: WorkSize) => number;
}

export class Publishing {
  readonly #ports: OriginPorts;
  readonly #logs: ReadonlyMap<Channel, ChannelLog>;
  readonly #onAppend: PublishingHandlers["onAppend"];
  readonly #weight: () => number;
  readonly #onCommit: () => void;
  readonly #onSettled: () => void;
  readonly #onFull: () => void;
  readonly #onRelease: PublishingHandlers["onRelease"];
  readonly #worked: PublishingHandlers["worked"];
  /** What is admitted is judged again, for ranges have been narrowed; `null`: it is not. */
  #review: AdmittedReview | null = null;
  #admission: AdmissionFacts;
  readonly #claims: RangeClaims;
  /** How far the judging of the quarantine has come; `null` when it is done. */
  #rejudge: { readonly channel: number; readonly after: Uint8Array } | null = null;
  /** The accessVersion of the facts that are judged by; `null`: those of the start. */
  #judgedBy: number | null = null;
  /** The Mesh could not be asked while the quarantine was being judged. */
  #hasFailedClaims = false;

  constructor(
    ports: OriginPorts,
    logs: ReadonlyMap<Channel, ChannelLog>,
    admission: AdmissionFacts,
    handlers: PublishingHandlers,
  ) {
    this.#ports = ports;
    this.#logs = logs;
    this.#claims = new RangeClaims(ports);
    this.#admission = admission;
    this.#onAppend = handlers.onAppend;
    this.#weight = handlers.weight;
    this.#onCommit = handlers.onCommit;
    this.#onSettled = handlers.onSettled;
    this.#onFull = handlers.onFull;
    this.#onRelease = handlers.onRelease;
    this.#worked = handlers.worked;
  }

  /** No claim is under way and nothing is still to be judged again: what is admitted is all that can be, for now. */
  get isSettled(): boolean {
    return this.#claims.isEmpty && this.#rejudge === null && this.#review === null;
  }

  /** The ranges have changed: what was refused is judged again. */
  setAdmission(admission: AdmissionFacts, accessVersion: number): void {
    this.#admission = admission;
    this.#judgedBy = accessVersion;
    this.#claims.clear();
    this.#hasFailedClaims = false;
    this.#rejudge = { channel: 0, after: new Uint8Array() };
    this.#review = this.#ports.store.mustReview() ? new AdmittedReview(this.#logs) : null;
    this.rejudgeSlice();
  }

  /**
   * Takes frames in, those that follow each other in a channel as one. Committed when it answers, and not yet told to readers. Answers in the order of
   * the frames, until the next one would be more than one event has time for, something is left of one, or one breaks a rule and changes nothing.
   * @param most What one event takes in.
   */
  publish(frames: readonly Waiting[], most: WorkSize): PublishResult[] {
    const results: PublishResult[] = [];
    for (const run of runsOf(frames)) {
      const taken = this.#takeRun(run, sizeOfAll(results), most);
      results.push(...taken);
      if (taken.length < run.length || isEnough(results, most)) break;
    }
    return results;
  }

  /**
   * As many frames of one channel as there is time for as one; where that breaks a rule, one by one, to tell which it is.
   * @param before What this event has taken in already.
   */
  #takeRun(frames: readonly Waiting[], before: WorkSize, most: WorkSize): PublishResult[] {
    const changes: LogChange[] = [];
    const run: Waiting[] = [];
    let size = before;
    for (const frame of frames) {
      // What has no room in this event is not inflated for it.
      if (run.length > 0 && !isWithin(sum(size, ONE_MORE), most)) break;
      const { message, rest } = frame;
      const decoded =
        rest === undefined
          ? decodePayload(message.payload)
          : ({ ok: true, changes: rest.changes } as const);
      // What cannot be read is said when it is the first.
      if (!decoded.ok && run.length === 0) return [decoded];
      if (!decoded.ok) break;
      const hasTaken = size.changes > 0;
      size = sum(size, sizeOf(decoded.changes));
      if (hasTaken && !isWithin(size, most)) break;
      changes.push(...decoded.changes);
      run.push(frame);
    }
    const [first] = run;
    if (first === undefined) return [];
    const count = countWithin(changes, most);
    const isWhole = run.length === 1 && first.rest === undefined && count === changes.length;
    const { channel, payload } = first.message;
    const part = changes.slice(0, count);
    // Of several frames all are taken in, or they are one by one.
    const isRun = run.length > 1;
    const together = this.#take(channel, part, isWhole ? payload : undefined, most, isRun);
    if (!together.ok && run.length > 1) return this.#takeEach(run, before, most);
    if (!together.ok) return [together];
    const rest = changes.slice(together.size.changes);
    const refused = together.refused + (first.rest?.refused ?? 0);
    // What was refused is counted once.
    return run.map((_, i) =>
      i === 0 ? { ...together, refused, rest } : { ...together, refused: 0, size: NOTHING },
    );
  }

  #takeEach(run: readonly Waiting[], before: WorkSize, most: WorkSize): PublishResult[] {
    const results: PublishResult[] = [];
    for (const frame of run) {
      results.push(...this.#takeRun([frame], sum(before, sizeOfAll(results)), most));
      if (isEnough(results, most)) break;
    }
    return results;
  }

  /** @param payload What holds just these changes, when there is such. */
  #take(
    channel: Channel,
    changes: readonly LogChange[],
    payload: Uint8Array | undefined,
    most: WorkSize,
    isAllOrNone: boolean,
  ): PublishResult {
    const log = must(this.#logs.get(channel), "channel");
    const { store } = this.#ports;
    const result = judgeChanges(channel, changes, log, this.#admission, most.changes);
    if (!result.ok) return result;
    const { append, quarantine, release, claims, refused, taken, isVerbatim } = result.intake;
    if (isAllOrNone && taken < changes.length)
      return { ok: false, rule: `more than ${most.changes} changes' worth` };
    const over = this.#overQuota(log, append, quarantine.length);
    if (over !== null) return { ok: false, rule: over, isOverQuota: true };
    if (append.length + quarantine.length + release.length > 0)
      store.transaction(() => {
        for (const record of quarantine) log.received.quarantine(record);
        for (const keyHash of release) log.received.release(keyHash);
        if (append.length > 0) this.#append(log, append, isVerbatim ? payload : undefined);
      });
    this.#claims.add(claims);
    if (release.length > 0) this.#onRelease(channel);
    return {
      ok: true,
      log,
      refused,
      hasCommitted: append.length > 0,
      size: sizeOf(changes.slice(0, taken)),
      rest: [],
    };
  }

  #append(log: ChannelLog, changes: readonly AdmittedChange[], payload?: Uint8Array): void {
    log.commit(changes, payload);
    this.#onAppend(log.channel, changes);
  }

  /** The quota that these changes would break, or `null`. Asked only of an origin that is near it: the count is then exact. */
  #overQuota(
    log: ChannelLog,
    append: readonly AdmittedChange[],
    quarantined: number,
  ): string | null {
    const held = log.received.refused + quarantined;
    if (quarantined > 0 && held > QUOTA.quarantined)
      return `more than ${QUOTA.quarantined} records of ${log.channel} are refused by admission; correct the cluster's ranges`;
    if (log.admitted.size + held + append.length <= QUOTA.keys) return null;
    const isNew = ({ keyHash, recordHash }: AdmittedChange): boolean =>
      recordHash !== null && log.admitted.tagOf(keyHash) === undefined;
    const added = append.filter(isNew).length;
    return added > 0 && log.admitted.size + held + added > QUOTA.keys
      ? `an origin may have ${QUOTA.keys} keys in ${log.channel}`
      : null;
  }

  /** The Mesh could not be asked: what claims is judged once more, which asks again. Not by slices that are under way: they may be past it. */
  onClaimFailed(claims: readonly RangeClaim[]): void {
    this.#claims.forget(claims);
    if (this.#rejudge === null) this.#judgeLater();
    else this.#hasFailedClaims = true;
  }

  /** The instance may end in the middle: the next one goes by this. Where nothing is refused there is nothing to note. */
  #noteJudged(): void {
    const { store } = this.#ports;
    const isRefused = [...this.#logs.values()].some((log) => log.received.refused > 0);
    if (!isRefused || this.#judgedBy === null || store.judgedVersion() === this.#judgedBy) return;
    const judgedBy = this.#judgedBy;
    store.transaction(() => store.saveJudgedVersion(judgedBy));
  }

  #judgeLater(): void {
    this.#hasFailedClaims = false;
    this.#rejudge = { channel: 0, after: new Uint8Array() };
    this.#ports.setTimer("rejudge", CLAIM_RETRY_MS);
  }

  rejudgeSlice(): void {
    const position = this.#rejudge;
    const channel = position === null ? undefined : CHANNELS[position.channel];
    if (position === null || channel === undefined) {
      this.#rejudge = null;
      if (this.#review !== null) {
        this.#reviewSlice(this.#review);
        return;
      }
      this.#noteJudged();
      if (this.#hasFailedClaims) this.#judgeLater();
      else if (this.isSettled) this.#onSettled();
      return;
    }
    const log = must(this.#logs.get(channel), "channel");
    if (log.isFull) {
      // What is admitted now would need more memory than it may, or fold all the rest at once. [LOG22]
      this.#onFull();
      this.#ports.setTimer("rejudge", FOLD_WAIT_MS);
      return;
    }
    const { store } = this.#ports;
    const held = store.quarantinedAfter(channel, position.after, REJUDGE_SLICE);
    const records = held.slice(
      0,
      countWithin(held.map(asPut), shareOf(REJUDGE_MOST, this.#weight())),
    );
    const last = records.at(-1);
    this.#rejudge =
      last === undefined || (records.length === held.length && held.length < REJUDGE_SLICE)
        ? { channel: position.channel + 1, after: new Uint8Array() }
        : { channel: position.channel, after: last.keyHash };
    const claims: RangeClaim[] = [];
    const admitted = store.transaction(() => {
      const changes = records.flatMap((held) => this.#judgeAgain(log, held, claims));
      if (changes.length > 0) this.#append(log, changes);
      return changes.length;
    });
    this.#claims.add(claims);
    if (admitted > 0) this.#onCommit();
    this.#ports.setTimer("rejudge", this.#worked(sizeOf(records.map(asPut))));
  }

  /** Some of what is admitted. */
  #reviewSlice(review: AdmittedReview): void {
    const { store } = this.#ports;
    const most = shareOf(REJUDGE_MOST, this.#weight());
    const found = review.step(this.#admission, most.changes);
    if (found === "full") {
      this.#onFull();
      this.#ports.setTimer("rejudge", FOLD_WAIT_MS);
      return;
    }
    if (found !== null) {
      store.transaction(() => {
        for (const record of found.quarantined) found.log.received.quarantine(record);
        this.#append(found.log, found.changes);
      });
      this.#onCommit();
    }
    if (review.isDone) {
      this.#review = null;
      store.transaction(() => store.saveMustReview(false));
    }
    this.#ports.setTimer("rejudge", this.#worked(most));
  }

  #judgeAgain(log: ChannelLog, held: QuarantinedRecord, claims: RangeClaim[]): AdmittedChange[] {
    const decoded = decodeRecord(held.bytes);
    if (!decoded.ok) return [];
    const verdict = judge(decoded.record, this.#admission);
    if (verdict.admitted) {
      log.received.release(held.keyHash);
      const change = { op: "put", bytes: held.bytes } as const;
      return [{ change, keyHash: held.keyHash, recordHash: held.recordHash }];
    }
    claims.push(...verdict.claims);
    const { rule, message } = verdict;
    if (message !== held.message || rule !== held.rule)
      log.received.quarantine({ ...held, rule, message, claims: verdict.claims });
    const instead = changeTo(verdict.remainder, held.keyHash);
    const isTold =
      instead.recordHash === null
        ? log.admitted.tagOf(held.keyHash) === undefined
        : log.admitted.compare(held.keyHash, instead.recordHash) === "same";
    return isTold ? [] : [instead];
  }

  /** Claims that had to wait. */
  claimOn(): void {
    this.#claims.askOn();
  }
}

/** Nothing more is taken in by this event. */
function isEnough(results: readonly PublishResult[], most: WorkSize): boolean {
  return (
    results.some((result) => !result.ok || result.rest.length > 0) ||
    !isWithin(sum(sizeOfAll(results), refusedIn(results), ONE_MORE), most)
  );
}

function asPut({ bytes }: QuarantinedRecord): LogChange {
  return { op: "put", bytes };
}

/** What was refused costs besides. */
function refusedIn(results: readonly PublishResult[]): WorkSize {
  const refused = results.reduce((count, result) => count + (result.ok ? result.refused : 0), 0);
  return { changes: refused * REFUSED_COST, bytes: 0 };
}

function sizeOfAll(results: readonly PublishResult[]): WorkSize {
  return sum(...results.map((result) => (result.ok ? result.size : NOTHING)));
}
