/** All planted bugs. Each is found by one of the validators that it names. */
import type { Mutant } from "./mutant.ts";

export const MUTANTS: readonly Mutant[] = [];
