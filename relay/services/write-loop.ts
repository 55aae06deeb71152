/**
 * The one loop of all that a relay writes for Services, while it holds the Lease for it. A desk
 * says what is to be written for one name; the loop says when. Desks take turns and share one
 * limit; of a desk one write is under way at a time, planned from what is there and what is to be
 * at that moment, so that a writer that is killed between two leaves nothing behind that the next
 * does not take up. [SVC25] [SVC30]
 */
import { backoffMs } from "../../shared/lib/backoff.ts";
import { errorText } from "../../shared/lib/error-text.ts";
import type { LeaseHolder } from "../kube/lease-holder.ts";
import type { Logger } from "../lib/log.ts";
import { WriteQueue } from "./write-queue.ts";

const BACKOFF = { baseMs: 500, capMs: 30_000 };
/** A server that asks for more is asked again then: it may have meant something else. */
const MOST_WAIT_SECONDS = 300;

/** What is to be done for one name now. */
export type Turn =
  /** One request that changes something, and perhaps more after it. */
  | { readonly kind: "write"; send(): Promise<Sent> }
  /** All is written; `isGone`: and nothing is to be any more. */
  | { readonly kind: "written"; readonly isGone: boolean }
  /** Something is in the way: the desk will ask again. */
  | { readonly kind: "blocked" };

export type Sent =
  /** What is there now is known to the desk, whoever wrote it. */
  | { readonly kind: "known" }
  | { readonly kind: "failed"; readonly message: string; readonly retryAfterSeconds: number };

/** Who knows what is to be written. */
export interface Desk {
  /** What it writes, in words of a log: one word. */
  readonly name: string;
  isReady(): boolean;
  /** @throws Error to be asked again after a pause. */
  plan(id: string): Promise<Turn>;
}

/** What a desk has of the loop. */
export interface DeskQueue {
  /** Something of these may have changed. */
  add(ids: readonly string[]): void;
  /** Why the last turn of a name failed; `null`: it did not. */
  failure(id: string): string | null;
}

export interface WriteLoopOptions {
  readonly lease: Pick<LeaseHolder, "isHeld" | "holder" | "start" | "stop"> &
    Partial<Pick<LeaseHolder, "problem">>;
  readonly log: Pick<Logger, "warn">;
  now(): number;
}

interface Failing {
  readonly reason: string;
  /** The same, and when it is tried again where the server has said so. */
  readonly message: string;
  readonly failures: number;
}

interface Member {
  readonly desk: Desk;
  turn: Promise<void> | null;
}

export class WriteLoop {
  readonly #options: WriteLoopOptions;
  readonly #queue = new WriteQueue();
  /** By its name. */
  readonly #desks = new Map<string, Member>();
  /** By key of the queue. */
  readonly #failing = new Map<string, Failing>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: WriteLoopOptions) {
    this.#options = options;
  }

  get isWriter(): boolean {
    return this.#options.lease.isHeld;
  }

  /** Who writes; empty: nobody. */
  get holder(): string {
    return this.#options.lease.holder;
  }

  /** Why it is not known who writes; empty: it is. */
  get leaseProblem(): string {
    return this.#options.lease.problem ?? "";
  }

  /** Nothing waits, and nothing is under way. */
  get isAtRest(): boolean {
    const isBusy = [...this.#desks.values()].some(({ turn }) => turn !== null);
    return !isBusy && this.#queue.isEmpty;
  }

  join(desk: Desk): DeskQueue {
    this.#desks.set(desk.name, { desk, turn: null });
    const keyOf = (id: string): string => `${desk.name} ${id}`;
    return {
      add: (ids) => {
        for (const id of ids) this.#queue.add(keyOf(id), this.#options.now());
        this.#continue();
      },
      failure: (id) => this.#failing.get(keyOf(id))?.message ?? null,
    };
  }

  start(): void {
    this.#options.lease.start();
  }

  /** Ends after the writes that are under way, and gives the Lease back. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#queue.clear();
    for (const { turn } of this.#desks.values()) await turn;
    await this.#options.lease.stop();
  }

  #continue(): void {
    clearTimeout(this.#timer);
    while (!this.#isStopped && this.#options.lease.isHeld) {
      const next = this.#queue.next(this.#options.now(), (key) => this.#isFree(key));
      if (next.kind === "wait") this.#timer = setTimeout(() => this.#continue(), next.ms);
      if (next.kind !== "turn") return;
      this.#begin(next.key);
    }
  }

  #isFree(key: string): boolean {
    const { desk, turn } = this.#at(key);
    return turn === null && desk.isReady();
  }

  #at(key: string): Member {
    const member = this.#desks.get(key.slice(0, key.indexOf(" ")));
    if (member === undefined) throw new Error(`BUG: no desk writes ${key}`);
    return member;
  }

  #begin(key: string): void {
    const member = this.#at(key);
    member.turn = this.#take(key, member.desk)
      .catch((error: unknown) => this.#failed(key, errorText(error), 0))
      .finally(() => {
        member.turn = null;
        this.#continue();
      });
  }

  async #take(key: string, desk: Desk): Promise<void> {
    const turn = await desk.plan(idOf(key));
    if (turn.kind !== "write") {
      this.#failing.delete(key);
      if (turn.kind === "blocked") return;
      if (turn.isGone) this.#queue.forget(key);
      else this.#queue.done(key, this.#options.now());
      return;
    }
    // Asked again: time has passed, and another may write now.
    if (!this.#options.lease.isHeld) return this.#queue.retry(key, this.#options.now());
    this.#queue.spend(key, this.#options.now());
    const sent = await turn.send();
    if (sent.kind === "failed") this.#failed(key, sent.message, sent.retryAfterSeconds);
    else this.#queue.again(key, this.#options.now());
  }

  #failed(key: string, reason: string, retryAfterSeconds: number): void {
    const before = this.#failing.get(key);
    const what = this.#at(key).desk.name;
    const askedSeconds = Math.min(retryAfterSeconds, MOST_WAIT_SECONDS);
    const message =
      askedSeconds > 0 ? `${reason} (not asked again for ${askedSeconds} s: Retry-After)` : reason;
    if (before?.reason !== reason)
      this.#options.log.warn({ service: idOf(key), message }, `its ${what} cannot be written now`);
    const failures = before?.failures ?? 0;
    this.#failing.set(key, { reason, message, failures: failures + 1 });
    const waitMs = Math.max(askedSeconds * 1_000, backoffMs(failures, BACKOFF, Math.random));
    this.#queue.retry(key, this.#options.now() + waitMs);
  }
}

function idOf(key: string): string {
  return key.slice(key.indexOf(" ") + 1);
}
