/**
 * The logs that a reader is served: the origin's own or those of its grant's scope, and in place of
 * each channel that it may not have an empty one. Equal permissions give the same logs, so that a
 * reader whose logs are others now is told by comparing. [VIS51] [SCP5]
 */
import { CHANNELS, perChannel } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { OriginFacts } from "../../../shared/visibility/facts.ts";
import { servedChannels, scopeOf } from "../access/permits.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { Logs } from "../log/channel-logs.ts";
import { emptyLog } from "../log/empty-log.ts";
import type { Peer } from "../peer.ts";
import type { Projections } from "../scopes/projections.ts";

export class ReaderLogs {
  readonly #own: Logs;
  readonly #projections: Pick<Projections, "logsOf">;
  readonly #empty: Logs = perChannel(emptyLog);
  readonly #narrowed = new WeakMap<Logs, Map<string, Logs>>();

  constructor(own: Logs, projections: Pick<Projections, "logsOf">) {
    this.#own = own;
    this.#projections = projections;
  }

  /** `null` where the reader's scope shows too much. */
  of(peer: Peer, facts: OriginFacts): Logs | null {
    const scope = scopeOf(peer, facts);
    const whole = scope === null ? this.#own : this.#projections.logsOf(scope);
    return whole && this.#narrow(whole, servedChannels(peer, facts));
  }

  /** Whether a log stands for a channel that is withheld. */
  isEmpty(log: ChannelLog): boolean {
    return this.#empty[log.channel] === log;
  }

  #narrow(whole: Logs, channels: readonly Channel[]): Logs {
    if (CHANNELS.every((channel) => channels.includes(channel))) return whole;
    const known = this.#narrowed.get(whole) ?? new Map<string, Logs>();
    this.#narrowed.set(whole, known);
    const id = channels.toSorted().join(" ");
    // fault: withheld-channel-served
    const logs =
      known.get(id) ??
      perChannel((channel) => (channels.includes(channel) ? whole : this.#empty)[channel]);
    known.set(id, logs);
    return logs;
  }
}
