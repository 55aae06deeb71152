/** Judges the health of one cluster over time, by its troubles. Pure. [EVT1] [EVT2] */
import type { EdgeReport, SourceReport, TakenOver } from "../../../shared/visibility/facts.ts";
import type { ClusterHealth, HealthReason } from "../../../shared/visibility/health.ts";
import {
  DEGRADED_AFTER_MS,
  LOST_AFTER_MS,
  stepTroubles,
} from "../../../shared/webhooks/troubles.ts";
import type { SeenTrouble, TroubleMemory } from "../../../shared/webhooks/troubles.ts";

/** What is to be seen of a cluster at one moment, by the hub's clock. */
export interface Sighting {
  readonly name: string;
  /** Last sign of the relay that publishes; `null`: none is connected. */
  readonly publisherSignMs: number | null;
  /** When the last one left, or this object began. */
  readonly leftMs: number;
  /** Last sign of a relay that could take over. */
  readonly standbySignMs: number | null;
  /** Whether the present publisher has reconciled every channel. */
  readonly isReconciled: boolean;
  readonly source: SourceReport | null;
  /** Of RCCs that are granted. */
  readonly edges: readonly Pick<EdgeReport, "rcc" | "connectionStatus" | "lag">[];
  readonly quarantined: number;
  readonly held: number;
  readonly takenOver: TakenOver | null;
}

export interface HealthMemory extends TroubleMemory<HealthReason> {
  /** Something was told since this object began. */
  readonly hasJudged: boolean;
}

export interface Judged {
  readonly memory: HealthMemory;
  /** `null`: not known yet, as after a start of the hub. */
  readonly health: ClusterHealth | null;
  /** Unix ms at which time alone changes something; `null`: never. */
  readonly nextMs: number | null;
}

export const NOTHING_REMEMBERED: HealthMemory = {
  troubles: new Map(),
  lostMs: [],
  hasJudged: false,
};

/** A publisher that is silent while another relay of its cluster is heard: that one takes over. */
const TAKEOVER_MS = 45_000;
/** A change that was late says nothing of later ones. */
const LAG_HOLDS_MS = 20_000;

/** `remote_cluster_connection_status` of a view that equals its log. */
const IN_SYNC = 2;
const RESYNC = 3;
/** Of a granted edge only where its relay reads it itself: its RCC lacks a field. */
const REFUSED = 5;

type Seen = SeenTrouble<HealthReason>;

/** @param hasLasted What is seen has lasted for as long as it must, by another's word. */
export function judgeHealth(
  memory: HealthMemory,
  seen: Sighting,
  nowMs: number,
  hasLasted = false,
): Judged {
  const now = troublesOf(seen, nowMs);
  const { memory: stepped, nextMs } = stepTroubles(memory, now, "RelayLost", nowMs, hasLasted);
  const health = healthOf(stepped.troubles, memory.hasJudged, seen);
  return {
    memory: { ...stepped, hasJudged: memory.hasJudged || health !== null },
    health,
    nextMs: Number.isFinite(nextMs) ? nextMs : null,
  };
}

function healthOf(
  troubles: HealthMemory["troubles"],
  hasJudged: boolean,
  { edges, quarantined, held, takenOver }: Sighting,
): ClusterHealth | null {
  const told = [...troubles.values()].filter(({ isTold }) => isTold);
  // What an object that began just now sees may have lasted long: it was told, and is not over.
  const isOpen = [...troubles.values()].some(
    ({ isTold, reason }) => !isTold && (!hasJudged || ABSENT.has(reason.code)),
  );
  if (told.length === 0 && isOpen) return null;
  const reasons = told.map(({ reason }) => reason);
  const isLost = reasons.some(({ code }) => code === "RelayLost");
  return {
    state: isLost ? "lost" : reasons.length > 0 ? "degraded" : "ok",
    // A cluster that is lost has no other troubles worth telling.
    reasons: isLost ? reasons.filter(({ code }) => code === "RelayLost") : reasons,
    quarantined,
    held,
    notInSync: isLost
      ? []
      : edges.filter(({ connectionStatus }) => connectionStatus !== IN_SYNC).map(({ rcc }) => rcc),
    ...(takenOver === null ? {} : { takenOver }),
  };
}

