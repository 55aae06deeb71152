/** What a relay says of a source in its status. */
import { summarise } from "./source-health.ts";
import type { SourceHealth, SourceState } from "./source-health.ts";
import type { SourceProblem } from "./source.ts";

export interface SourceStatus {
  /** The worst of its collections. [SRC88] */
  readonly state: SourceState;
  readonly reason: string;
  /** ISO 8601; `null`: not known yet. */
  readonly since: string | null;
  readonly collections: readonly {
    readonly name: string;
    readonly state: SourceState;
    readonly objects: number;
    readonly reason: string;
    readonly since: string;
  }[];
  readonly listed: boolean;
  readonly records: number;
  readonly problems: readonly SourceProblem[];
  /** CIDRs of pools that are not the cluster's own, and so are not published. [SRC22] */
  readonly poolsNotOwn: readonly string[];
}

/** Times of its health as RFC 3339. */
export function sourceStatus(
  health: SourceHealth,
): Pick<SourceStatus, "state" | "reason" | "since" | "collections"> {
  const { state, reason, sinceMs } = summarise(health);
  return {
    state,
    reason,
    since: sinceMs === 0 ? null : new Date(sinceMs).toISOString(),
    collections: health.collections.map(({ sinceMs: ms, ...rest }) => ({
      ...rest,
      since: new Date(ms).toISOString(),
    })),
  };
}
