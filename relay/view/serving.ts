/**
 * What of one remote is served: all that its view holds but what is the cluster's own, and the changes of that, for whoever serves it. Decides and counts; what is
 * held is elsewhere. [VIE9]
 */
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { HeldRecord, ViewChange } from "./channel-view.ts";

export interface ServedChange {
  readonly rcc: string;
  readonly op: "put" | "delete";
  readonly held: HeldRecord;
  /** The key was not served before. */
  readonly isNew: boolean;
}

/** Changes told at once when many come from disk. */
const BATCH = 1_000;

export interface ServingRules {
  /** Why a record is not to be served, or `null`. */
  refusal(record: CalicoRecord): string | null;
  tell(changes: readonly ServedChange[]): void;
}

export class Serving {
  readonly #rcc: string;
  readonly #rules: ServingRules;
  /** Keys that are held and not served, with the reason. */
  readonly refused = new Map<string, string>();
  #endpoints = 0;

  constructor(rcc: string, rules: ServingRules) {
    this.#rcc = rcc;
    this.#rules = rules;
  }

  /** Endpoints that are served. */
  get endpoints(): number {
    return this.#endpoints;
  }

  /** Of a key that is held. */
  serves(key: string): boolean {
    return !this.refused.has(key);
  }

  /** What has changed in the view. */
  take(changes: Iterable<ViewChange>): void {
    this.#tellAll(this.#decided(changes));
  }

  /** Over all that is held, when the rules have changed: only a changed decision is told. */
  decideAgain(records: Iterable<HeldRecord>): void {
    const changed: ViewChange[] = [];
    for (const held of records)
      if ((this.#rules.refusal(held.record) === null) === this.refused.has(held.key))
        changed.push({ op: "put", held, isNew: false });
    this.take(changed);
  }

  /** The same records, which are others to whoever serves them with labels: puts of what is there, and no deletion. */
  tellAgain(records: Iterable<HeldRecord>): void {
    this.#tellAll(this.#served("put", records));
  }

  /** All of it goes. */
  withdraw(records: Iterable<HeldRecord>): void {
    this.#tellAll(this.#served("delete", records));
  }

  *#served(op: "put" | "delete", records: Iterable<HeldRecord>): Generator<ServedChange> {
    for (const held of records)
      if (this.serves(held.key)) yield { rcc: this.#rcc, op, held, isNew: false };
  }

  *#decided(changes: Iterable<ViewChange>): Generator<ServedChange> {
    for (const change of changes) {
      const { op, held } = change;
      const wasServed = (op === "delete" || !change.isNew) && this.serves(held.key);
      const reason = op === "put" ? this.#rules.refusal(held.record) : null;
      const isServed = op === "put" && reason === null;
      if (reason === null) this.refused.delete(held.key);
      else this.refused.set(held.key, reason);
      if (held.record.kind.endsWith("Endpoint"))
        this.#endpoints += Number(isServed) - Number(wasServed);
      if (isServed) yield { rcc: this.#rcc, op: "put", held, isNew: !wasServed };
      else if (wasServed) yield { rcc: this.#rcc, op: "delete", held, isNew: false };
    }
  }

  #tellAll(changes: Iterable<ServedChange>): void {
    let told: ServedChange[] = [];
    for (const change of changes) {
      told.push(change);
      if (told.length < BATCH) continue;
      this.#rules.tell(told);
      told = [];
    }
    this.#rules.tell(told);
  }
}
