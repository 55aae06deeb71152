/**
 * A planted bug: one text of the product, there exactly once, replaced by another while it is
 * loaded.
 */
export interface Replacement {
  /** From the project's root. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Mutant {
  readonly name: string;
  /** What is wrong then. */
  readonly bug: string;
  /** The guarantee that it breaks: one of these validators finds it. */
  readonly validators: readonly string[];
  readonly replacements: readonly Replacement[];
}
