/** The command line, and what it starts. Read by `../rooms.js`. */

/** @type {Readonly<Record<string, readonly string[]>>} */
export const CLI_ROOMS = {
  /** The admin API and relays as commands see them. */
  "cli/admin": [
    "shared/lib",
    "shared/record",
    "shared/visibility",
    "shared/api",
    "relay/hub",
    "relay/source",
    "relay/policy",
  ],
  /** Starting a hub on this machine, backup and restore. */
  "cli/launch": ["shared/lib", "shared/ip", "relay/lib"],
  /** The demo of `catwalk up`. */
  "cli/demo": [
    "shared/lib",
    "shared/visibility",
    "shared/api",
    "relay/lib",
    "relay/kube",
    "relay/source",
    "relay/policy",
    "cli/admin",
    "cli/launch",
  ],
  /** Mock relays for load. */
  "cli/mock": [
    "shared/lib",
    "shared/record",
    "shared/log",
    "shared/protocol",
    "shared/visibility",
    "shared/api",
    "relay/lib",
    "relay/hub",
    "relay/publish",
    "cli/admin",
  ],
  /** What is installed in a cluster, by its API server. */
  "cli/cluster": ["shared/lib", "shared/api", "relay/kube", "cli/admin"],
  /** One command a file. */
  "cli/commands": [
    "shared/lib",
    "shared/record",
    "shared/selector",
    "shared/overlay",
    "shared/protocol",
    "shared/visibility",
    "shared/api",
    "relay/lib",
    "relay/tls",
    "relay/hub",
    "relay/config",
    "relay/felix",
    "relay/kube",
    "relay/typha/upstream",
    "relay/source",
    "relay/policy",
    "relay/view",
    "relay/typha/splice",
    "relay/services",
    "relay/resources",
    "relay/direct",
    "relay/webhooks",
    "relay",
    "relay/http",
    "cli/admin",
    "cli/launch",
    "cli/demo",
    "cli/mock",
    "cli/cluster",
  ],
  /** The program. */
  cli: ["shared/lib", "relay/lib", "cli/admin", "cli/commands"],
};
