/**
 * What an edge is: three statements together. The origin still follows its own cluster, the
 * reader's view equals the origin's log, and what the origin has is admitted and served. InSync
 * means all of them; each that fails is named. [API9] Pure over what the Origins report.
 */
import { CONNECTION_WORDS } from "../../shared/visibility/connection-words.ts";
import type { EdgeReport } from "../../shared/visibility/facts.ts";
import type { OriginStatus } from "../../shared/visibility/origin-status.ts";
import type { MemberRcc } from "../mesh/rccs.ts";

/**
 * Why an edge is not in sync, or why it shows less than there is. `code` is for programs and stays.
 */
export interface EdgeReason {
  readonly code:
    | "OriginUnknown"
    | "OriginAway"
    | "SourceListing"
    | "SourceFailing"
    | "SourceAbsent"
    | "Quarantined"
    | "Refused"
    | "OverReaderLimit";
  readonly message: string;
}

export interface EdgeState {
  readonly connection: (typeof CONNECTION_WORDS)[number] | "NotGranted" | "Unknown";
  /** Calico's value; `null` when the reading relay has not reported. */
  readonly connectionStatus: number | null;
  readonly reasons: readonly EdgeReason[];
}

/**
 * `remote_cluster_connection_status` of a view that is equal to its log, and of one that is not.
 */
const IN_SYNC = 2;
const RESYNC = 3;

/**
 * @param report Of the reading relay, while it is connected; else `null`.
 * @param origin `null` when the Origin did not answer.
 * @param nowMs On the hub's clock.
 */
export function edgeState(
  isGranted: boolean,
  report: EdgeReport | null,
  origin: OriginStatus | null,
  nowMs: number,
): EdgeState {
  const reported = report?.connectionStatus ?? null;
  if (!isGranted) return { connection: "NotGranted", connectionStatus: reported, reasons: [] };
  if (report === null || reported === null)
    return { connection: "Unknown", connectionStatus: null, reasons: [] };
  const reasons = [...originReasons(origin, nowMs), ...contentReasons(report, origin)];
  const connectionStatus = reported === IN_SYNC && reasons.length > 0 ? RESYNC : reported;
  return { connection: CONNECTION_WORDS[connectionStatus] ?? "Unknown", connectionStatus, reasons };
}

/** What the Origins of both say of an RCC's edge; see `edgeState`. */
export function seenBy(
  rcc: Pick<MemberRcc, "row" | "remote" | "state">,
  reader: OriginStatus | null,
  origin: OriginStatus | null,
  nowMs: number,
): EdgeState & { readonly report: EdgeReport | null } {
  const report =
    reader?.edges.find((edge) => edge.rcc === rcc.row.name && edge.origin.uid === rcc.remote.uid) ??
    null;
  const isLive = reader?.publisher === "connected";
  const isGranted = rcc.state === "granted";
  return { ...edgeState(isGranted, isLive ? report : null, origin, nowMs), report };
}

function originReasons(origin: OriginStatus | null, nowMs: number): EdgeReason[] {
  if (origin === null)
    return [{ code: "OriginUnknown", message: "the hub cannot say what the origin is doing" }];
  const { name } = origin.cluster;
  if (origin.publisher === "absent") {
    const seconds = Math.max(0, Math.round((nowMs - origin.lastSeenMs) / 1000));
    return [
      {
        code: "OriginAway",
        message: `no relay of ${name} has been connected for ${seconds} s: what it had then is served`,
      },
    ];
  }
  const source = origin.report?.source;
  if (source === undefined || source.state === "following") return [];
  const code = SOURCE_CODES[source.state];
  const reason = source.reason === "" ? "" : `: ${source.reason}`;
  return [{ code, message: `the relay of ${name} ${SOURCE_WORDS[source.state]}${reason}` }];
}

const SOURCE_CODES = {
  listing: "SourceListing",
  failing: "SourceFailing",
  absent: "SourceAbsent",
} as const;
const SOURCE_WORDS = {
  listing: "has not listed its cluster yet",
  failing: "cannot follow its cluster",
  absent: "finds nothing to read",
} as const;

/**
 * Where so much is missing that "in sync" would hide it: as many endpoints as there are, or more.
 */
function contentReasons(report: EdgeReport, origin: OriginStatus | null): EdgeReason[] {
  const reasons: EdgeReason[] = [];
  const quarantined = origin?.quarantinedEndpoints ?? 0;
  if (quarantined > 0 && quarantined >= report.endpoints)
    reasons.push({
      code: "Quarantined",
      message: `${quarantined} endpoints of ${origin?.cluster.name} are in quarantine, ${report.endpoints} are seen: see \`catwalk quarantine list\``,
    });
  if (report.refused > 0 && report.refused >= report.endpoints)
    reasons.push({
      code: "Refused",
      message: `the reader's relay refuses ${report.refused} records: see its \`/status\``,
    });
  if (report.overLimit !== undefined)
    reasons.push({
      code: "OverReaderLimit",
      message: `the reader's relay takes no more of ${report.origin.name}: ${report.overLimit}`,
    });
  return reasons;
}
