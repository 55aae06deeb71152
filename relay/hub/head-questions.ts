/**
 * Questions on one socket how far the other side is now. What is asked while one is under way
 * shares the next one: an answer says what there was when its question was handled, and counts for
 * who asked before that. So many who ask at the same time cost two messages. [PRO11]
 */
import type { AskHeads, Head, Heads } from "../../shared/protocol/head-messages.ts";
import { HEADS_VERSION } from "../../shared/protocol/version.ts";

export interface HeadQuestion {
  /** `null`: it has not come. */
  readonly answer: readonly Head[] | null;
  /** The connection that it was asked on has ended before it was answered. */
  readonly isLost: boolean;
}

interface Asked {
  answer: readonly Head[] | null;
  isLost: boolean;
}

export class HeadQuestions {
  readonly #send: (message: AskHeads) => void;
  #canAsk = false;
  #token = 0;
  #sent: Asked | null = null;
  #next: Asked | null = null;

  constructor(send: (message: AskHeads) => void) {
    this.#send = send;
  }

  /** The other side has said which version it speaks. */
  onWelcome(version: number): void {
    this.#canAsk = version >= HEADS_VERSION;
  }

  /** `null`: the other side cannot be asked now. */
  ask(): HeadQuestion | null {
    if (!this.#canAsk) return null;
    if (this.#sent === null) return this.#ask({ answer: null, isLost: false });
    return (this.#next ??= { answer: null, isLost: false });
  }

  onHeads({ token, heads }: Heads): void {
    const sent = this.#sent;
    if (sent === null || token !== this.#token) return;
    sent.answer = heads;
    this.#sent = null;
    const next = this.#next;
    this.#next = null;
    if (next !== null) this.#ask(next);
  }

  onDown(): void {
    for (const asked of [this.#sent, this.#next]) if (asked !== null) asked.isLost = true;
    this.#sent = this.#next = null;
    this.#canAsk = false;
  }

  #ask(asked: Asked): Asked {
    this.#sent = asked;
    this.#token++;
    this.#send({ type: "ask-heads", token: this.#token });
    return asked;
  }
}
