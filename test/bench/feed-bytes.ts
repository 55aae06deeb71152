/**
 * Bytes that relays of this process are sent by those that feed them: of changes, each once, and of
 * all else (what they had, answers about where they stand, signs of life).
 */
import { decodeMessage } from "../../shared/protocol/codec.ts";
import { encodeFeedFrame } from "../../relay/feed/frames.ts";
import type { FeedFrame, FeedPipe } from "../../relay/feed/frames.ts";
import { PeerFeedNet } from "../../relay/peers/feed-net.ts";

export interface FollowerBytes {
  /** Of frames with a revision that did not come before. */
  readonly changes: number;
  readonly others: number;
}

interface Counter {
  changes: number;
  others: number;
  /** By channel: the newest revision that came. */
  readonly newest: Map<string, number>;
}

type Connect = (this: PeerFeedNet, ...args: Parameters<PeerFeedNet["connect"]>) => FeedPipe;

export class FeedBytes {
  readonly #counters = new Map<PeerFeedNet, Counter>();

  /** Counts for all relays that this process makes from now on. */
  constructor() {
    const counters = this.#counters;
    const found: unknown = Object.getOwnPropertyDescriptor(PeerFeedNet.prototype, "connect")?.value;
    const connect = found as Connect;
    PeerFeedNet.prototype.connect = function (address, handlers, onConnected) {
      const counter = counters.get(this) ?? { changes: 0, others: 0, newest: new Map() };
      counters.set(this, counter);
      const onFrame = (frame: FeedFrame): void => {
        count(counter, frame);
        handlers.onFrame(frame);
      };
      return connect.call(this, address, { ...handlers, onFrame }, onConnected);
    };
  }

  /** What comes is counted from now on. */
  reset(): void {
    for (const counter of this.#counters.values()) [counter.changes, counter.others] = [0, 0];
  }

  /** A row a relay. */
  counted(): readonly FollowerBytes[] {
    return [...this.#counters.values()].map(({ changes, others }) => ({ changes, others }));
  }
}

function count(counter: Counter, frame: FeedFrame): void {
  const { length } = encodeFeedFrame(frame);
  if (isNew(counter, frame)) counter.changes += length;
  else counter.others += length;
}

/** Only one origin of the bench changes, so that a channel says which log it is. */
function isNew({ newest }: Counter, frame: FeedFrame): boolean {
  if (frame.type !== "message") return false;
  const decoded = decodeMessage(frame.bytes);
  if (!decoded.ok) return false;
  const { message } = decoded;
  if (message.type !== "frame" && message.type !== "catch-up") return false;
  if (message.revision <= (newest.get(message.channel) ?? 0)) return false;
  newest.set(message.channel, message.revision);
  return true;
}
