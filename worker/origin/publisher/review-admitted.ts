/**
 * A review of the admitted records after the operator has narrowed the cluster's ranges: records
 * outside them are quarantined, some an event. [ADM9]
 */
import { judge } from "../../../shared/admission/judge.ts";
import type { AdmissionFacts } from "../../../shared/admission/judge.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { BUDGETS } from "../budgets/limits.ts";
import { changeInstead } from "../log/admitted-change.ts";
import type { AdmittedChange, ReadChange } from "../log/admitted-change.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import { listLogs } from "../log/channel-logs.ts";
import type { Logs } from "../log/channel-logs.ts";
import { isCurrent, LogWalk } from "../log/log-walk.ts";
import type { QuarantinedRecord } from "../log/log-store.ts";

export type ReviewStep =
  | { readonly kind: "nothing" }
  /** The log has to be folded first. */
  | { readonly kind: "behind" }
  /** Records of one log that are admitted no longer, and the changes that readers are sent. */
  | {
      readonly kind: "refused";
      readonly log: ChannelLog;
      readonly quarantined: readonly QuarantinedRecord[];
      readonly changes: readonly AdmittedChange[];
    };

const NOTHING: ReviewStep = { kind: "nothing" };

export class AdmittedReview {
  readonly #logs: Logs;
  #channel = 0;
  #walk: LogWalk | null = null;
  #read: ReadChange[] = [];

  constructor(logs: Logs) {
    this.#logs = logs;
  }

  get isDone(): boolean {
    return this.#channel === CHANNELS.length;
  }

  /** Judges at most so many records. */
  step(facts: AdmissionFacts, most: number): ReviewStep {
    const log = this.#log();
    if (log === null) return NOTHING;
    if (log.folding.isBehind) return { kind: "behind" };
    for (let reads = 0; reads < BUDGETS.reviewReads && this.#read.length < most; reads++) {
      const read = (this.#walk ??= new LogWalk(log)).next();
      if (read !== null) this.#read.push(...read);
      else if (this.#read.length > 0) break;
      else {
        this.#channel++;
        this.#walk = null;
        return NOTHING;
      }
    }
    const refused = new Map<string, RefusedRecord>();
    for (const change of this.#read.splice(0, most)) {
      const found = refusedNow(log, change, facts);
      if (found !== null) refused.set(found.key, found);
    }
    if (refused.size === 0) return NOTHING;
    const quarantined = [...refused.values()];
    const changes = quarantined.map(({ remainder, keyHash }) => changeInstead(remainder, keyHash));
    return { kind: "refused", log, quarantined, changes };
  }

  #log(): ChannelLog | null {
    const channel = CHANNELS[this.#channel];
    return channel === undefined ? null : this.#logs[channel];
  }
}

/** A record that is refused now, with the part of it that is still admitted; `null`: none. */
type RefusedRecord = QuarantinedRecord & { readonly remainder: CalicoRecord | null };

/**
 * The keys of admitted records that these facts would refuse, without reading more than asked for.
 * Yields after each frame or blob.
 */
export function* refusedBy(
  logs: Logs,
  facts: AdmissionFacts,
  most: number,
): Generator<void, readonly { readonly key: string; readonly message: string }[]> {
  const found = new Map<string, string>();
  for (const log of listLogs(logs)) {
    const walk = new LogWalk(log);
    for (let read = walk.next(); read !== null && found.size < most; read = walk.next()) {
      for (const change of read) {
        if (change.record === null || !isCurrent(log, change)) continue;
        const verdict = judge(change.record, facts);
        if (!verdict.admitted && found.size < most)
          found.set(keyOf(change.record), verdict.message);
      }
      yield;
    }
  }
  return [...found].map(([key, message]) => ({ key, message }));
}

function refusedNow(
  log: ChannelLog,
  change: ReadChange,
  facts: AdmissionFacts,
): RefusedRecord | null {
  const { record, keyHash, recordHash, change: put } = change;
  if (record === null || recordHash === null || put.op === "delete") return null;
  // The whole of a record that is admitted in part is in the quarantine, and judged there.
  if (!isCurrent(log, change) || log.received.isRefused(keyHash)) return null;
  const verdict = judge(record, facts);
  if (verdict.admitted) return null;
  const { rule, message, claims, remainder } = verdict;
  const { channel } = log;
  const { kind } = record;
  const kept = { channel, keyHash, recordHash, kind, key: keyOf(record), bytes: put.bytes };
  return { ...kept, rule, message, claims, remainder };
}
