/** Watch sockets in the hands of a test: what is dialled, what is said, and what the hub sends. */
import type { LinkHandlers } from "../../relay/hub/link.ts";
import { NODE_PORTS } from "../../relay/hub/relay-ports.ts";
import type { Link, RelayPorts } from "../../relay/hub/relay-ports.ts";
import { HashTrie } from "../../shared/log/hash-trie.ts";
import { encodePayload } from "../../shared/log/payload.ts";
import type { Message, WatchHello, WatchMessage } from "../../shared/protocol/messages.ts";
import { FELIX_CHANNELS } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { hashKey, hashRecord } from "../../shared/record/encoding.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import { put } from "./records.ts";

export class WatchedLink implements Link {
  readonly #handlers: LinkHandlers;
  readonly said: Message[] = [];
  isOpen = false;
  isStopped = false;

  constructor(handlers: LinkHandlers) {
    this.#handlers = handlers;
  }

  start(): void {
    this.isOpen = true;
    this.#handlers.onOpen();
  }

  stop(): void {
    this.isOpen = false;
    this.isStopped = true;
  }

  restart(): void {
    this.start();
  }

  send(message: Message): void {
    this.said.push(message);
  }

  get hello(): WatchHello {
    return this.said.find((message) => message.type === "watch-hello") as WatchHello;
  }

  /** As every link: nothing comes after it was stopped. */
  deliver(...messages: readonly WatchMessage[]): void {
    for (const message of messages) if (!this.isStopped) this.#handlers.onMessage(message, 100);
  }
}

/** @param links Is given each that is dialled. */
export function watchedPorts(links: WatchedLink[]): RelayPorts {
  return {
    ...NODE_PORTS,
    after: () => () => undefined,
    dial: ({ handlers }) => {
      const link = new WatchedLink(handlers);
      links.push(link);
      return link;
    },
  };
}

/**
 * What repairs every channel to a log of this epoch, which has these records in the identity
 * channel.
 */
export function wholeLog(
  epoch: string,
  records: readonly CalicoRecord[],
  sweep = false,
): WatchMessage[] {
  return FELIX_CHANNELS.flatMap((channel) =>
    channelLog(channel, epoch, channel === "identity" ? records : [], sweep),
  );
}

/** What repairs one channel to such a log. */
export function channelLog(
  channel: Channel,
  epoch: string,
  records: readonly CalicoRecord[],
  sweep = false,
): WatchMessage[] {
  const trie = new HashTrie();
  for (const record of records) trie.set(hashKey(keyOf(record)), hashRecord(put(record).bytes), 0);
  const common = { origin: 0, channel } as const;
  const payload = encodePayload(records.map(put));
  const digest = trie.digest();
  const [head, blobs, after, chain] = [1, 1, 1, new Uint8Array(16)];
  return [
    { ...common, type: "repair-plan", epoch, head, blobs, after, chain },
    { ...common, type: "blob", bits: 0, prefix: 0, revision: 1, payload },
    { ...common, type: "checkpoint", epoch, revision: 1, digest, populated: true, sweep },
  ];
}
