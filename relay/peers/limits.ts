/** Bounds of the questions between relays; tests bring smaller ones. */
export interface PeerLimits {
  /**
   * Longest time without a byte of a connection, its dialling included, and the longest time to a
   * whole question.
   */
  readonly idleMs: number;
  /** All that is asked of all, and one answer. */
  readonly totalMs: number;
  /** Connections that a relay has of others at once; one more is closed. */
  readonly connections: number;
  /** Relays that follow this one, beside these connections; one more is closed. */
  readonly followers: number;
  /** Of the connections, askers that are sent files; one more is told to wait. */
  readonly transfers: number;
  /** To all of them together: a node that starts must not take the wire from the others. */
  readonly bytesPerSecond: number;
  /**
   * Relays that are asked, chosen at random: 100 nodes that start together ask each other 800
   * times, not 10,000.
   */
  readonly asked: number;
  /** Before somebody who was busy is asked again, half of it to one and a half. */
  readonly busyMs: number;
}

export const PEER_LIMITS: PeerLimits = {
  idleMs: 5_000,
  totalMs: 60_000,
  connections: 64,
  followers: 1_024,
  transfers: 4,
  bytesPerSecond: 64 * 1024 * 1024,
  asked: 8,
  busyMs: 500,
};
