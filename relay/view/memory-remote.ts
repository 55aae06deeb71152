/** All channels of an origin in memory: for a command that reads the hub and ends. */
import type { ChannelCursor, Message, WatchMessage } from "../../shared/protocol/messages.ts";
import { FELIX_CHANNELS, perChannel } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { HeldRecord, ViewChange } from "./held-records.ts";
import { MemoryView } from "./memory-view.ts";
import type { WatchedView } from "./watcher.ts";

export class MemoryRemote implements WatchedView {
  readonly channels = FELIX_CHANNELS;
  readonly isOverfull = false;
  readonly writeError = null;
  readonly #channels = perChannel((channel) => new MemoryView(channel));

  /**
   * Every channel's digest was found equal to the origin's, at a position that it may have passed
   * since.
   */
  get isVerified(): boolean {
    return FELIX_CHANNELS.every((channel) => this.#channels[channel].health().verified !== null);
  }

  records(): HeldRecord[] {
    return this.#views.flatMap((view) => [...view.records()]);
  }

  cursors(): ChannelCursor[] {
    return this.#views.flatMap(({ channel, cursor }) =>
      cursor === null ? [] : [{ channel, ...cursor }],
    );
  }

  acknowledged(channel: Channel) {
    return this.#channels[channel].acknowledged;
  }

  onConnect(): void {
    for (const view of this.#views) view.onConnect();
  }

  onMessage(message: WatchMessage): {
    readonly changes: readonly ViewChange[];
    readonly answer: Message | null;
  } {
    if (!("channel" in message)) return { changes: [], answer: null };
    const view = this.#channels[message.channel];
    const { changes, repair } = view.onMessage(message);
    const answer: Message | null = repair
      ? { type: "repair", origin: 0, channel: view.channel, leaves: view.trie.leaves() }
      : null;
    return { changes, answer };
  }

  get #views(): readonly MemoryView[] {
    return Object.values(this.#channels);
  }
}
