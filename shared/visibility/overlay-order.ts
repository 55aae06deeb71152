/** How the routes of a pair of clusters are switched on and off, in step. [OVL7] */
import type { PathOrder } from "../overlay/path-check.ts";

/**
 * What relays are to give Felix of a remote, so that both clusters come to have routes, and lose
 * them, in step. [OVL7]
 */
export interface OverlayOrder {
  /**
   * `prepare`: nodes and tunnels. `commit`: blocks too, which are the routes. `leave`: blocks go,
   * nodes and tunnels stay until the other cluster has none either.
   */
  readonly phase: OverlayPhase;
  /** Another with every order, also of a pair made anew; a relay that has obeyed names it. */
  readonly step: number;
  /** Of two remotes that claim one address or MAC the one with the lower number keeps it. */
  readonly since: number;
  /** The Mesh has heard that this cluster's relays have obeyed. */
  readonly acknowledged?: true;
  /** Packets that the nodes of both are to send each other. Absent: none. [OVL10] */
  readonly path?: PathOrder;
}

export type OverlayPhase = "prepare" | "commit" | "leave";

/** What a relay has done of an `OverlayOrder`. */
export interface OverlayReport {
  /** Of the order that it has obeyed. */
  readonly step: number;
  /** Tunnel endpoints and routes of the remote that Felix is given. */
  readonly vteps: number;
  readonly routes: number;
  /** Nodes and blocks that Felix is not given. */
  readonly withheld: number;
}

/** All relays of a cluster have obeyed an order, but those that are named. */
export interface ObeyedOrder {
  /** UID of the remote. */
  readonly origin: string;
  readonly step: number;
  readonly stragglers: readonly string[];
}
