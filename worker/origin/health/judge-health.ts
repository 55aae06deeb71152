/**
 * Judges the health of one cluster over time. Pure: what is to be seen now, and what was
 * remembered, give what is to be told, and when to look again. A trouble counts once it has lasted,
 * and is over once it has been gone for a while: the longer, the more often the cluster was lost.
 * [EVT1] [EVT2]
 */
import type { EdgeReport, SourceReport, TakenOver } from "../../../shared/visibility/facts.ts";
import type { ClusterHealth, HealthReason } from "../../../shared/visibility/health.ts";

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

interface Trouble {
  readonly sinceMs: number;
  /** When it was last over; `null`: it is not. */
  readonly goneMs: number | null;
  /** It has lasted long enough to be told. */
  readonly isTold: boolean;
}

export interface HealthMemory {
  /** By code. */
  readonly troubles: ReadonlyMap<HealthReason["code"], Trouble & { readonly reason: HealthReason }>;
  /** When the cluster was lost, within `FLAP_WINDOW_MS`. */
  readonly lostMs: readonly number[];
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

/** A relay that restarts, and one that takes over, is back sooner. */
export const LOST_AFTER_MS = 20_000;
/** A publisher that is silent while another relay of its cluster is heard: that one takes over. */
const TAKEOVER_MS = 45_000;
const DEGRADED_AFTER_MS = 30_000;
const OVER_AFTER_MS = 2_000;
const MOST_OVER_AFTER_MS = 60_000;
const FLAP_WINDOW_MS = 600_000;

/** A change that was late says nothing of later ones. */
const LAG_HOLDS_MS = 20_000;

/** `remote_cluster_connection_status` of a view that equals its log. */
const IN_SYNC = 2;
const RESYNC = 3;

interface Seen {
  readonly reason: HealthReason;
  /** When it began, as far as is known; `null`: now. */
  readonly sinceMs: number | null;
  readonly afterMs: number;
  /** When it is no longer to be seen, if nothing happens. */
  readonly untilMs?: number;
}

/** @param hasLasted What is seen has lasted for as long as it must, by another's word. */
export function judgeHealth(
  memory: HealthMemory,
  seen: Sighting,
  nowMs: number,
  hasLasted = false,
): Judged {
  const now = new Map(troublesOf(seen, nowMs).map((one) => [one.reason.code, one]));
  const lostMs = memory.lostMs.filter((atMs) => nowMs - atMs < FLAP_WINDOW_MS);
  const overAfterMs = Math.min(
    MOST_OVER_AFTER_MS,
    OVER_AFTER_MS * 2 ** Math.max(0, lostMs.length - 1),
  );
  const troubles = new Map<HealthReason["code"], Trouble & { readonly reason: HealthReason }>();
  let nextMs = Number.POSITIVE_INFINITY;
  for (const [code, { reason, sinceMs, afterMs, untilMs = nextMs }] of now) {
    nextMs = Math.min(nextMs, untilMs);
    const known = memory.troubles.get(code);
    const seenSince = Math.min(known?.sinceMs ?? nowMs, sinceMs ?? nowMs);
    const since = hasLasted ? nowMs - afterMs : seenSince;
    const isTold = known?.isTold === true || nowMs - since >= afterMs;
    if (!isTold) nextMs = Math.min(nextMs, since + afterMs);
    if (isTold && known?.isTold !== true && code === "RelayLost") lostMs.push(nowMs);
    troubles.set(code, { reason, sinceMs: since, goneMs: null, isTold });
  }
  for (const [code, known] of memory.troubles) {
    if (now.has(code) || !known.isTold) continue;
    const goneMs = known.goneMs ?? nowMs;
    if (nowMs - goneMs >= overAfterMs) continue;
    nextMs = Math.min(nextMs, goneMs + overAfterMs);
    troubles.set(code, { ...known, goneMs });
  }
  const health = healthOf(troubles, memory.hasJudged, seen);
  return {
    memory: { troubles, lostMs, hasJudged: memory.hasJudged || health !== null },
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
  const down = seen.edges.filter(({ connectionStatus: status }) => status < IN_SYNC);
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
