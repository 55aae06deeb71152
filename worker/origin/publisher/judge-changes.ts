/**
 * The judgement of a received batch of changes. Each is decoded against the strict schema, compared
 * with the record that was received before (an equal one changes nothing), and judged. The outcome
 * is data: changes to append, records to quarantine, keys to release. [ADM8]
 */
import { judge } from "../../../shared/admission/judge.ts";
import type { AdmissionFacts } from "../../../shared/admission/judge.ts";
import { equalBytes } from "../../../shared/lib/bytes.ts";
import type { HashTrie } from "../../../shared/log/hash-trie.ts";
import type { LogChange } from "../../../shared/log/payload.ts";
import { channelOf } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { decodeRecord, hashRecord, keyHashOf } from "../../../shared/record/encoding.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { RangeClaim } from "../../../shared/visibility/facts.ts";
import type { WorkSize } from "../budgets/work-size.ts";
import { AdmittedBatch } from "../log/admitted-batch.ts";
import { changeInstead } from "../log/admitted-change.ts";
import type { AdmittedChange } from "../log/admitted-change.ts";
import type { QuarantinedRecord } from "../log/log-store.ts";
import { KeyHashMap } from "./key-hash-map.ts";

export interface Known {
  readonly admitted: HashTrie;
  readonly received: { quarantined(keyHash: Uint8Array): QuarantinedRecord | undefined };
}

export interface Intake {
  readonly append: readonly AdmittedChange[];
  readonly quarantine: readonly QuarantinedRecord[];
  readonly release: readonly Uint8Array[];
  readonly claims: readonly RangeClaim[];
  /** Refused changes: those of `quarantine` and repeats of records that are quarantined already. */
  readonly refused: number;
  /** Changes that were judged, from the first one: the rest has another event. */
  readonly judgedCount: number;
  /** `append` is all of the frame, in order: its payload may be stored as it came. */
  readonly isVerbatim: boolean;
}

/** A refused record is a row of its own, which costs about three changes more. */
const REFUSED_COST = 3;

/** Cost of refused changes beyond their size. */
export function refusedCost(refused: number): WorkSize {
  return { changes: refused * REFUSED_COST, bytes: 0 };
}

export type IntakeResult =
  | { readonly ok: true; readonly intake: Intake }
  | { readonly ok: false; readonly rule: string };

interface ReadPut {
  readonly kind: "put";
  readonly record: CalicoRecord;
  readonly keyHash: Uint8Array;
  readonly recordHash: Uint8Array;
}

/**
 * A malformed record or one of another channel is the sender's bug: the whole frame is refused with
 * the rule, and nothing of it counts.
 * @param hashSeed See `AdmittedBatch`.
 * @param most Work of one event, in changes that are admitted.
 */
export function judgeChanges(
  channel: Channel,
  changes: readonly LogChange[],
  known: Known,
  facts: AdmissionFacts,
  hashSeed: number,
  most = Number.POSITIVE_INFINITY,
): IntakeResult {
  const batch = new Batch(channel, new AdmittedBatch(changes.length, hashSeed), known, facts);
  let seen = 0;
  for (const change of changes) {
    if (batch.cost >= most) break;
    seen++;
    const broken = batch.judge(change);
    if (broken !== null) return { ok: false, rule: broken };
  }
  return { ok: true, intake: batch.outcome(changes, seen) };
}

/** The outcome of the changes so far. */
class Batch {
  readonly #channel: Channel;
  readonly #known: Known;
  readonly #facts: AdmissionFacts;
  readonly #append: AdmittedBatch;
  readonly #quarantine = new KeyHashMap<QuarantinedRecord>();
  readonly #release = new KeyHashMap<Uint8Array>();
  readonly #claims = new Map<string, RangeClaim>();
  #refused = 0;
  cost = 0;

  constructor(channel: Channel, append: AdmittedBatch, known: Known, facts: AdmissionFacts) {
    this.#channel = channel;
    this.#known = known;
    this.#facts = facts;
    this.#append = append;
  }

