/**
 * Calico's names of `remote_cluster_connection_status` 0 to 5, by position (Calico Enterprise,
 * "Federation metrics", read 2026-11).
 */
export const CONNECTION_WORDS = [
  "NotConnecting",
  "Connecting",
  "InSync",
  "ReSyncInProgress",
  "ConfigChangeRestartRequired",
  "ConfigInComplete",
] as const;
