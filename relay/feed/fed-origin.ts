/** One origin as a feeder gives it on: a log for each channel, once its own view has applied it. */
import type { Cursor } from "../../shared/log/cursor.ts";
import type { Checkpoint, Message } from "../../shared/protocol/messages.ts";
import { perChannel } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { ChannelHealth } from "../view/channel-view.ts";
import { FeedLog } from "./feed-log.ts";
import type { TailMessage } from "./feed-log.ts";
import { MadeBlobs } from "./made-blobs.ts";
import type { BlobRoom } from "./made-blobs.ts";

/** What followers are to be told of a message. */
export interface Told {
  /** This relay's own view is not sure any more: nothing is given on until it is. */
  readonly isReset: boolean;
  readonly tail: { readonly message: TailMessage; readonly cursor: Cursor } | null;
  readonly checkpoint: Checkpoint | null;
}

const NOTHING: Told = { isReset: false, tail: null, checkpoint: null };

export class FedOrigin {
  readonly #logs = perChannel(() => new FeedLog());
  readonly #blobs: Readonly<Record<Channel, MadeBlobs>>;

  /** @param room Of all origins of this relay. */
  constructor(room: BlobRoom) {
    this.#blobs = perChannel(() => new MadeBlobs(room));
  }

  log(channel: Channel): FeedLog {
    return this.#logs[channel];
  }

  blobs(channel: Channel): MadeBlobs {
    return this.#blobs[channel];
  }

  /** No follower is repaired, or the origin is not given on any more. */
  onAllRepaired(): void {
    for (const blobs of Object.values(this.#blobs)) blobs.clear();
  }

  onDown(): void {
    for (const log of Object.values(this.#logs)) log.onDown();
  }

  /** @param health Of the view, with the message. */
  onMessage(message: Message & { readonly channel: Channel }, health: ChannelHealth): Told {
    const log = this.#logs[message.channel];
    const { cursor } = health;
    const wasProven = log.head !== null;
    const isPlaced = cursor !== null && !health.isRepairing;
    if (!isPlaced || message.type === "repair-needed" || message.type === "repair-plan") {
      log.onReset();
      return { ...NOTHING, isReset: wasProven };
    }
    const isTail = message.type === "frame" || message.type === "catch-up";
    const isNext = isTail && log.onTail(message, cursor);
    const tail = isTail && isNext ? { message, cursor } : null;
    const checkpoint = checkpointIn(message, cursor);
    const isProven =
      checkpoint !== null &&
      health.verified?.revision === checkpoint.revision &&
      checkpoint.revision === cursor.revision &&
      checkpoint.epoch === cursor.epoch;
    if (!isProven) return { ...NOTHING, isReset: wasProven && log.head === null, tail };
    log.onProven(checkpoint, cursor);
    return { isReset: false, tail, checkpoint };
  }
}

function checkpointIn(message: Message, { epoch }: Cursor): Checkpoint | null {
  if (message.type === "checkpoint") return message;
  if (message.type !== "frame" || message.settled === null) return null;
  const { origin, channel, revision, settled } = message;
  return { type: "checkpoint", origin, channel, epoch, revision, ...settled };
}
