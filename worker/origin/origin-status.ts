/** The report of an Origin about itself, for status and for the list of refused records. */
import { toHex } from "../../shared/lib/bytes.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import type { OriginFacts } from "../../shared/visibility/facts.ts";
import type { OriginStatus, QuarantineEntry } from "../../shared/visibility/origin-status.ts";
import { edgeRelaysOf } from "../../shared/visibility/merged-edges.ts";
import type { ChannelLog } from "./log/channel-log.ts";
import { listLogs } from "./log/channel-logs.ts";
import type { Logs } from "./log/channel-logs.ts";
import type { LogStore } from "./log/log-store.ts";
import type { PublisherSockets } from "./publisher/publisher-sockets.ts";
import type { Projections } from "./scopes/projections.ts";

export function originStatus(
  facts: OriginFacts,
  logs: Logs,
  projections: Projections,
  sockets: PublisherSockets,
  store: LogStore,
): OriginStatus {
  return {
    cluster: facts.cluster,
    publisher: sockets.publisher === null ? "absent" : "connected",
    takenOver: sockets.takenOver,
    lastSeenMs: sockets.lastSeenMs,
    channels: listLogs(logs).map((log) => ({
      channel: log.channel,
      epoch: log.epoch,
      head: log.head,
      populated: log.populated,
      received: log.admitted.size + log.received.refused - log.received.partly,
      admitted: log.admitted.size,
      digest: toHex(log.admitted.digest()),
      admittedBytes: log.folding.storedBytes,
      refusedBytes: log.received.keptBytes,
    })),
    quarantined: sumOf(logs, ({ received }) => received.refused - received.partly),
    quarantinedEndpoints: store.quarantinedEndpoints(),
    partlyAdmitted: sumOf(logs, ({ received }) => received.partly),
    report: sockets.report,
    scopes: projections.status(),
    edges: sockets.edges,
    relays: sockets.relays().length,
    edgeRelays: edgeRelaysOf(sockets.relays()),
  };
}

function sumOf(logs: Logs, of: (log: ChannelLog) => number): number {
  return listLogs(logs).reduce((sum, log) => sum + of(log), 0);
}

/** At most `limit` refused records, channel by channel. */
export function quarantineEntries(
  facts: OriginFacts,
  store: LogStore,
  limit: number,
): QuarantineEntry[] {
  return CHANNELS.flatMap((channel) => store.quarantinedAfter(channel, new Uint8Array(), limit))
    .slice(0, limit)
    .map(({ kind, key, rule, message }) => ({ origin: facts.cluster, kind, key, rule, message }));
}
