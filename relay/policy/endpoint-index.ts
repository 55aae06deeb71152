/**
 * Endpoints by what their labels are, so that thousands of rules over a hundred thousand endpoints
 * are answered in a second: most rules ask for a label's value, and few endpoints have it.
 */
import type { LabelLookup, Selector } from "../../shared/selector/ast.ts";
import { matches } from "../../shared/selector/ast.ts";

export interface Labelled {
  readonly labels: LabelLookup;
}

export class EndpointIndex<T extends Labelled> {
  readonly #all: readonly T[];
  /** Label → value → those that have it, in order. Made when a rule first asks for the label. */
  readonly #byLabel = new Map<string, Map<string, T[]>>();

  constructor(all: readonly T[]) {
    this.#all = all;
  }

  /** In the order of the whole. */
  matching(selector: Selector): T[] {
    return this.#candidates(selector).filter(({ labels }) => matches(selector, labels));
  }

  /** The fewest that a conjunct leaves; all of them where none asks for one value of a label. */
  #candidates(selector: Selector): readonly T[] {
    if (selector.op === "==") return this.#values(selector.label).get(selector.value) ?? [];
    if (selector.op === "in" && selector.values.length === 1)
      return this.#values(selector.label).get(selector.values[0] ?? "") ?? [];
    if (selector.op !== "and") return this.#all;
    return selector.operands
      .map((operand) => this.#candidates(operand))
      .reduce((fewest, next) => (next.length < fewest.length ? next : fewest), this.#all);
  }

  #values(label: string): Map<string, T[]> {
    let values = this.#byLabel.get(label);
    if (values === undefined) {
      values = new Map();
      this.#byLabel.set(label, values);
      for (const one of this.#all) {
        const value = one.labels(label);
        if (value === undefined) continue;
        const having = values.get(value);
        if (having === undefined) values.set(value, [one]);
        else having.push(one);
      }
    }
    return values;
  }
}
