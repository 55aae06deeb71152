/**
 * How well a remote that this relay reads itself is in sync, over time, by what its status says.
 * Pure. [DIR20]
 */
import type { ClusterHealth, HealthReason } from "../../shared/visibility/health.ts";
import { DEGRADED_AFTER_MS, LOST_AFTER_MS, stepTroubles } from "../../shared/webhooks/troubles.ts";
import type { SeenTrouble, TroubleMemory } from "../../shared/webhooks/troubles.ts";

/** What is to be seen of one remote now. */
export interface RemoteSight {
  readonly rcc: string;
  readonly connectionStatus: number;
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  }[];
  readonly notAdmitted: number;
  /** Records whose withdrawal is held. */
  readonly held: number;
}

type Reason = { readonly code: HealthReason["code"] | "NotInSync"; readonly message: string };
export type RemoteMemory = TroubleMemory<Reason>;
export const NOTHING_SEEN: RemoteMemory = { troubles: new Map(), lostMs: [] };

/** `remote_cluster_connection_status`. */
const [NO_CONTACT, IN_SYNC, REFUSED] = [0, 2, 5];
/** A watch that is opened anew is equal again sooner. */
const CONDITION_AFTER_MS = 5_000;

export interface JudgedRemote {
  readonly memory: RemoteMemory;
  /** `null`: not known yet. */
  readonly health: ClusterHealth | null;
  /** Its view has not been equal for a while; `null`: not known yet. */
  readonly isInSync: boolean | null;
}

/** @param nowMs Of a clock that only goes forward. */
export function judgeRemote(before: RemoteMemory, seen: RemoteSight, nowMs: number): JudgedRemote {
  const { memory } = stepTroubles(before, [...troublesOf(before, seen)], "RemoteLost", nowMs);
  const all = [...memory.troubles.values()];
  const told = all.filter(({ isTold }) => isTold).map(({ reason }) => reason);
  const reasons = told.flatMap(({ code, message }): HealthReason[] =>
    code === "NotInSync" ? [] : [{ code, message, rccs: [seen.rcc] }],
  );
  const lost = reasons.filter(({ code }) => code === "RemoteLost");
  const isOpen = all.some(({ isTold, reason }) => !isTold && reason.code !== "NotInSync");
  const isOut = told.some(({ code }) => code === "NotInSync");
  return {
    memory,
    health:
      reasons.length === 0 && isOpen
        ? null
        : {
            state: lost.length > 0 ? "lost" : reasons.length > 0 ? "degraded" : "ok",
            reasons: lost.length > 0 ? lost : reasons,
            quarantined: seen.notAdmitted,
            held: seen.held,
            notInSync: [],
          },
    isInSync: isOut ? false : memory.troubles.has("NotInSync") ? null : true,
  };
}

function* troublesOf(before: RemoteMemory, seen: RemoteSight): Generator<SeenTrouble<Reason>> {
  const { rcc, connectionStatus: status, conditions } = seen;
  const of = (type: string) => conditions.find((condition) => condition.type === type);
  const [configured, connected] = [of("Configured"), of("Connected")];
  if (seen.notAdmitted > 0) yield quarantined(seen);
  if (status !== IN_SYNC)
    yield {
      reason: { code: "NotInSync", message: "" },
      sinceMs: null,
      afterMs: CONDITION_AFTER_MS,
    };
  const isDown = status === NO_CONTACT || status === REFUSED;
  // It lists between two failures: that is no end of a loss.
  const isStillDown = before.troubles.has("RemoteLost") && connected?.status !== "True";
  const bad = [configured, connected, of("Complete")].find((one) => one?.status === "False");
  const why = bad === undefined || bad.message === "" ? "" : `: ${bad.message}`;
  if (isDown || isStillDown) {
    const message = `the datastore of ${rcc} is not followed, what it had is served${why}`;
    yield { reason: { code: "RemoteLost", message }, sinceMs: null, afterMs: LOST_AFTER_MS };
    return;
  }
  if (status !== IN_SYNC) {
    const message = `the view of ${rcc} does not equal what it has${why}`;
    yield { reason: { code: "EdgeLagging", message }, sinceMs: null, afterMs: DEGRADED_AFTER_MS };
  }
  if (configured?.status === "False") {
    const message = `the RCC ${rcc} cannot be followed as it is: ${configured.message}`;
    yield { reason: { code: "RemoteConfig", message }, sinceMs: null, afterMs: DEGRADED_AFTER_MS };
  }
}

/** As of a cluster of a mesh. [EVT14] */
function quarantined({ rcc, notAdmitted }: RemoteSight): SeenTrouble<Reason> {
  const records = notAdmitted === 1 ? "a record" : `${notAdmitted} records`;
  const message = `nobody sees ${records} of ${rcc}, which the admission refused: see \`catwalk relay status\``;
  return { reason: { code: "Quarantined", message }, sinceMs: null, afterMs: DEGRADED_AFTER_MS };
}
