/** The logs of an origin, or of a projection of it: one a channel. */
import { CHANNELS, perChannel } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { ChannelLog } from "./channel-log.ts";
import type { LogStore } from "./log-store.ts";
import type { PieceBudget } from "./small-frames.ts";

export type Logs = Readonly<Record<Channel, ChannelLog>>;

/** The logs of a slot of the store. @param newEpoch Called for a log that is not stored yet. */
export function logsIn(store: LogStore, pieces: PieceBudget, newEpoch: () => string): Logs {
  return perChannel((channel) => new ChannelLog(channel, store, pieces, newEpoch));
}

export function listLogs(logs: Logs): ChannelLog[] {
  return CHANNELS.map((channel) => logs[channel]);
}
