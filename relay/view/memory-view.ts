/** A channel's view whose records are in memory: for a command that reads the hub and ends. */
import type { WatchMessage } from "../../shared/protocol/messages.ts";
import type { Channel } from "../../shared/record/channel.ts";
import { ChannelView } from "./channel-view.ts";
import { open, placed, settledIn } from "./opened.ts";
import { MemoryRecords } from "./records.ts";
import { bothOf, NOTHING } from "./view-outcome.ts";
import type { ViewOutcome } from "./view-outcome.ts";

export class MemoryView extends ChannelView {
  readonly #memory: MemoryRecords;

  constructor(channel: Channel) {
    const memory = new MemoryRecords();
    super(channel, memory);
    this.#memory = memory;
  }

  onMessage(message: WatchMessage): ViewOutcome {
    const opened = open(message);
    if (opened === null) return NOTHING;
    const outcome = this.applyMessage(
      placed(opened, (bytes, revision) => this.#memory.add(bytes, revision)),
    );
    const checkpoint = settledIn(message, this.cursor);
    return checkpoint === null ? outcome : bothOf(outcome, this.applyMessage(checkpoint));
  }
}
