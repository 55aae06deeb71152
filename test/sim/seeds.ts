/**
 * Ranges of seeds. A dimension that is added draws in a range of its own, so that every other seed
 * draws what it always drew.
 */
const FED = 1_000_000_000;
const [ROUTES, SERVICES] = [2_000_000_000, 3_000_000_000];
const [HUB_SERVICES, RANGES] = [3_500_000_000, 3_800_000_000];
/** Their seeds end before 2 ** 32, as `Rng` does. */
const [WATCHED, ROLLING] = [4_000_000_000, 4_100_000_000];

/** Clusters have pools inside their pools. */
const NESTED = 4_200_000_000;

const MOVES = 2_900_000_000;

/** Relays of the last place follow each other: two feed, two follow. */
export function drawsFeeders(seed: number): boolean {
  if (drawsServices(seed)) return seed % 3 === 0;
  return seed >= FED && seed < WATCHED && !drawsRoutes(seed);
}

/** Clusters of the run may have routes to each other. */
export function drawsRoutes(seed: number): boolean {
  return seed >= ROUTES && seed < SERVICES && !drawsFedMoves(seed);
}

/** A Felix goes from one relay of its cluster to another. */
export function drawsMoves(seed: number): boolean {
  return seed >= MOVES && seed < SERVICES;
}

/** The same, where relays of a cluster follow each other. */
export function drawsFedMoves(seed: number): boolean {
  return drawsMoves(seed) && seed % 2 === 0;
}

/** Runs of Services without a mesh: `services/run.ts`. */
export function drawsServicesAlone(seed: number): boolean {
  return seed > SERVICES && seed < HUB_SERVICES;
}

/** Clusters of the run show each other Services, and fill their own with them. */
export function drawsServices(seed: number): boolean {
  return seed >= HUB_SERVICES && seed < WATCHED;
}

/** The same, and ranges of a cluster are taken away and given. */
export function drawsRanges(seed: number): boolean {
  return seed > RANGES && seed < WATCHED;
}

/**
 * The Mesh is told of the health of clusters, which are suspended and resumed, go dark, and list
 * less than they have.
 */
export function drawsWatched(seed: number): boolean {
  return seed >= WATCHED && seed < NESTED;
}

/** The same, and nothing happens but rolling restarts of hub and relays. */
export function drawsRolling(seed: number): boolean {
  return seed >= ROLLING && seed < NESTED;
}

export function drawsNested(seed: number): boolean {
  return seed >= NESTED;
}
