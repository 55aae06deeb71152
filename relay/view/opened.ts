/**
 * Watch messages with their payloads unpacked: the form in which a view applies them, and in which
 * its file keeps them.
 */
import { nextChain } from "../../shared/log/cursor.ts";
import type { Cursor } from "../../shared/log/cursor.ts";
import { decodePayload } from "../../shared/log/payload.ts";
import type { LogChange } from "../../shared/log/payload.ts";
import type {
  Blob,
  Checkpoint,
  RepairNeeded,
  RepairPlan,
  WatchMessage,
} from "../../shared/protocol/messages.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { EncodedRecord } from "../../shared/record/encoding.ts";
import type { PlacedChange } from "./records.ts";

/**
 * The log behind a position: one frame, or the net effect of several. Its changes count as of
 * `revision`.
 */
export interface Tail<C> {
  readonly type: "tail";
  readonly channel: Channel;
  readonly after: number;
  readonly previous: Uint8Array;
  readonly revision: number;
  readonly chain: Uint8Array;
  readonly changes: readonly C[];
}

/** A blob whose changes are puts only. */
export type OpenedBlob<C> = Omit<Blob, "payload" | "origin"> & { readonly changes: readonly C[] };

/** A payload that cannot be read: never from our hub; repaired. */
export interface Unreadable {
  readonly type: "unreadable";
  readonly channel: Channel;
}

type Plain =
  | Omit<RepairNeeded, "origin">
  | Omit<RepairPlan, "origin">
  | Omit<Checkpoint, "origin">
  | Unreadable;

/** `known`: of one that was made here, its record. */
export type OpenedChange =
  | (Extract<LogChange, { op: "put" }> & { readonly known?: EncodedRecord })
  | Extract<LogChange, { op: "delete" }>;

export type Opened = Plain | Tail<OpenedChange> | OpenedBlob<OpenedChange>;
/** With a place for each record. */
export type Placed = Plain | Tail<PlacedChange> | OpenedBlob<PlacedChange>;

/** `null` for messages that say nothing of a log's state. */
export function open(message: WatchMessage): Opened | null {
  switch (message.type) {
    case "watch-welcome":
    case "resume":
    case "mark":
    case "heads":
      return null;
    case "blob":
    case "frame":
    case "catch-up":
      return openChanges(message);
    case "repair-needed":
    case "repair-plan":
    case "checkpoint":
      return message;
  }
}

/** The checkpoint that a frame brings with it, of a view that is now at `cursor`. [LOG20] */
export function settledIn(
  message: WatchMessage,
  cursor: Cursor | null,
): Omit<Checkpoint, "origin"> | null {
  if (message.type !== "frame" || message.settled === null || cursor === null) return null;
  const { channel, revision, settled } = message;
  return { type: "checkpoint", channel, epoch: cursor.epoch, revision, ...settled };
}

function openChanges(message: Extract<WatchMessage, { payload: Uint8Array }>): Opened {
  const { channel } = message;
  const decoded = decodePayload(message.payload);
  if (!decoded.ok) return { type: "unreadable", channel };
  const { changes } = decoded;
  if (message.type === "blob") {
    const { bits, prefix, revision } = message;
    return { type: "blob", channel, bits, prefix, revision, changes: changes.filter(isPut) };
  }
  const { previous, revision } = message;
  return message.type === "frame"
    ? {
        type: "tail",
        channel,
        after: revision - 1,
        previous,
        revision,
        chain: nextChain(previous, revision, message.payload),
        changes,
      }
    : {
        type: "tail",
        channel,
        after: message.after,
        previous,
        revision,
        chain: message.chain,
        changes,
      };
}

function isPut(change: LogChange): boolean {
  return change.op === "put";
}

/** Gives every record of a message its place. */
export function placed(
  opened: Opened,
  place: (bytes: Uint8Array, revision: number) => number,
): Placed {
  if (opened.type !== "tail" && opened.type !== "blob") return opened;
  const changes = opened.changes.map((change): PlacedChange =>
    change.op === "delete" ? change : { ...change, place: place(change.bytes, opened.revision) },
  );
  return { ...opened, changes };
}
