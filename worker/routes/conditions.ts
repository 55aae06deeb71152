/**
 * Conditions of an edge, in the form of Kubernetes' `metav1.Condition`. Pure over what status
 * knows: each follows from the one before, and `InSync` says of all why it is not. [API44]
 */
import type { Condition, EdgeStatus } from "../../shared/api/status.ts";

export interface EdgeFacts {
  readonly edge: Pick<EdgeStatus, "state" | "connection" | "reasons" | "reportedStatus">;
  readonly isSuspended: boolean;
  /** The owner of the origin keeps it from the reader. [EXP5] */
  readonly isVetoed: boolean;
  /** Of the reading cluster's facts. */
  readonly generation: number;
  /** Unix ms: when the RCC was made; when the health of either cluster changed last. */
  readonly rccMs: number;
  readonly healthMs: number;
}

/** `remote_cluster_connection_status` of a relay that has a connection, in sync or not. */
const CONNECTED = 2;

function whyNotGranted({
  isSuspended,
  isVetoed,
}: EdgeFacts): readonly [reason: string, message: string] {
  if (isSuspended) return ["Suspended", "one of the two is suspended"];
  if (isVetoed) return ["Vetoed", "the export policy of the origin's owner names this cluster"];
  return ["NoGrant", "the origin has no grant for this cluster"];
}

export function conditionsOf(facts: EdgeFacts): Condition[] {
  const { edge, generation, rccMs, healthMs } = facts;
  const of = (
    type: Condition["type"],
    status: Condition["status"],
    reason: string,
    message: string,
    atMs: number,
  ): Condition => ({
    type,
    status,
    reason,
    message,
    observedGeneration: generation,
    lastTransitionTime: new Date(atMs).toISOString(),
  });
  const isGranted = edge.state === "granted";
  const changedMs = Math.max(rccMs, healthMs);
  const { reportedStatus: reported } = edge;
  const isConnected = isGranted && reported !== null && reported >= CONNECTED;
  const isInSync = edge.connection === "InSync";
  const [first] = edge.reasons;
  return [
    of("Accepted", "True", "Accepted", "the RCC names a member of the mesh", rccMs),
    isGranted
      ? of("Granted", "True", "Granted", "the origin lets this cluster see it", rccMs)
      : of("Granted", "False", ...whyNotGranted(facts), rccMs),
    isConnected
      ? of("Connected", "True", "Connected", "the reading relays have a connection", changedMs)
      : of(
          "Connected",
          reported === null && isGranted ? "Unknown" : "False",
          isGranted ? (reported === null ? "NoReport" : "Connecting") : "NotGranted",
          reported === null ? "no relay of the reader reports" : "the relay has no connection",
          changedMs,
        ),
    isInSync
      ? of("InSync", "True", "Equal", "the view equals the origin's log", changedMs)
      : of(
          "InSync",
          edge.connection === "Unknown" ? "Unknown" : "False",
          first?.code ?? edge.connection,
          first?.message ?? "the view does not equal the origin's log",
          changedMs,
        ),
  ];
}
