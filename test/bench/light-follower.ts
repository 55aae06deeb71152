/**
 * A follower that keeps nothing: it is repaired, takes what comes, and acknowledges it. A hundred
 * of them are what a hundred nodes are to the relay that feeds them, without the work that each
 * node does for itself.
 */
import { FeederConnection } from "../../relay/feed/feeder-connection.ts";
import { FeedLink } from "../../relay/feed/feed-link.ts";
import type { FeedNet } from "../../relay/feed/frames.ts";
import { NODE_PORTS } from "../../relay/hub/relay-ports.ts";
import { HashTrie } from "../../shared/log/hash-trie.ts";
import { LIMITS } from "../../shared/protocol/limits.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import { PROTOCOL_VERSIONS } from "../../shared/protocol/version.ts";
import { DEFAULT_CHANNELS } from "../../shared/visibility/facts.ts";

const EMPTY = new HashTrie().leaves();

export class LightFollower {
  readonly #feeder: FeederConnection;
  readonly #link: FeedLink;
  #receivedBytes = 0;
  #mark: number | null = null;
  #checkpoints = 0;
  #inSync: () => void = () => undefined;
  /** Resolves when each channel was proven once. */
  readonly inSync = new Promise<void>((resolve) => (this.#inSync = resolve));

  /** @param address Of the relay that feeds it. */
  constructor(net: FeedNet, address: string, originUid: string) {
    this.#feeder = new FeederConnection(address, net, NODE_PORTS, {
      onChange: () => undefined,
      onFacts: () => undefined,
    });
    const handlers = {
      onOpen: () => this.#hello(),
      onMessage: (message: Message, bytes: number) => this.#received(message, bytes),
      onDown: () => undefined,
    };
    this.#link = new FeedLink(this.#feeder, originUid, handlers, NODE_PORTS, () => 0);
    this.#link.start();
  }

  stop(): void {
    this.#link.stop();
    this.#feeder.stop();
  }

  #hello(): void {
    this.#receivedBytes = 0;
    this.#link.send({
      type: "watch-hello",
      versions: PROTOCOL_VERSIONS,
      software: "bench",
      accessVersion: 0,
      creditBytes: LIMITS.defaultCreditBytes,
      channels: DEFAULT_CHANNELS,
      cursors: [],
    });
  }

  #received(message: Message, bytes: number): void {
    this.#receivedBytes += bytes;
    if (message.type === "mark") this.#mark = message.token;
    if (!("channel" in message) || !("origin" in message)) return;
    const { origin, channel } = message;
    if (message.type === "repair-needed")
      this.#link.send({ type: "repair", origin, channel, leaves: EMPTY });
    if (message.type !== "checkpoint" && message.type !== "frame" && message.type !== "blob")
      return;
    this.#link.send({
      type: "reader-ack",
      origin,
      channel,
      revision: message.revision,
      chain: new Uint8Array(16),
      receivedBytes: this.#receivedBytes,
      mark: this.#mark,
    });
    if (message.type === "checkpoint" && ++this.#checkpoints === DEFAULT_CHANNELS.length)
      this.#inSync();
  }
}
