/** The tables of an Origin's storage, and the place of each slot and channel in them. */
import { CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { BUDGETS } from "../budgets/limits.ts";

/**
 * Schema steps, append only. Frames: `id` is channel number · 2^20 + slot of the ring, so that a
 * slot is one row of one B-tree.
 */
export const MIGRATIONS: readonly string[][] = [
  [
    "CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE frames (id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, previous BLOB NOT NULL, payload BLOB NOT NULL, entries BLOB NOT NULL)",
    "CREATE TABLE blobs (channel INTEGER NOT NULL, prefix INTEGER NOT NULL, bits INTEGER NOT NULL, revision INTEGER NOT NULL, entries BLOB NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (channel, prefix, bits))",
    "CREATE TABLE quarantine (channel INTEGER NOT NULL, key_hash BLOB NOT NULL, record_hash BLOB NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, bytes BLOB NOT NULL, rule TEXT NOT NULL, message TEXT NOT NULL, claims TEXT NOT NULL, PRIMARY KEY (channel, key_hash)) WITHOUT ROWID",
  ],
  ["CREATE INDEX quarantine_pending ON quarantine (rule) WHERE rule = 'unclaimed-range'"],
];

/**
 * A column beside the steps, because the version before (1a32330) refuses storage that is a step
 * ahead: the revision, where a program that knows projections has written it; another program
 * leaves the value that it finds.
 */
export const PROJECTED = { name: "projected", definition: "INTEGER NOT NULL DEFAULT 0" };

/** Ids of frames that a channel may have. */
const CHANNEL_IDS = 2 ** 20;
/** Numbers of a projection's channels; the origin's own begin at 0. */
const SLOT_CHANNELS = 16;

/** Tables that `wipeLog` empties, with the range of their first key column a channel number. */
export const WIPED_TABLES = [
  { name: "frames", key: "id", first: "id", span: CHANNEL_IDS },
  { name: "blobs", key: "channel, prefix, bits", first: "channel", span: 1 },
  { name: "quarantine", key: "channel, key_hash", first: "channel", span: 1 },
] as const;

export function channelNumber(slot: number, channel: Channel): number {
  return slot * SLOT_CHANNELS + CHANNELS.indexOf(channel);
}

export function frameId(number: number, revision: number): number {
  return number * CHANNEL_IDS + (revision % BUDGETS.ringFrames);
}

/** Ids of a channel's ring, the second one excluded. */
export function frameIds(number: number): readonly [first: number, end: number] {
  return [number * CHANNEL_IDS, number * CHANNEL_IDS + BUDGETS.ringFrames];
}

/** Channel numbers of a slot, the second one excluded; slot 0 is wiped with all others. */
export function wipedNumbers(slot: number): readonly [first: number, end: number] {
  const first = slot * SLOT_CHANNELS;
  return [first, slot === 0 ? Number.MAX_SAFE_INTEGER / CHANNEL_IDS : first + SLOT_CHANNELS];
}
