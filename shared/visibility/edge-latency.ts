/** How long changes take on an edge, and how the reader's relays hold it. [API55] [API56] */

/** Minutes over which latency is told. */
export const LATENCY_MINUTES = [1, 5, 60] as const;

/** From the source's watch event until the record is applied in the reading relay. */
export interface EdgeLatency {
  /** Unix ms by the hub's clock, to which the windows reach. */
  readonly atMs: number;
  /** By how much the reader's reading of the hub's clock may be wrong. */
  readonly errorMs: number;
  /** One for each of `LATENCY_MINUTES`: frames, and their p50 and p99 in ms. */
  readonly windows: readonly LatencyWindow[];
}
export type LatencyWindow = readonly [count: number, p50Ms: number, p99Ms: number];

/** An edge whose newest change took longer is late: at rest it takes some 10 ms. [EVT15] */
export const LAG_MS = 10_000;

/** The newest change of an edge that is late. */
export interface EdgeLag {
  /** Unix ms by the hub's clock, at which it was applied. */
  readonly atMs: number;
  /** How long it took, without what the reader's reading of the hub's clock may be wrong. */
  readonly ms: number;
}

/** How the relays of a cluster hold one edge. */
export interface EdgeRelays {
  readonly rcc: string;
  readonly count: number;
  readonly lowestRevision: number;
  /** Not in sync, or behind another one. */
  readonly lagging: number;
  /** What some of those call themselves. */
  readonly names: readonly string[];
}
