/** One relay of an Origin's own cluster, as its socket is known. */
import type { OverlaySummary } from "../../../shared/overlay/summary.ts";
import type { ClusterReport, EdgeReport } from "../../../shared/visibility/facts.ts";
import type { Peer, SocketId } from "../peer.ts";

export interface ClusterRelay {
  readonly peer: Peer;
  /**
   * Which start of a relay it is, by its own word. Terms do not say: a hub that was put back hands
   * them out again.
   */
  readonly candidate: string | null;
  /** What it calls itself, for people. */
  readonly software: string;
  /** Protocol version. */
  readonly version: number;
  readonly sinceMs: number;
  edges: readonly EdgeReport[];
  report: ClusterReport | null;
  /** What it said last for routes, which it says again only when that has changed. */
  overlay: OverlaySummary | null;
}

/** The relay that publishes next. */
export type NextPublisher = Pick<ClusterRelay, "peer" | "version" | "candidate" | "software"> & {
  readonly socket: SocketId;
};

const NAME_CHARS = 48;

/** A relay's word for itself, as it may stand in a sentence. */
export function relayName(software: string): string {
  const printable = software.replaceAll(/[^\x20-\x7e]/g, "").slice(0, NAME_CHARS);
  return printable === "" ? "another relay" : printable;
}
