/** What an Origin tells of itself: for status and for the list of what is not forwarded. */
import { toHex } from "../../shared/lib/bytes.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import type { OriginFacts, OriginStatus, QuarantineEntry } from "../../shared/visibility/facts.ts";
import type { ChannelLog } from "./log/channel-log.ts";
import type { PublisherSockets } from "./publisher/publisher-sockets.ts";
import type { LogStore } from "./log/log-store.ts";
import type { Logs } from "./scopes/projection.ts";
import type { Projections } from "./scopes/projections.ts";

export function originStatus(
  facts: OriginFacts,
  logs: Logs,
  projections: Projections,
  home: PublisherSockets,
  store: LogStore,
): OriginStatus {
  return {
    cluster: facts.cluster,
    publisher: home.socket === null ? "absent" : "connected",
    lastSeenMs: home.lastSeenMs,
    channels: [...logs.values()].map((log) => ({
      channel: log.channel,
      epoch: log.epoch,
      head: log.head,
      populated: log.populated,
      received: log.admitted.size + log.received.refused - log.received.partly,
      admitted: log.admitted.size,
      digest: toHex(log.admitted.digest()),
    })),
    quarantined: sumOf(logs, ({ received }) => received.refused - received.partly),
    quarantinedEndpoints: store.quarantinedEndpoints(),
    partlyAdmitted: sumOf(logs, ({ received }) => received.partly),
    report: home.report,
    scopes: projections.status(),
    edges: home.edges,
  };
}

function sumOf(logs: Logs, of: (log: ChannelLog) => number): number {
  return [...logs.values()].reduce((sum, log) => sum + of(log), 0);
}

/** At most `limit`, channel by channel. */
export function quarantineEntries(
  facts: OriginFacts,
  store: LogStore,
  limit: number,
): QuarantineEntry[] {
  return CHANNELS.flatMap((channel) => store.quarantinedAfter(channel, new Uint8Array(), limit))
    .slice(0, limit)
    .map(({ kind, key, rule, message }) => ({ origin: facts.cluster, kind, key, rule, message }));
}
