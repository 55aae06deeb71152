/**
 * A guarantee with a name. Its validator reads a history and says where it is broken; it knows
 * nothing of the code that made the history.
 */
import type { Moment } from "../history.ts";

export interface Violation {
  readonly atMs: number;
  readonly message: string;
}

export interface Validator {
  readonly name: string;
  /** @returns the first violation, or `null`. */
  validate(history: readonly Moment[]): Violation | null;
}
