/** What an Origin tells of itself: for status and for the list of what is not forwarded. */
import { toHex } from "../../shared/lib/bytes.ts";
import { CHANNELS } from "../../shared/record/channel.ts";
import type { OriginFacts, OriginStatus, QuarantineEntry } from "../../shared/visibility/facts.ts";
import type { HomeDesk } from "./home.ts";
import type { LogStore } from "./log-store.ts";
import type { Logs } from "./projection.ts";
import type { Projections } from "./projections.ts";

export function originStatus(
  facts: OriginFacts,
  logs: Logs,
  projections: Projections,
  home: HomeDesk,
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
      received: log.admitted.size + log.received.refused,
      admitted: log.admitted.size,
      digest: toHex(log.admitted.digest()),
    })),
    quarantined: [...logs.values()].reduce((sum, log) => sum + log.received.refused, 0),
    scopes: projections.status(),
    edges: home.edges,
  };
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
