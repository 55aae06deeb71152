/**
 * What is admitted, judged again after the operator has narrowed the cluster's ranges: what they
 * hold no more is quarantined, some records an event. [ADM9]
 */
import { judge } from "../../../shared/admission/judge.ts";
import type { AdmissionFacts } from "../../../shared/admission/judge.ts";
import { must } from "../../../shared/lib/assert.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import type { AdmittedChange } from "../log/admitted-batch.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import { changeTo } from "./intake.ts";
import { isCurrent, LogWalk } from "../log/log-walk.ts";
import type { QuarantinedRecord } from "../log/log-store.ts";
import type { Logs, ReadChange } from "../scopes/projection.ts";

/** Frames or blobs read in one step. */
const STEP_READS = 8;

/** Records of one log that are admitted no longer, and what readers are told instead. */
export interface Reviewed {
  readonly log: ChannelLog;
  readonly quarantined: readonly QuarantinedRecord[];
  readonly changes: readonly AdmittedChange[];
}

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

  /**
   * Judges at most so many records. `null`: nothing came of it. `full`: the log has to be folded
   * first.
   */
  step(facts: AdmissionFacts, most: number): Reviewed | "full" | null {
    const log = this.#log();
    if (log === null) return null;
    if (log.isFull) return "full";
    for (let reads = 0; reads < STEP_READS && this.#read.length < most; reads++) {
      const read = (this.#walk ??= new LogWalk(log)).next();
      if (read !== null) this.#read.push(...read);
      else if (this.#read.length > 0) break;
      else {
        this.#channel++;
        this.#walk = null;
        return null;
      }
    }
    const refused = new Map<string, QuarantinedRecord & Remainder>();
    for (const change of this.#read.splice(0, most)) {
      const found = refusedNow(log, change, facts);
      if (found !== null) refused.set(found.key, found);
    }
    if (refused.size === 0) return null;
    const quarantined = [...refused.values()];
    const changes = quarantined.map(({ remainder, keyHash }) => changeTo(remainder, keyHash));
    return { log, quarantined, changes };
  }

  #log(): ChannelLog | null {
    const channel = CHANNELS[this.#channel];
    return channel === undefined ? null : must(this.#logs.get(channel), "channel");
  }
}

interface Remainder {
  readonly remainder: CalicoRecord | null;
}

/**
 * Of records that would be refused by these facts the keys, without reading more than asked for.
 * Yields after each frame or blob.
 */
export function* refusedBy(
  logs: Logs,
  facts: AdmissionFacts,
  most: number,
): Generator<void, readonly { readonly key: string; readonly message: string }[]> {
  const found = new Map<string, string>();
  for (const log of logs.values()) {
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
): (QuarantinedRecord & Remainder) | null {
  const { record, keyHash, recordHash, change: put } = change;
  if (record === null || recordHash === null || put.op === "delete") return null;
  // Of a record that is admitted in part the whole is in the quarantine, and judged there.
  if (!isCurrent(log, change) || log.received.isRefused(keyHash)) return null;
  const verdict = judge(record, facts);
  if (verdict.admitted) return null;
  const { rule, message, claims, remainder } = verdict;
  const { channel } = log;
  const { kind } = record;
  const kept = { channel, keyHash, recordHash, kind, key: keyOf(record), bytes: put.bytes };
  return { ...kept, rule, message, claims, remainder };
}