/** Until it is known whether they last, nothing is known of the cluster. */
const ABSENT: ReadonlySet<HealthReason["code"]> = new Set(["RelayLost", "NotReconciled"]);

function troublesOf(seen: Sighting, nowMs: number): Seen[] {
  const { name, publisherSignMs: signMs, standbySignMs, leftMs } = seen;
  const of = (
    code: HealthReason["code"],
    message: string,
    rccs: readonly string[] = [],
  ): HealthReason => ({ code, message, rccs });
  const isStoodBy = standbySignMs !== null && nowMs - standbySignMs < LOST_AFTER_MS;
  const afterMs = isStoodBy ? TAKEOVER_MS : LOST_AFTER_MS;
  if (signMs === null || nowMs - signMs >= afterMs) {
    const reason = of("RelayLost", `no relay of ${name} is heard: what it had is served`);
    // fault: restart-is-loss
    return [{ reason, sinceMs: signMs ?? leftMs, afterMs }, ...quarantineOf(seen)];
  }
  const troubles: Seen[] = [];
  const add = (reason: HealthReason): void =>
    void troubles.push({ reason, sinceMs: null, afterMs: DEGRADED_AFTER_MS });
  if (!seen.isReconciled)
    add(of("NotReconciled", `the relay of ${name} has not told all that its cluster has`));
  const { source } = seen;
  if (source !== null && (source.state === "failing" || source.state === "absent"))
    add(of("SourceFailing", `the relay of ${name} cannot follow its cluster`));
  const down = seen.edges.filter(
    ({ connectionStatus: status }) => status < IN_SYNC || status === REFUSED,
  );
  const late = seen.edges.filter(({ connectionStatus: status }) => status === RESYNC);
  if (down.length > 0)
    add(
      of(
        "EdgeDown",
        `relays of ${name} have no connection to what they watch`,
        down.map(({ rcc }) => rcc),
      ),
    );
  if (late.length > 0)
    add(
      of(
        "EdgeLagging",
        `views of ${name} do not equal what they watch`,
        late.map(({ rcc }) => rcc),
      ),
    );
  return [...troubles, ...lateEdges(seen, nowMs), ...quarantineOf(seen)];
}

/** Views that equal what they watch, as far as it came: it comes late. [EVT15] */
function lateEdges({ name, edges }: Sighting, nowMs: number): Seen[] {
  const late = edges.flatMap(({ rcc, lag }) =>
    lag !== undefined && nowMs < lag.atMs + LAG_HOLDS_MS ? [{ rcc, ...lag }] : [],
  );
  if (late.length === 0) return [];
  const seconds = Math.round(Math.max(...late.map(({ ms }) => ms)) / 1000);
  const reason: HealthReason = {
    code: "EdgeLate",
    message: `changes reach the views of ${name} after ${seconds} s`,
    rccs: late.map(({ rcc }) => rcc),
  };
  const untilMs = Math.max(...late.map(({ atMs }) => atMs)) + LAG_HOLDS_MS;
  return [{ reason, sinceMs: null, afterMs: DEGRADED_AFTER_MS, untilMs }];
}

/** Known without a relay: what is refused stands in the Origin's own storage. [EVT14] */
function quarantineOf({ name, quarantined }: Sighting): Seen[] {
  if (quarantined === 0) return [];
  const records = quarantined === 1 ? "a record" : `${quarantined} records`;
  const message = `nobody sees ${records} of ${name}, which its admission refused: see \`catwalk quarantine list --cluster ${name}\``;
  const reason: HealthReason = { code: "Quarantined", message, rccs: [] };
  return [{ reason, sinceMs: null, afterMs: DEGRADED_AFTER_MS }];
}
