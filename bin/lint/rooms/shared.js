/** What all sides know: neither Node nor Workers. Read by `../rooms.js`. */

/** @type {Readonly<Record<string, readonly string[]>>} */
export const SHARED_ROOMS = {
  /** Bytes, hashes, msgpack, names, clocks. */
  "shared/lib": [],
  /** Addresses and ranges. */
  "shared/ip": ["shared/lib"],
  /** What travels of a Calico object, and its one encoding. */
  "shared/record": ["shared/lib", "shared/ip"],
  /** Calico's selectors. */
  "shared/selector": ["shared/record"],
  /** A log's cursors, payloads and digests. */
  "shared/log": ["shared/lib", "shared/record"],
  /** Messages between relays and the hub. */
  "shared/protocol": ["shared/lib", "shared/record", "shared/log"],
  /** Routes between clusters: what they need, and what they are. */
  "shared/overlay": ["shared/lib", "shared/ip", "shared/record"],
  /** Who sees whom: facts, RCCs, scopes. */
  "shared/visibility": [
    "shared/lib",
    "shared/ip",
    "shared/record",
    "shared/selector",
    "shared/overlay",
  ],
  /** Which records an origin may have. */
  "shared/admission": ["shared/ip", "shared/record", "shared/visibility", "shared/overlay"],
  /** What webhooks are told: events, their payloads, targets and retries. */
  "shared/webhooks": ["shared/lib", "shared/ip", "shared/visibility"],
  /** The admin API's operations, and what a relay answers over HTTP. */
  "shared/api": ["shared/lib", "shared/overlay", "shared/visibility"],
};
