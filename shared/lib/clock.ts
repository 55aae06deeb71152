/** Time and randomness are parameters, so that a seed replays a run. */
export interface Clock {
  /** Unix milliseconds. Never compared with another machine's clock. */
  now(): number;
}

/** Uniform in [0, 1). */
export type Random = () => number;
