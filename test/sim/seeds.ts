/**
 * Ranges of seeds. A dimension that is added draws in a range of its own, so that every other seed
 * draws what it always drew.
 */
const [ROUTES, SERVICES] = [2_000_000_000, 3_000_000_000];

/** Clusters of the run may have routes to each other. */
export function drawsRoutes(seed: number): boolean {
  return seed >= ROUTES && seed < SERVICES;
}
