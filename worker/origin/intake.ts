/**
 * Intake: what one received frame means. Each change is decoded against the strict schema, compared with what was received before (equal
 * means nothing to do), and judged. The outcome is data: what to append, what to quarantine, what to release. [ADM8]
 */
import { judge } from "../../shared/admission/judge.ts";
import type { AdmissionFacts } from "../../shared/admission/judge.ts";
import { equalBytes } from "../../shared/lib/bytes.ts";
import type { HashTrie } from "../../shared/log/hash-trie.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import { channelOf } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { decodeRecord, hashRecord, keyHashOf } from "../../shared/record/encoding.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { RangeClaim } from "../../shared/visibility/facts.ts";
import { Appended } from "./appended.ts";
import type { AdmittedChange } from "./appended.ts";
import { ByKeyHash } from "./by-key-hash.ts";
import type { QuarantinedRecord } from "./log-store.ts";

export interface Known {
  readonly admitted: HashTrie;
  readonly received: { quarantined(keyHash: Uint8Array): QuarantinedRecord | undefined };
}

export interface Intake {
  readonly append: readonly AdmittedChange[];
  readonly quarantine: readonly QuarantinedRecord[];
  readonly release: readonly Uint8Array[];
  readonly claims: readonly RangeClaim[];
  /** Changes that are refused: those of `quarantine` and repeats of what is quarantined already. */
  readonly refused: number;
  /** Of the changes, from the first one on: what is left has another event. */
  readonly taken: number;
  /** `append` is all of the frame, in order: its payload may be stored as it came. */
  readonly isVerbatim: boolean;
}

/** A refused record is a row of its own: it costs about three changes more. */
export const REFUSED_COST = 3;

export type IntakeResult =
  | { readonly ok: true; readonly intake: Intake }
  | { readonly ok: false; readonly rule: string };

type Taken =
  | { readonly rule: string }
  | { readonly keyHash: Uint8Array }
  | {
      readonly record: CalicoRecord;
      readonly keyHash: Uint8Array;
      readonly recordHash: Uint8Array;
    };

/**
 * A malformed record or one of another channel is the sender's bug: the whole frame is refused with the rule, nothing is taken.
 * @param most What may be taken at once, in changes that are admitted.
 */
export function takeIn(
  channel: Channel,
  changes: readonly LogChange[],
  known: Known,
  facts: AdmissionFacts,
  most = Number.POSITIVE_INFINITY,
): IntakeResult {
  const append = new Appended(changes.length);
  const quarantine = new ByKeyHash<QuarantinedRecord>();
  const release = new ByKeyHash<Uint8Array>();
  const claims = new Map<string, RangeClaim>();
  let [refused, cost, seen] = [0, 0, 0];
  for (const change of changes) {
    if (cost >= most) break;
    seen++;
    cost++;
    const taken: Taken =
      change.op === "put" ? decodePut(channel, change.bytes) : { keyHash: change.keyHash };
    if ("rule" in taken) return { ok: false, rule: taken.rule };
    const { keyHash } = taken;
    const held = quarantine.get(keyHash) ?? known.received.quarantined(keyHash);
    const published = publishedState(append.get(keyHash), known.admitted, taken);
    if (!("record" in taken)) {
      if (held !== undefined) release.set(keyHash, keyHash);
      quarantine.delete(keyHash);
      if (published !== "absent") append.set({ change, keyHash, recordHash: null });
      continue;
    }
    const isHeld = held !== undefined && (quarantine.has(keyHash) || !release.has(keyHash));
    const isSame = isHeld ? equalBytes(held.recordHash, taken.recordHash) : published === "same";
    const verdict = judge(taken.record, facts);
    if (!verdict.admitted) refused++;
    if (isSame) continue;
    if (!verdict.admitted) cost += REFUSED_COST;
    if (verdict.admitted) {
      if (isHeld) release.set(keyHash, keyHash);
      quarantine.delete(keyHash);
      append.set({ change, keyHash, recordHash: taken.recordHash });
      continue;
    }
    for (const claim of verdict.claims) claims.set(`${claim.use} ${claim.cidr}`, claim);
    release.delete(keyHash);
    quarantine.set(keyHash, {
      channel,
      keyHash,
      recordHash: taken.recordHash,
      kind: taken.record.kind,
      key: keyOf(taken.record),
      bytes: change.op === "put" ? change.bytes : new Uint8Array(),
      rule: verdict.rule,
      message: verdict.message,
      claims: verdict.claims,
    });
    if (published !== "absent")
      append.set({
        change: { op: "delete", keyHash, cause: "observed" },
        keyHash,
        recordHash: null,
      });
  }
  const appended = append.inOrder();
  const isVerbatim =
    appended.length === changes.length && appended.every((a, i) => a.change === changes[i]);
  return {
    ok: true,
    intake: {
      append: appended,
      quarantine: quarantine.values(),
      release: release.values(),
      claims: [...claims.values()],
      refused,
      taken: seen,
      isVerbatim,
    },
  };
}

/** What readers have of the key, this frame's earlier change included. */
function publishedState(
  earlier: AdmittedChange | undefined,
  admitted: HashTrie,
  { keyHash, recordHash }: { readonly keyHash: Uint8Array; readonly recordHash?: Uint8Array },
): "same" | "other" | "absent" {
  if (earlier === undefined && recordHash !== undefined)
    return admitted.compare(keyHash, recordHash);
  if (earlier === undefined) return admitted.tagOf(keyHash) === undefined ? "absent" : "other";
  if (earlier.recordHash === null) return "absent";
  return recordHash !== undefined && equalBytes(earlier.recordHash, recordHash) ? "same" : "other";
}

function decodePut(channel: Channel, bytes: Uint8Array): Taken {
  const decoded = decodeRecord(bytes);
  if (!decoded.ok) return { rule: `record field ${decoded.error.field} ${decoded.error.rule}` };
  if (channelOf(decoded.record.kind) !== channel)
    return { rule: `a ${decoded.record.kind} does not belong into channel ${channel}` };
  return {
    record: decoded.record,
    keyHash: keyHashOf(decoded.record),
    recordHash: hashRecord(bytes),
  };
}
