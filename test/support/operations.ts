/** All operations of the admin API. */
import * as clusters from "../../shared/api/clusters.ts";
import * as events from "../../shared/api/events.ts";
import * as exchange from "../../shared/api/exchange.ts";
import * as grants from "../../shared/api/grants.ts";
import * as join from "../../shared/api/join.ts";
import * as meshes from "../../shared/api/meshes.ts";
import type { Operation } from "../../shared/api/operation.ts";
import * as own from "../../shared/api/own.ts";
import * as pathChecks from "../../shared/api/path-checks.ts";
import * as preflight from "../../shared/api/preflight.ts";
import * as rccs from "../../shared/api/rccs.ts";
import * as status from "../../shared/api/status.ts";
import * as tokens from "../../shared/api/tokens.ts";
import * as version from "../../shared/api/version.ts";
import * as view from "../../shared/api/view.ts";
import * as webhooks from "../../shared/api/webhooks.ts";
import * as withdrawals from "../../shared/api/withdrawals.ts";

export const OPERATIONS: readonly Operation[] = [
  clusters,
  events,
  exchange,
  grants,
  join,
  meshes,
  own,
  pathChecks,
  preflight,
  rccs,
  status,
  tokens,
  version,
  view,
  webhooks,
  withdrawals,
].flatMap((module) =>
  Object.values(module).filter(
    (value): value is Operation => typeof value === "object" && "successes" in value,
  ),
);
