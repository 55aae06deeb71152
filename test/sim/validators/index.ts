import { converged, noGhosts } from "./converged.ts";
import { felixLives } from "./felix-lives.ts";
import { lossTold } from "./loss-told.ts";
import { neverBehind } from "./never-behind.ts";
import { neverInSyncEarly } from "./never-in-sync-early.ts";
import { neverThrows } from "./never-throws.ts";
import { noAmnesia } from "./no-amnesia.ts";
import { noEmptyWindow } from "./no-empty-window.ts";
import { noFlagFlip } from "./no-flag-flip.ts";
import { noForeignEndpoint } from "./no-foreign-endpoint.ts";
import { noLeak } from "./no-leak.ts";
import { noNatWindow } from "./no-nat-window.ts";
import { noRouteWithoutBoth } from "./no-route-without-both.ts";
import { ordered } from "./ordered.ts";
import { reliable } from "./reliable.ts";
import { resumable } from "./resumable.ts";
import { statusTruthful } from "./status-truthful.ts";
import { suspendedSilent } from "./suspended-silent.ts";
import { unique } from "./unique.ts";
import type { Validator } from "./validator.ts";

/** In the order in which they are asked: the first that is broken names the failure. */
export const VALIDATORS: readonly Validator[] = [
  neverThrows,
  noLeak,
  suspendedSilent,
  reliable,
  resumable,
  ordered,
  unique,
  neverInSyncEarly,
  neverBehind,
  noAmnesia,
  noRouteWithoutBoth,
  noNatWindow,
  noFlagFlip,
  felixLives,
  noForeignEndpoint,
  noEmptyWindow,
  noGhosts,
  converged,
  statusTruthful,
  lossTold,
];
