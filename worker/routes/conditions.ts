/**
 * Conditions of an edge, in the form of Kubernetes' `metav1.Condition`. Pure: what the registry
 * knows, and where its Origins were asked what they say. Each follows from the one before, and
 * `InSync` says of all why it is not. [API44] [API57]
 */
import type { Condition } from "../../shared/api/conditions.ts";
import type { EdgeStatus } from "../../shared/api/status.ts";
import type { RegistryEdge } from "../mesh/edge-facts.ts";
import { isoTime } from "./shown.ts";

/** What Origins say of an edge. */
export interface SeenEdge {
  readonly edge: Pick<EdgeStatus, "connection" | "reasons" | "reportedStatus">;
  /** Unix ms: when the health of either cluster changed last. */
  readonly healthMs: number;
}

/** `remote_cluster_connection_status` of a relay that has a connection, in sync or not. */
const CONNECTED = 2;

type Say = (
  type: Condition["type"],
  status: Condition["status"],
  reason: string,
  message: string,
  atMs: number,
) => Condition;

/** @param seen `null`: the Origins were not asked. */
export function conditionsOf(edge: RegistryEdge, seen: SeenEdge | null): Condition[] {
  const say: Say = (type, status, reason, message, atMs) => ({
    type,
    status,
    reason,
    message,
    observedGeneration: edge.generation,
    lastTransitionTime: isoTime(atMs),
  });
  const { overlay } = edge;
  const changedMs = Math.max(edge.rccMs ?? 0, edge.grantMs ?? 0);
  return [
    edge.rccMs === null
      ? say("Accepted", "False", "NoRcc", "no RCC of the reader names the origin", changedMs)
      : say("Accepted", "True", "Accepted", "the RCC names a member of the mesh", edge.rccMs),
    granted(edge, say, changedMs),
    ...(seen === null ? [] : seenConditions(edge, seen, say, changedMs)),
    ...(overlay === null
      ? []
      : [
          overlay.state === "Ready"
            ? say("OverlayReady", "True", "Ready", "relays of both route to the other", changedMs)
            : say("OverlayReady", "False", overlay.state, overlay.reason, changedMs),
        ]),
  ];
}

function granted(
  { grantMs, isSuspended, isVetoed }: RegistryEdge,
  say: Say,
  atMs: number,
): Condition {
  if (grantMs === null) {
    const message = "the origin has no grant for this cluster";
    return say("Granted", "False", "NoGrant", message, atMs);
  }
  if (isVetoed) {
    const message = "the export policy of the origin's owner names this cluster";
    return say("Granted", "False", "Vetoed", message, atMs);
  }
  return isSuspended
    ? say("Granted", "False", "Suspended", "one of the two is suspended", atMs)
    : say("Granted", "True", "Granted", "the origin lets this cluster see it", grantMs);
}

function seenConditions(
  { rccMs, grantMs, isSuspended, isVetoed }: RegistryEdge,
  { edge, healthMs }: SeenEdge,
  say: Say,
  changedMs: number,
): Condition[] {
  const isGranted = rccMs !== null && grantMs !== null && !isSuspended && !isVetoed;
  const { reportedStatus: reported } = edge;
  const isConnected = isGranted && reported !== null && reported >= CONNECTED && reported < 5;
  const [first] = edge.reasons;
  const atMs = Math.max(changedMs, healthMs);
  return [
    isConnected
      ? say("Connected", "True", "Connected", "the reading relays have a connection", atMs)
      : say(
          "Connected",
          reported === null && isGranted ? "Unknown" : "False",
          isGranted ? (reported === null ? "NoReport" : "Connecting") : "NotGranted",
          reported === null ? "no relay of the reader reports" : "the relay has no connection",
          atMs,
        ),
    edge.connection === "InSync"
      ? say("InSync", "True", "Equal", "the view equals the origin's log", atMs)
      : say(
          "InSync",
          edge.connection === "Unknown" ? "Unknown" : "False",
          first?.code ?? edge.connection,
          first?.message ?? "the view does not equal the origin's log",
          atMs,
        ),
  ];
}
