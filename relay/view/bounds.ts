/**
 * What a reader takes of one remote at most, whatever its hub lets through: a remote must not fill
 * the memory and the disk of every node of its readers. [VIE25]
 */
import type { LogChange } from "../../shared/log/payload.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { Opened } from "./opened.ts";

export interface RemoteBounds {
  readonly records: number;
  /** Of records, as they are encoded. */
  readonly bytes: number;
}

export const REMOTE_BOUNDS: RemoteBounds = { records: 600_000, bytes: 512 * 1024 * 1024 };

/** As the relay's options say it. */
export function boundsOf(options: {
  readonly remoteMaxRecords?: number | undefined;
  readonly remoteMaxBytes?: number | undefined;
}): RemoteBounds {
  return {
    records: options.remoteMaxRecords ?? REMOTE_BOUNDS.records,
    bytes: options.remoteMaxBytes ?? REMOTE_BOUNDS.bytes,
  };
}

/** How much is held, stale or not. */
export interface Weight {
  readonly records: number;
  readonly bytes: number;
}

export interface Weighed {
  /** What it would hold with these changes at most; without, what it holds. */
  weightWith(changes?: readonly LogChange[]): Weight;
}

/** What a view's file has beside records, and of the past while it cannot be rewritten. */
const FILE_SLACK_BYTES = 64 * 1024 * 1024;

/**
 * Why a view would be too large with a message; `null` when it would not. Most messages fit if all
 * of their records were new: only the others are looked into.
 */
export function excessWith(
  opened: Opened,
  channels: Readonly<Record<Channel, Weighed>>,
  fileBytes: number,
  bounds: RemoteBounds,
): string | null {
  if (opened.type !== "tail" && opened.type !== "blob") return null;
  const puts = opened.changes.flatMap((change) => (change.op === "put" ? [change.bytes] : []));
  if (puts.length === 0) return null;
  const bytes = puts.reduce((sum, { length }) => sum + length, 0);
  const all = Object.values(channels);
  const now = all.map((view) => view.weightWith());
  const excess = excessOf(sumOf([...now, { records: puts.length, bytes }]), bounds);
  if (excess === null) return fileExcessOf(fileBytes + bytes, bounds);
  const changed = channels[opened.channel];
  const then = all.map((view) => view.weightWith(view === changed ? opened.changes : []));
  return excessOf(sumOf(then), bounds) ?? fileExcessOf(fileBytes + bytes, bounds);
}

function sumOf(weights: readonly Weight[]): Weight {
  return weights.reduce(
    (sum, { records, bytes }) => ({ records: sum.records + records, bytes: sum.bytes + bytes }),
    { records: 0, bytes: 0 },
  );
}

function excessOf({ records, bytes }: Weight, bounds: RemoteBounds): string | null {
  if (records > bounds.records)
    return `it has at least ${records} records; --remote-max-records is ${bounds.records}`;
  if (bytes > bounds.bytes)
    return `its records have at least ${bytes} bytes; --remote-max-bytes is ${bounds.bytes}`;
  return null;
}

/** The same of its file, which has twice as much before it is rewritten. [VIE10] */
function fileExcessOf(fileBytes: number, bounds: RemoteBounds): string | null {
  const most = 2 * bounds.bytes + FILE_SLACK_BYTES;
  return fileBytes > most
    ? `its file would have ${fileBytes} bytes; with --remote-max-bytes ${bounds.bytes} it may have ${most}`
    : null;
}