  /** Answers the rule that the change breaks, or `null`. */
  judge(change: LogChange): string | null {
    this.cost++;
    if (change.op === "delete") {
      this.#judgeDelete(change, change.keyHash);
      return null;
    }
    const read = readPut(this.#channel, change.bytes);
    if (read.kind === "malformed") return read.rule;
    this.#judgePut(change, read);
    return null;
  }

  outcome(changes: readonly LogChange[], judgedCount: number): Intake {
    const append = this.#append.inOrder();
    return {
      append,
      quarantine: this.#quarantine.values(),
      release: this.#release.values(),
      claims: [...this.#claims.values()],
      refused: this.#refused,
      judgedCount,
      isVerbatim:
        append.length === changes.length && append.every((a, i) => a.change === changes[i]),
    };
  }

  /** The record of the key that is refused and kept, this frame's own changes included. */
  #held(keyHash: Uint8Array): QuarantinedRecord | undefined {
    return (
      this.#quarantine.get(keyHash) ??
      (this.#release.has(keyHash) ? undefined : this.#known.received.quarantined(keyHash))
    );
  }

  #letGo(keyHash: Uint8Array): void {
    if (this.#held(keyHash) !== undefined) this.#release.set(keyHash, keyHash);
    this.#quarantine.delete(keyHash);
  }

  #judgeDelete(change: LogChange, keyHash: Uint8Array): void {
    // fault: quarantined-delete-forgotten
    this.#letGo(keyHash);
    if (this.#published(keyHash) !== "absent")
      this.#append.set({ change, keyHash, recordHash: null });
  }

  #judgePut(change: LogChange & { readonly op: "put" }, read: ReadPut): void {
    const { record, keyHash, recordHash } = read;
    const held = this.#held(keyHash);
    const verdict = judge(record, this.#facts);
    if (!verdict.admitted) this.#refused++;
    const isSame =
      held === undefined
        ? this.#published(keyHash, recordHash) === "same"
        : equalBytes(held.recordHash, recordHash);
    if (isSame) return;
    if (verdict.admitted) {
      this.#letGo(keyHash);
      this.#append.set({ change, keyHash, recordHash });
      return;
    }
    this.cost += REFUSED_COST;
    for (const claim of verdict.claims) this.#claims.set(`${claim.use} ${claim.cidr}`, claim);
    this.#release.delete(keyHash);
    const { rule, message, claims } = verdict;
    const { bytes } = change;
    const kept = { channel: this.#channel, kind: record.kind, key: keyOf(record), bytes };
    this.#quarantine.set(keyHash, { ...kept, keyHash, recordHash, rule, message, claims });
    const instead = changeInstead(verdict.remainder, keyHash);
    const published = this.#published(keyHash, instead.recordHash ?? undefined);
    // fault: refused-stays-published
    if (published !== (instead.recordHash === null ? "absent" : "same")) this.#append.set(instead);
  }

  /** The key's record as readers have it, this frame's earlier change included. */
  #published(keyHash: Uint8Array, recordHash?: Uint8Array): "same" | "other" | "absent" {
    const earlier = this.#append.get(keyHash);
    const { admitted } = this.#known;
    if (earlier === undefined && recordHash !== undefined)
      return admitted.compare(keyHash, recordHash);
    if (earlier === undefined) return admitted.tagOf(keyHash) === undefined ? "absent" : "other";
    if (earlier.recordHash === null) return "absent";
    return recordHash !== undefined && equalBytes(earlier.recordHash, recordHash)
      ? "same"
      : "other";
  }
}

function readPut(
  channel: Channel,
  bytes: Uint8Array,
): ReadPut | { readonly kind: "malformed"; readonly rule: string } {
  const decoded = decodeRecord(bytes);
  if (!decoded.ok)
    return { kind: "malformed", rule: `record field ${decoded.error.field} ${decoded.error.rule}` };
  if (channelOf(decoded.record.kind) !== channel)
    return {
      kind: "malformed",
      rule: `a ${decoded.record.kind} does not belong into channel ${channel}`,
    };
  return {
    kind: "put",
    record: decoded.record,
    keyHash: keyHashOf(decoded.record),
    recordHash: hashRecord(bytes),
  };
}
