/**
 * The writing side of an Origin: takes in what its publisher sends, claims ranges for what would be admitted with them, and judges quarantined
 * records again when the ranges have changed, a slice at a time. [ADM8] [ADM9]
 */
import { judge } from "../../shared/admission/judge.ts";
import type { AdmissionFacts } from "../../shared/admission/judge.ts";
import { must } from "../../shared/lib/assert.ts";
import { decodePayload } from "../../shared/log/payload.ts";
import type { Publish } from "../../shared/protocol/messages.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { decodeRecord } from "../../shared/record/encoding.ts";
import type { RangeClaim } from "../../shared/visibility/facts.ts";
import type { AdmittedChange, ChannelLog } from "./channel-log.ts";
import { takeIn } from "./intake.ts";
import type { QuarantinedRecord } from "./log-store.ts";
import type { OriginPorts } from "./ports.ts";

/** Quarantined records judged again in one slice. */
const REJUDGE_SLICE = 500;
const CLAIM_RETRY_MS = 2_000;

export type PublishResult =
  | { readonly ok: true; readonly log: ChannelLog; readonly refused: number }
  | { readonly ok: false; readonly rule: string };

export class Publishing {
  readonly #ports: OriginPorts;
  readonly #logs: ReadonlyMap<Channel, ChannelLog>;
  readonly #onCommit: () => void;
  readonly #onSettled: () => void;
  #admission: AdmissionFacts;
  /** Claims under way, so that each is asked once. */
  readonly #asked = new Set<string>();
  /** How far the judging of the quarantine has come; `null` when it is done. */
  #rejudge: { readonly channel: number; readonly after: Uint8Array } | null = null;

  constructor(
    ports: OriginPorts,
    logs: ReadonlyMap<Channel, ChannelLog>,
    admission: AdmissionFacts,
    handlers: { readonly onCommit: () => void; readonly onSettled: () => void },
  ) {
    this.#ports = ports;
    this.#logs = logs;
    this.#admission = admission;
    this.#onCommit = handlers.onCommit;
    this.#onSettled = handlers.onSettled;
  }

  /** No claim is under way and nothing is still to be judged again: what is admitted is all that can be, for now. */
  get isSettled(): boolean {
    return this.#asked.size === 0 && this.#rejudge === null;
  }

  /** The ranges have changed: what was refused is judged again. */
  setAdmission(admission: AdmissionFacts): void {
    this.#admission = admission;
    this.#asked.clear();
    this.#rejudge = { channel: 0, after: new Uint8Array() };
    this.rejudgeSlice();
  }

  /** Committed when it answers; a frame that breaks a rule changes nothing. */
  publish(message: Publish): PublishResult {
    const log = must(this.#logs.get(message.channel), "channel");
    const { store } = this.#ports;
    const payload = decodePayload(message.payload);
    if (!payload.ok) return payload;
    const received = {
      admitted: log.admitted,
      hasQuarantine: store.quarantineCount(message.channel) > 0,
      quarantined: (keyHash: Uint8Array) => store.quarantined(message.channel, keyHash),
    };
    const result = takeIn(message.channel, payload.changes, received, this.#admission);
    if (!result.ok) return result;
    const { append, quarantine, release, claims, refused, isVerbatim } = result.intake;
    if (append.length + quarantine.length + release.length > 0)
      store.transaction(() => {
        for (const record of quarantine) store.quarantine(record);
        for (const keyHash of release) store.release(message.channel, keyHash);
        if (append.length > 0) log.commit(append, isVerbatim ? message.payload : undefined);
      });
    this.#claim(claims);
    if (append.length > 0) this.#onCommit();
    return { ok: true, log, refused };
  }

  /** The Mesh could not be asked: the next slice asks again. */
  onClaimFailed(claims: readonly RangeClaim[]): void {
    for (const claim of claims) this.#asked.delete(claimId(claim));
    this.#rejudge ??= { channel: 0, after: new Uint8Array() };
    this.#ports.setTimer("rejudge", CLAIM_RETRY_MS);
  }

  rejudgeSlice(): void {
    const position = this.#rejudge;
    const channel = position === null ? undefined : CHANNELS[position.channel];
    if (position === null || channel === undefined) {
      this.#rejudge = null;
      if (this.isSettled) this.#onSettled();
      return;
    }
    const { store } = this.#ports;
    const records = store.quarantinedAfter(channel, position.after, REJUDGE_SLICE);
    const last = records.at(-1);
    this.#rejudge =
      last === undefined || records.length < REJUDGE_SLICE
        ? { channel: position.channel + 1, after: new Uint8Array() }
        : { channel: position.channel, after: last.keyHash };
    const claims: RangeClaim[] = [];
    const admitted = store.transaction(() => {
      const changes = records.flatMap((held) => this.#judgeAgain(held, claims));
      if (changes.length > 0) must(this.#logs.get(channel), "channel").commit(changes);
      return changes.length;
    });
    this.#claim(claims);
    if (admitted > 0) this.#onCommit();
    this.#ports.setTimer("rejudge", 0);
  }

  #judgeAgain(held: QuarantinedRecord, claims: RangeClaim[]): AdmittedChange[] {
    const { store } = this.#ports;
    const decoded = decodeRecord(held.bytes);
    if (!decoded.ok) return [];
    const verdict = judge(decoded.record, this.#admission);
    if (verdict.admitted) {
      store.release(held.channel, held.keyHash);
      const change = { op: "put", bytes: held.bytes } as const;
      return [{ change, keyHash: held.keyHash, recordHash: held.recordHash }];
    }
    claims.push(...verdict.claims);
    const { rule, message } = verdict;
    if (message !== held.message)
      store.quarantine({ ...held, rule, message, claims: verdict.claims });
    return [];
  }

  #claim(claims: readonly RangeClaim[]): void {
    const fresh = claims.filter((claim) => !this.#asked.has(claimId(claim)));
    if (fresh.length === 0) return;
    for (const claim of fresh) this.#asked.add(claimId(claim));
    this.#ports.mesh.claimRanges(fresh);
  }
}

function claimId({ use, cidr }: RangeClaim): string {
  return `${use} ${cidr}`;
}
