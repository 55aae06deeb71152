import { converged, noGhosts } from "./converged.ts";
import { neverThrows } from "./never-throws.ts";
import { noAmnesia } from "./no-amnesia.ts";
import { noLeak } from "./no-leak.ts";
import type { Validator } from "./validator.ts";

/** In the order in which they are asked: the first that is broken names the failure. */
export const VALIDATORS: readonly Validator[] = [
  neverThrows,
  noLeak,
  noAmnesia,
  noGhosts,
  converged,
];
