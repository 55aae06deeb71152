/**
 * Answers of the withdrawal guard: changes that are obeyed now, and holds with their end. [PUB3]
 */
import { channelOf } from "../../../shared/record/channel.ts";
import type { EncodedChange, EncodedRecord } from "../../../shared/record/encoding.ts";
import type { RecordDeletion } from "../../../shared/record/record.ts";
import { collectionOf, identityOf } from "./collections.ts";
import type { CollectionName } from "./collections.ts";
import type { HeldKey } from "./held-keys.ts";

/** Of one collection. */
export interface Hold {
  readonly collection: CollectionName;
  readonly sinceMs: number;
  /**
   * When it ends by itself; `null`: an operator has rejected the withdrawal, so it stays until what
   * is held comes back.
   */
  readonly untilMs: number | null;
}

export interface Obeyed {
  readonly changes: readonly EncodedChange[];
  /** Keys of an earlier process, of which this one has the hash only. */
  readonly withdrawn: readonly HeldKey[];
}

export function heldOf({ record, keyHash, key }: EncodedRecord): HeldKey {
  return {
    channel: channelOf(record.kind),
    keyHash,
    key,
    collection: collectionOf(record),
    ...identityOf(record),
  };
}

export function asObeyed(keys: readonly HeldKey[]): Obeyed {
  return {
    changes: keys.flatMap(({ key }) => (key === null ? [] : [inferredDelete(key)])),
    withdrawn: keys.filter(({ key }) => key === null),
  };
}

export function inferredDelete(key: string): RecordDeletion {
  return { op: "delete", key, cause: "inferred" };
}
