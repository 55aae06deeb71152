/**
 * What a relay and a feeder say to each other on one connection, in frames: the hub's own messages
 * on numbered streams, one a socket that the relay would have at the hub, and around them who may
 * be followed. The first byte of a frame says which; unknown kinds are refused. [FEE2]
 */
import { z } from "zod";

import { parseJson } from "../../shared/lib/parse-json.ts";
import { CLOSE_CODES } from "../../shared/protocol/errors.ts";
import type { CloseReason } from "../../shared/protocol/errors.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";

/** Bytes of a frame: the largest message, and its head. */
export const MAX_FEED_FRAME_BYTES = LIMITS.messageBytes + 16;

export type FeedFrame =
  /** Follower → feeder: as a socket to the hub; `target` is `home` or the UID of an origin. */
  | { readonly type: "open"; readonly stream: number; readonly target: string }
  /** Feeder → follower: its own socket for this is open. */
  | { readonly type: "opened"; readonly stream: number }
  | { readonly type: "message"; readonly stream: number; readonly bytes: Uint8Array }
  | {
      readonly type: "closed";
      readonly stream: number;
      readonly reason: CloseReason | null;
      readonly message: string;
    }
  /** Feeder → follower, at once, with each change, and as a sign of life. */
  | ({ readonly type: "state" } & FeederState)
  /** Feeder → follower: the access facts, as the hub sent them. */
  | { readonly type: "facts"; readonly facts: string }
  /** Follower → feeder: a sign of life. */
  | { readonly type: "alive" };

export interface FeederState {
  /** It feeds others, or has not decided yet; not one that follows others itself. */
  readonly feeds: boolean;
  /** Its home socket at the hub is open. */
  readonly hub: boolean;
}

const stream = z.number().int().nonnegative();
const REASONS = Object.keys(CLOSE_CODES) as CloseReason[];

const said = z.discriminatedUnion("type", [
  z.object({ type: z.literal("open"), stream, target: z.string().min(1).max(64) }),
  z.object({ type: z.literal("opened"), stream }),
  z.object({
    type: z.literal("closed"),
    stream,
    reason: z.enum(REASONS).nullable(),
    message: z.string().max(4_096),
  }),
  z.object({ type: z.literal("state"), feeds: z.boolean(), hub: z.boolean() }),
  z.object({ type: z.literal("facts"), facts: z.string() }),
  z.object({ type: z.literal("alive") }),
]);

const SAID = "m".charCodeAt(0);
const MESSAGE = "d".charCodeAt(0);
/** The kind, and the stream's number. */
const HEAD_BYTES = 5;

export function encodeFeedFrame(frame: FeedFrame): Buffer {
  if (frame.type !== "message")
    return Buffer.concat([Buffer.of(SAID), Buffer.from(JSON.stringify(frame))]);
  const head = Buffer.alloc(HEAD_BYTES);
  head[0] = MESSAGE;
  head.writeUInt32BE(frame.stream, 1);
  return Buffer.concat([head, frame.bytes]);
}

/** `null`: it breaks a rule. */
export function decodeFeedFrame(bytes: Buffer): FeedFrame | null {
  if (bytes[0] === MESSAGE && bytes.length > HEAD_BYTES)
    return { type: "message", stream: bytes.readUInt32BE(1), bytes: bytes.subarray(HEAD_BYTES) };
  if (bytes[0] !== SAID) return null;
  const json = parseJson(bytes.toString("utf8", 1));
  const parsed = json.ok ? said.safeParse(json.value) : null;
  return parsed?.success === true ? parsed.data : null;
}

/** One connection between a follower and a feeder. Frames arrive whole and in order, or not. */
export interface FeedPipe {
  send(frame: FeedFrame): void;
  /** Bytes that were sent and that the other side has not taken. */
  readonly backlogBytes: number;
  close(): void;
}

export interface FeedPipeHandlers {
  onFrame(frame: FeedFrame): void;
  /** Once, however it ended. */
  onClosed(message: string): void;
}

/** The cluster's other relays, as far as they can be followed. */
export interface FeedNet {
  /** This relay's own address among the others; `null`: it is not among them, or not known yet. */
  readonly self: string | null;
  /** All relays of the cluster, this one too, as they are known now; `null`: not known yet. */
  addresses(): readonly string[] | null;
  /** Dials; `onClosed` says that nothing came of it. */
  connect(address: string, handlers: FeedPipeHandlers, onConnected: () => void): FeedPipe;
}
