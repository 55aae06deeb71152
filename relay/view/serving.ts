/**
 * The served part of one remote: all that its view holds but what is the cluster's own, and the
 * changes of that, for whoever serves it. Decides and counts; what is held is elsewhere. [VIE9]
 */
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { HeldRecord, ViewChange } from "./held-records.ts";
import type { Served } from "./served.ts";

export interface ServedChange {
  readonly rcc: string;
  readonly op: "put" | "delete";
  readonly held: HeldRecord;
  /** The key was not served before. */
  readonly isNew: boolean;
}

type Withheld = Exclude<Served, { readonly kind: "all" }>;

/** Changes told at once when many come from disk. */
const BATCH = 1_000;

export interface ServingRules {
  /** The part of a record that is to be served. */
  served(record: CalicoRecord): Served;
  onServed(changes: readonly ServedChange[]): void;
}

export class Serving {
  readonly #rcc: string;
  readonly #rules: ServingRules;
  /** Keys that are held and not served, or not as a whole. */
  readonly #withheld = new Map<string, Withheld>();
  #endpoints = 0;

  constructor(rcc: string, rules: ServingRules) {
    this.#rcc = rcc;
    this.#rules = rules;
  }

  /** Endpoints that are served. */
  get endpoints(): number {
    return this.#endpoints;
  }

  /** Records that are not served, or not with all their addresses. */
  get refused(): number {
    return this.#withheld.size;
  }

  refusals(): { readonly key: string; readonly reason: string }[] {
    return [...this.#withheld].map(([key, { reason }]) => ({ key, reason }));
  }

  /** The part of a held record that is served; `null`: nothing. */
  shown(held: HeldRecord): HeldRecord | null {
    const withheld = this.#withheld.get(held.key);
    if (withheld === undefined) return held;
    return withheld.kind === "nothing" ? null : { ...held, record: withheld.record };
  }

  /** Serves changes of the view. */
  onChanges(changes: Iterable<ViewChange>): void {
    this.#emitInBatches(this.#decided(changes));
  }

  /** Over all that is held, when the rules have changed: only a changed decision is told. */
  decideAgain(records: Iterable<HeldRecord>): void {
    const changed: ViewChange[] = [];
    for (const held of records)
      if (!isSame(this.#rules.served(held.record), this.#withheld.get(held.key)))
        changed.push({ op: "put", held, isNew: false });
    this.onChanges(changed);
  }

  /**
   * The same records, which are others to whoever serves them with labels: puts of what is there,
   * and no deletion.
   */
  serveAgain(records: Iterable<HeldRecord>): void {
    this.#emitInBatches(this.#served("put", records));
  }

  /** All of it goes. */
  withdraw(records: Iterable<HeldRecord>): void {
    this.#emitInBatches(this.#served("delete", records));
  }

  *#served(op: "put" | "delete", records: Iterable<HeldRecord>): Generator<ServedChange> {
    for (const whole of records) {
      const held = this.shown(whole);
      if (held !== null) yield { rcc: this.#rcc, op, held, isNew: false };
    }
  }

  *#decided(changes: Iterable<ViewChange>): Generator<ServedChange> {
    for (const change of changes) {
      const { op, held } = change;
      const wasServed = (op === "delete" || !change.isNew) && this.shown(held) !== null;
      const served = op === "put" ? this.#rules.served(held.record) : null;
      if (served === null || served.kind === "all") this.#withheld.delete(held.key);
      else this.#withheld.set(held.key, served);
      const now = served === null ? null : this.shown(held);
      const { kind } = held.record;
      if (kind === "WorkloadEndpoint" || kind === "HostEndpoint")
        this.#endpoints += Number(now !== null) - Number(wasServed);
      if (now !== null) yield { rcc: this.#rcc, op: "put", held: now, isNew: !wasServed };
      else if (wasServed) yield { rcc: this.#rcc, op: "delete", held, isNew: false };
    }
  }

  #emitInBatches(changes: Iterable<ServedChange>): void {
    let told: ServedChange[] = [];
    for (const change of changes) {
      told.push(change);
      if (told.length < BATCH) continue;
      this.#rules.onServed(told);
      told = [];
    }
    this.#rules.onServed(told);
  }
}

function isSame(served: Served, before: Withheld | undefined): boolean {
  if (served.kind === "all" || before === undefined)
    return served.kind === "all" && before === undefined;
  if (served.kind === "nothing" || before.kind === "nothing") return served.kind === before.kind;
  return ipsOf(served.record) === ipsOf(before.record);
}

function ipsOf(record: CalicoRecord): string {
  return "ips" in record ? record.ips.join(" ") : "";
}

/** All that a view holds, as if it had just come. */
export function* putsOf(records: Iterable<HeldRecord>): Generator<ViewChange> {
  for (const held of records) yield { op: "put", held, isNew: true };
}
