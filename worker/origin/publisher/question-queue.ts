/**
 * Questions of the publisher (`reconcile`, `reconciled`) that wait for the frames before them, or
 * for an answer before them. One is answered after the other, a step an event, within the member's
 * share of the thread. [LOG28]
 */
import type { Clock } from "../../../shared/lib/clock.ts";
import type { Difference, Reconcile, Reconciled } from "../../../shared/protocol/messages.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { MemberWork } from "../budgets/member-work.ts";
import type { Logs } from "../log/channel-logs.ts";
import type { SetTimer } from "../timers.ts";
import type { Queued } from "./commit-schedule.ts";
import { Reconciliation } from "./reconciliation.ts";

/** Price of a step of an answer, and of each message of it, in µs of the thread. [LOG28] */
const STEP_US = 300;
const ANSWER_US = 60;
/** A publisher has one of each kind under way for a channel. */
const MAX_WAITING = 2 * CHANNELS.length;

export type Question = Reconcile | Reconciled;

export interface QuestionHandlers {
  /** Whether frames before the question are still to be committed. */
  mustWait(): boolean;
  /** Cluster of the publisher; `null`: nobody publishes. */
  member(): string | null;
  /** Sends a part of the answer to the publisher. */
  answer(difference: Difference): void;
  /** The publisher has reconciled a channel. */
  reconciled(channel: Channel): void;
}

export class QuestionQueue {
  readonly #ports: { readonly clock: Clock; readonly memberWork: MemberWork };
  readonly #logs: Logs;
  readonly #handlers: QuestionHandlers;
  readonly #setTimer: SetTimer;
  #questions: Question[] = [];
  #answering: Reconciliation | null = null;

  /** @param setTimer Has `answer` called after the delay. */
  constructor(
    ports: { readonly clock: Clock; readonly memberWork: MemberWork },
    logs: Logs,
    setTimer: SetTimer,
    handlers: QuestionHandlers,
  ) {
    this.#ports = ports;
    this.#logs = logs;
    this.#setTimer = setTimer;
    this.#handlers = handlers;
  }

  add(question: Question): Queued {
    if (this.#questions.length >= MAX_WAITING) {
      const rule = `more than ${MAX_WAITING} of reconcile and reconciled wait for frames or an answer`;
      return { kind: "over-quota", rule };
    }
    this.#questions.push(question);
    this.answer();
    return { kind: "queued" };
  }

  clear(): void {
    this.#questions = [];
    this.#answering = null;
  }

  /** Sends the next step of an answer, if it is the question's turn. */
  answer(): void {
    if (this.#handlers.mustWait()) return;
    if (this.#answering === null) this.#beginNext();
    const member = this.#handlers.member();
    if (this.#answering === null || member === null) return;
    const { memberWork, clock } = this.#ports;
    const now = clock.now();
    const waitMs = memberWork.waitMs(member, now);
    if (waitMs > 0) {
      this.#setTimer(waitMs);
      return;
    }
    const differences = this.#answering.step();
    memberWork.spend(member, STEP_US + differences.length * ANSWER_US, now);
    for (const difference of differences) this.#handlers.answer(difference);
    if (this.#answering.isDone) this.#answering = null;
    this.answerSoon();
  }

  /** Has `answer` called when others have had their turn, if a question can be answered. */
  answerSoon(): void {
    const isWaiting = this.#answering !== null || this.#questions.length > 0;
    if (isWaiting && !this.#handlers.mustWait()) this.#setTimer(0);
  }

  /** Goes through the queue as far as the next question that has an answer. */
  #beginNext(): void {
    for (;;) {
      const question = this.#questions.shift();
      if (question === undefined) return;
      if (question.type === "reconcile") {
        this.#answering = new Reconciliation(this.#logs[question.channel], question.leaves);
        return;
      }
      this.#handlers.reconciled(question.channel);
    }
  }
}
