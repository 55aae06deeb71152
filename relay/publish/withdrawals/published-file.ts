/**
 * The file of published keys, as the next process of this relay needs it to judge what is
 * missing then: of each key the collection, and what could take its place. And which withdrawals
 * are held. In the state folder; lost or damaged, it is no knowledge. [PUB5]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import { pack, unpack } from "../../../shared/lib/msgpack.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import { HASH_BYTES } from "../../../shared/record/encoding.ts";
import { writeFileAtomically } from "../../lib/atomic-file.ts";
import { COLLECTION_NAMES } from "./collections.ts";
import type { CollectionName } from "./collections.ts";
import type { HeldKey } from "./held-keys.ts";
import type { Hold } from "./obeyed.ts";

export interface Published {
  readonly keys: readonly HeldKey[];
  /** Times are of the machine's wall clock, ms since 1970. */
  readonly holds: readonly Hold[];
}

const VERSION = 1;
const NAME = "published";

const place = z.number().int().min(0);
const entry = z.tuple([
  z.instanceof(Uint8Array).refine((hash) => hash.length === HASH_BYTES),
  place.max(CHANNELS.length - 1),
  place.max(COLLECTION_NAMES.length - 1),
  z.string(),
  z.array(z.string()),
]);
const hold = z.tuple([
  place.max(COLLECTION_NAMES.length - 1),
  z.number(),
  z.union([z.number(), z.null()]),
]);
const fileSchema = z.tuple([z.literal(VERSION), z.array(entry), z.array(hold)]);

/** @returns Nothing where there is no file, or none that can be read. */
export function readPublished(stateDir: string): Published {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(join(stateDir, NAME));
  } catch {
    return { keys: [], holds: [] };
  }
  const unpacked = unpack(bytes);
  const parsed = unpacked.ok ? fileSchema.safeParse(unpacked.value) : null;
  if (parsed?.success !== true) return { keys: [], holds: [] };
  const [, keys, holds] = parsed.data;
  return {
    keys: keys.map(([keyHash, channel, collection, object, ips]) => ({
      // Not a view of the whole file.
      keyHash: Uint8Array.from(keyHash),
      channel: CHANNELS[channel] ?? "identity",
      collection: COLLECTION_NAMES[collection] ?? "unknown",
      object,
      ips,
      key: null,
    })),
    holds: holds.map(([collection, sinceMs, untilMs]) => ({
      collection: COLLECTION_NAMES[collection] ?? "unknown",
      sinceMs,
      untilMs,
    })),
  };
}

/** @throws when the disk takes it not. */
export function writePublished(stateDir: string, { keys, holds }: Published): void {
  const bytes = pack([
    VERSION,
    keys.map(({ keyHash, channel, collection, object, ips }) => [
      keyHash,
      CHANNELS.indexOf(channel),
      placeOf(collection),
      object,
      ips,
    ]),
    holds.map(({ collection, sinceMs, untilMs }) => [placeOf(collection), sinceMs, untilMs]),
  ]);
  writeFileAtomically(join(stateDir, NAME), bytes);
}

function placeOf(collection: CollectionName): number {
  return COLLECTION_NAMES.indexOf(collection);
}
