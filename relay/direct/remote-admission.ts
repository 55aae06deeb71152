/**
 * Admission of what a direct remote has, by the hub's own rules: its pools and nodes are its first
 * claims, what lies outside of them is not served. What waits for a claim is judged again when one
 * is pinned. [DIR7]
 */
import { admissionFacts, judge, narrows } from "../../shared/admission/judge.ts";
import { channelOf } from "../../shared/record/channel.ts";
import { encodeChecked } from "../../shared/record/encoding.ts";
import type { EncodedRecord } from "../../shared/record/encoding.ts";
import type { RangeClaim } from "../../shared/visibility/facts.ts";
import { claim, NOTHING_CLAIMED } from "./claims.ts";
import type { Claimed, Holder } from "./claims.ts";
import type { DirectChange } from "./direct-log.ts";

/** All that the remote has. */
interface HeldLocally {
  records(): Iterable<EncodedRecord>;
  byKey(key: string): EncodedRecord | undefined;
}

export class RemoteAdmission {
  #claimed: Claimed = NOTHING_CLAIMED;
  #facts = admissionFacts(NOTHING_CLAIMED.ranges, []);
  /** Keys of records of which not all is admitted. */
  readonly #refused = new Set<string>();
  /** What was admitted as a whole may not be any more. */
  #isNarrowed = false;

  get claimed(): Claimed {
    return this.#claimed;
  }

  get refused(): ReadonlySet<string> {
    return this.#refused;
  }

  set(claimed: Claimed): void {
    this.#isNarrowed ||= narrows(this.#claimed.ranges, claimed.ranges);
    this.#claimed = claimed;
    this.#facts = admissionFacts(claimed.ranges, claimed.refused);
  }

  /** The part of a record that is admitted; `null`: nothing. */
  admitted(encoded: EncodedRecord): EncodedRecord | null {
    const verdict = judge(encoded.record, this.#facts);
    if (verdict.admitted) {
      this.#refused.delete(encoded.key);
      return encoded;
    }
    this.#refused.add(encoded.key);
    if (verdict.remainder === null) return null;
    const rest = encodeChecked(verdict.remainder);
    return rest.kind === "ok" ? rest.encoded : null;
  }

  /** What its view is told of a record. */
  changeOf(record: EncodedRecord): DirectChange {
    const encoded = this.admitted(record);
    if (encoded !== null) return { op: "put", encoded };
    return { op: "delete", channel: channelOf(record.record.kind), keyHash: record.keyHash };
  }

  /**
   * Of these records those that the view is to have in part, or not at all. Each has been judged
   * before: while no range goes, what was admitted is admitted.
   */
  otherwise(local: HeldLocally): DirectChange[] {
    const records = this.#isNarrowed
      ? local.records()
      : [...this.#refused].flatMap((key) => local.byKey(key) ?? []);
    this.#isNarrowed = false;
    const changes: DirectChange[] = [];
    for (const record of records) {
      const change = this.changeOf(record);
      if (change.op === "delete" || change.encoded !== record) changes.push(change);
    }
    return changes;
  }

  forget(key: string): void {
    this.#refused.delete(key);
  }

  forgetAll(): void {
    this.#refused.clear();
  }

  /** Pins what these records ask for. @returns Whether other addresses are the remote's own now. */
  claimFor(records: Iterable<EncodedRecord>, others: () => readonly Holder[]): boolean {
    const claims: RangeClaim[] = [];
    for (const { record } of records) {
      const verdict = judge(record, this.#facts);
      if (!verdict.admitted) claims.push(...verdict.claims);
    }
    if (claims.length === 0) return false;
    const before = this.#claimed.ranges;
    this.set(claim(this.#claimed, claims, others()));
    const { pods, nodes } = this.#claimed.ranges;
    return pods.length !== before.pods.length || nodes.length !== before.nodes.length;
  }

  /** Refusals are decided again: what was in the way may be gone. */
  forgetRefusedClaims(): void {
    this.set({ ...this.#claimed, refused: [] });
  }
}
