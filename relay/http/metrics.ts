/** Prometheus text: Calico's `remote_cluster_connection_status`, and our own. */
import { Gauge, Registry } from "prom-client";

import { LATENCY_MINUTES } from "../../shared/visibility/edge-latency.ts";
import type { Relay } from "../relay.ts";
import type { RelayStatus } from "../status.ts";

type MakeGauge = (name: string, help: string, labelNames?: string[]) => Gauge;

export function metricsText(relay: Relay): Promise<string> {
  const registry = new Registry();
  const gauge: MakeGauge = (name, help, labelNames = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const status = relay.status();
  const connection = gauge(
    "remote_cluster_connection_status",
    "0 no contact or refused, 1 connecting without a view, 2 in sync (digest equal), 3 resync in progress, 5 not accepted or not granted",
    ["remote_cluster_name"],
  );
  const endpoints = gauge("catwalk_remote_endpoints", "Endpoints of the remote that are served", [
    "remote_cluster_name",
  ]);
  const refused = gauge(
    "catwalk_remote_refused_records",
    "Records of the remote that this relay refuses",
    ["remote_cluster_name"],
  );
  const latency = gauge(
    "catwalk_remote_latency_seconds",
    "From the source's watch event in the remote until applied here, by the hub's clock",
    ["remote_cluster_name", "window", "quantile"],
  );
  for (const remote of status.remotes) {
    const labels = { remote_cluster_name: remote.rcc };
    connection.set(labels, remote.connectionStatus);
    endpoints.set(labels, remote.endpoints);
    refused.set(labels, remote.refused);
    for (const [i, [count, p50Ms, p99Ms]] of (remote.latency?.windows ?? []).entries()) {
      if (count === 0) continue;
      const window = `${LATENCY_MINUTES[i]}m`;
      latency.set({ ...labels, window, quantile: "0.5" }, p50Ms / 1000);
      latency.set({ ...labels, window, quantile: "0.99" }, p99Ms / 1000);
    }
  }
  gauge("catwalk_hub_connected", "1 while the home socket is open").set(
    status.hub === "connected" ? 1 : 0,
  );
  sourceHealth(status.source, gauge);
  gauge("catwalk_source_records", "Records that the source gives").set(status.source.records);
  gauge("catwalk_source_problems", "Source objects that are not published as they are").set(
    status.source.problems.length,
  );
  const held = gauge(
    "catwalk_withdrawal_held_keys",
    "Keys that a complete list lacks in mass, and that stay published for now",
    ["collection"],
  );
  for (const { collection, keys } of status.withdrawals) held.set({ collection }, keys);
  gauge("catwalk_publish_pending_changes", "Changes that wait to be published").set(
    status.publisher?.pending ?? 0,
  );
  gauge("catwalk_access_version", "Version of the access facts that this relay holds").set(
    status.accessVersion,
  );
  return registry.metrics();
}

/**
 * A collection whose kind the cluster does not have is an empty one: healthy, unless there is
 * nothing else. [SRC88]
 */
function sourceHealth(source: RelayStatus["source"], gauge: MakeGauge): void {
  const healthy = gauge(
    "catwalk_source_collection_healthy",
    "1 while the source follows the collection, 0 while it cannot or has not listed it yet",
    ["collection"],
  );
  const age = gauge(
    "catwalk_source_collection_error_age_seconds",
    "How long the source has not been able to follow the collection",
    ["collection"],
  );
  for (const { name: collection, state, since } of source.collections) {
    const isAbsent = state === "absent" && source.state !== "absent";
    healthy.set({ collection }, state === "following" || isAbsent ? 1 : 0);
    if (state === "failing" || (state === "absent" && !isAbsent))
      age.set({ collection }, Math.max(0, (Date.now() - Date.parse(since)) / 1000));
  }
}
