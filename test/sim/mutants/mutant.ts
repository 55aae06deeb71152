/** A planted bug: the product is changed while it is loaded, where a comment names a fault. */

/**
 * The change of the statement behind a line `// fault: LABEL`. In `value` and `condition` a `$`
 * stands for the expression that was there.
 */
export type Fault =
  /** The statement is left out. */
  | { readonly kind: "skip" }
  /** The condition of an `if`. */
  | { readonly kind: "condition"; readonly is: string }
  /** The value that is assigned or returned. */
  | { readonly kind: "value"; readonly is: string }
  /** Another statement in its place. */
  | { readonly kind: "instead"; readonly do: string }
  /** Another statement before it. */
  | { readonly kind: "before"; readonly do: string };

export interface Mutant {
  readonly name: string;
  /** The bug in words. */
  readonly bug: string;
  /** The guarantees that it breaks: one of these validators finds it. */
  readonly validators: readonly string[];
  /** The changes, by the label of the statement. */
  readonly faults: Readonly<Record<string, Fault>>;
  /** First seed that is looked at; 1 where it is not named. */
  readonly from?: number;
  /** Limits of the run, by their name in `worker/origin/budgets/limits.ts`. */
  readonly budgets?: Readonly<Record<string, number>>;
}
