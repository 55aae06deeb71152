/** What goes over a follower's streams, by the origin that they are of. */
import type { FeedFrame } from "../../relay/feed/frames.ts";
import { decodeMessage } from "../../shared/protocol/codec.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import type { Channel } from "../../shared/record/channel.ts";

type Hear = (
  origin: string,
  message: Message,
  asked: ReadonlyMap<Channel, string>,
) => (() => void) | null;

interface Stream {
  readonly origin: string;
  /** Epochs of the positions in the hello. */
  readonly asked: Map<Channel, string>;
}

export class FollowedStreams {
  readonly #hear: Hear;
  readonly #streams = new Map<object, Map<number, Stream>>();

  constructor(hear: Hear) {
    this.#hear = hear;
  }

  /** @param connection Any object that stands for it. */
  onFrame(connection: object, frame: FeedFrame): (() => void) | null {
    const streams = this.#streams.get(connection) ?? new Map<number, Stream>();
    this.#streams.set(connection, streams);
    if (frame.type === "open")
      streams.set(frame.stream, { origin: frame.target, asked: new Map() });
    if (frame.type === "facts")
      return this.#hear("home", { type: "access", facts: frame.facts }, new Map());
    if (frame.type !== "message") return null;
    const stream = streams.get(frame.stream);
    const decoded = decodeMessage(frame.bytes);
    if (stream === undefined || !decoded.ok) return null;
    if (decoded.message.type === "watch-hello")
      for (const { channel, epoch } of decoded.message.cursors) stream.asked.set(channel, epoch);
    return this.#hear(stream.origin, decoded.message, stream.asked);
  }
}
