/**
 * Counts of a cluster's records that stay published when some go. Looks at every record, so it is
 * asked only when a deletion was inferred.
 */
import { toId } from "../../../shared/lib/bytes.ts";
import type { EncodedRecord } from "../../../shared/record/encoding.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import type { LocalState } from "../local-state.ts";
import { collectionOf, identityOf } from "./collections.ts";
import type { CollectionName } from "./collections.ts";
import { placesOf } from "./held-keys.ts";

export interface Left {
  count(collection: CollectionName): number;
  /** Objects and addresses, as `placesOf` names them. */
  places(): ReadonlySet<string>;
}

/**
 * @param gone Records that go.
 * @param puts Records that come at the same time.
 * @param isHeld These do not count: their objects are missing.
 */
export function leftBy(
  local: LocalState,
  gone: readonly EncodedRecord[],
  puts: readonly CalicoRecord[],
  isHeld: (keyHash: Uint8Array) => boolean,
): Left {
  const isGone = new Set(gone.map(({ keyHash }) => toId(keyHash)));
  const stays = (): CalicoRecord[] => [
    ...[...local.records()]
      .filter(({ keyHash }) => !isGone.has(toId(keyHash)) && !isHeld(keyHash))
      .map(({ record }) => record),
    ...puts,
  ];
  let counts: Map<CollectionName, number> | null = null;
  let places: Set<string> | null = null;
  return {
    count: (collection) => {
      counts ??= countOf(stays());
      return counts.get(collection) ?? 0;
    },
    places: () => (places ??= new Set(stays().flatMap((record) => placesOf(identityOf(record))))),
  };
}

function countOf(records: readonly CalicoRecord[]): Map<CollectionName, number> {
  const counts = new Map<CollectionName, number>();
  for (const record of records) {
    const collection = collectionOf(record);
    counts.set(collection, (counts.get(collection) ?? 0) + 1);
  }
  return counts;
}

/**
 * Which of these profiles an endpoint names that is published.
 * @param names Profile → its key. @param without Keys of endpoints that do not count.
 * @returns Keys of profiles.
 */
export function namedProfiles(
  local: LocalState,
  names: ReadonlyMap<string, string>,
  without: ReadonlySet<string>,
): ReadonlySet<string> {
  const named = new Set<string>();
  if (names.size === 0) return named;
  for (const { record, key } of local.records())
    if ("profiles" in record && !without.has(key))
      for (const profile of record.profiles) {
        const found = names.get(profile);
        if (found !== undefined) named.add(found);
      }
  return named;
}
