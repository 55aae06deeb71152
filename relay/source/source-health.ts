/**
 * How well a source follows its cluster, as one small value: what a relay tells its operator and
 * may tell the hub. Pure; `health-watch.ts` reads the clock. [SRC88]
 */

/** `absent`: there is no such collection (its CRD is not installed), or no such folder. */
export type SourceState = "following" | "listing" | "failing" | "absent";

/** The state of one collection, as its source knows it now. */
export interface CollectionReading {
  /** `pods`, `ippools (Calico)`, a folder, `typha HOST:PORT`. */
  readonly name: string;
  readonly state: SourceState;
  /** Live objects that are known. */
  readonly objects: number;
  /** Why it fails or is absent, in words; else empty. */
  readonly reason: string;
  /** Kind of its objects, where the account may not list them. [DIR14] */
  readonly forbiddenKind?: string;
}

export interface CollectionHealth extends CollectionReading {
  /** When this state began: the relay's wall clock, ms since 1970. */
  readonly sinceMs: number;
}

export interface SourceHealth {
  readonly collections: readonly CollectionHealth[];
}

export interface SourceSummary {
  readonly state: SourceState;
  /** Empty where all is well; at most 300 characters. */
  readonly reason: string;
  /** When this began: the relay's wall clock, ms since 1970. */
  readonly sinceMs: number;
}

const MAX_REASON = 300;

/**
 * The worst of it: one collection that fails makes the source fail; one that is absent is an empty
 * one, unless all are.
 */
export function summarise({ collections }: SourceHealth): SourceSummary {
  const of = (state: SourceState): readonly CollectionHealth[] =>
    collections.filter((collection) => collection.state === state);
  const [failing, absent, listing] = [of("failing"), of("absent"), of("listing")];
  if (failing.length > 0) return summary("failing", reasonsOf(failing), oldest(failing));
  if (absent.length > 0 && absent.length === collections.length)
    return summary("absent", reasonsOf(absent), oldest(absent));
  if (listing.length > 0 || collections.length === 0)
    return summary("listing", "", oldest(listing));
  const following = of("following");
  // All are there since the last one is.
  return summary("following", "", Math.max(...following.map(({ sinceMs }) => sinceMs)));
}

/**
 * The worst of what may be read, or of all where nothing may: what the account may not list is as
 * if it were not there, as long as nothing of it is known. [DIR14]
 */
export function summariseReadable({ collections }: SourceHealth): SourceSummary {
  const read = collections.filter((one) => one.forbiddenKind === undefined || one.objects > 0);
  return summarise({ collections: read.length === 0 ? collections : read });
}

function summary(state: SourceState, reason: string, sinceMs: number): SourceSummary {
  const isLong = reason.length > MAX_REASON;
  return { state, reason: isLong ? `${reason.slice(0, MAX_REASON - 1)}…` : reason, sinceMs };
}

function oldest(collections: readonly CollectionHealth[]): number {
  return collections.length === 0 ? 0 : Math.min(...collections.map(({ sinceMs }) => sinceMs));
}

/** `pods, nodes: 403 …; ippools (Calico): …`: each reason once. */
function reasonsOf(collections: readonly CollectionHealth[]): string {
  return byReason(collections)
    .map(([reason, names]) => `${names.join(", ")}: ${reason}`)
    .join("; ");
}

function byReason(
  collections: readonly CollectionHealth[],
): readonly (readonly [string, readonly string[]])[] {
  const names = new Map<string, string[]>();
  for (const { reason, name } of collections)
    names.set(reason, [...(names.get(reason) ?? []), name]);
  return [...names];
}

/** A line for the log. */
export interface HealthNews {
  readonly kind: "failing" | "absent" | "over";
  readonly names: readonly string[];
  readonly reason: string;
  /** When it began; of `over`, what is over. */
  readonly sinceMs: number;
}

export interface Tracked {
  readonly health: SourceHealth;
  /** By collection: what was told last of it, and when. */
  readonly told: ReadonlyMap<string, { readonly reason: string; readonly atMs: number }>;
}

export const UNTRACKED: Tracked = { health: { collections: [] }, told: new Map() };

/** A reason that changes while the trouble lasts is told again, at most so often. */
const TELL_AGAIN_MS = 60_000;

/**
 * Once when trouble begins, when its reason changes, and when it is over; collections with one
 * reason together.
 */
export function stepHealth(
  before: Tracked,
  readings: readonly CollectionReading[],
  nowMs: number,
): { readonly after: Tracked; readonly news: readonly HealthNews[] } {
  const known = new Map(before.health.collections.map((one) => [one.name, one]));
  const collections = readings.map((reading): CollectionHealth => {
    const last = known.get(reading.name);
    return { ...reading, sinceMs: last?.state === reading.state ? last.sinceMs : nowMs };
  });
  const told = new Map(before.told);
  const begun: CollectionHealth[] = [];
  const over: CollectionHealth[] = [];
  for (const collection of collections) {
    const last = before.told.get(collection.name);
    const isTrouble = collection.state === "failing" || collection.state === "absent";
    if (!isTrouble) {
      // A list that is under way may fail as the one before.
      if (last !== undefined && collection.state === "following") {
        told.delete(collection.name);
        over.push(known.get(collection.name) ?? collection);
      }
    } else if (
      last === undefined ||
      (last.reason !== collection.reason && nowMs - last.atMs >= TELL_AGAIN_MS)
    ) {
      told.set(collection.name, { reason: collection.reason, atMs: nowMs });
      begun.push(collection);
    }
  }
  return {
    after: { health: { collections }, told },
    news: [
      ...(["failing", "absent"] as const).flatMap((kind) =>
        newsOf(
          kind,
          begun.filter(({ state }) => state === kind),
        ),
      ),
      ...(over.length === 0
        ? []
        : [{ kind: "over" as const, names: over.map(nameOf), reason: "", sinceMs: oldest(over) }]),
    ],
  };
}

function newsOf(
  kind: "failing" | "absent",
  collections: readonly CollectionHealth[],
): readonly HealthNews[] {
  return byReason(collections).map(([reason, names]) => ({
    kind,
    names,
    reason,
    sinceMs: oldest(collections.filter((collection) => collection.reason === reason)),
  }));
}

function nameOf({ name }: CollectionHealth): string {
  return name;
}
