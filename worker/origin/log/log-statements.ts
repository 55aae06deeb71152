/** The statements of the log store, with the types of their parameters and columns. */
import { statement } from "../../storage/sql.ts";
import { WIPED_TABLES } from "./log-schema.ts";

export const PUT_FRAME = statement(
  "INSERT INTO frames (id, revision, previous, payload, entries, projected) VALUES (?1, ?2, ?3, ?4, ?5, ?2) ON CONFLICT (id) DO UPDATE SET revision = ?2, previous = ?3, payload = ?4, entries = ?5, projected = ?2",
  ["integer", "integer", "blob", "blob", "blob"],
  {},
);
export const FRAME = statement(
  "SELECT revision, previous, payload, entries FROM frames WHERE id = ?",
  ["integer"],
  { revision: "integer", previous: "blob", payload: "blob", entries: "blob" },
);
export const FRAME_HEAD = statement(
  "SELECT revision, previous, entries FROM frames WHERE id = ?",
  ["integer"],
  { revision: "integer", previous: "blob", entries: "blob" },
);
export const FRAME_REVISIONS = statement(
  "SELECT revision FROM frames WHERE id >= ? AND id < ? ORDER BY revision",
  ["integer", "integer"],
  { revision: "integer" },
);
export const PROJECTED_REVISION = statement(
  "SELECT projected FROM frames WHERE id = ?",
  ["integer"],
  {
    projected: "integer",
  },
);
export const BLOB_HEADS = statement(
  "SELECT prefix, bits, revision, length(payload) AS size FROM blobs WHERE channel = ? ORDER BY prefix",
  ["integer"],
  { prefix: "integer", bits: "integer", revision: "integer", size: "integer" },
);
export const BLOB_ENTRIES = statement(
  "SELECT entries FROM blobs WHERE channel = ? AND prefix = ? AND bits = ?",
  ["integer", "integer", "integer"],
  { entries: "blob" },
);
export const BLOB = statement(
  "SELECT payload, entries FROM blobs WHERE channel = ? AND prefix = ? AND bits = ?",
  ["integer", "integer", "integer"],
  { payload: "blob", entries: "blob" },
);
export const DELETE_BLOB = statement(
  "DELETE FROM blobs WHERE channel = ? AND prefix = ? AND bits = ?",
  ["integer", "integer", "integer"],
  {},
);
export const PUT_BLOB = statement(
  "INSERT OR REPLACE INTO blobs (channel, prefix, bits, revision, entries, payload) VALUES (?, ?, ?, ?, ?, ?)",
  ["integer", "integer", "integer", "integer", "blob", "blob"],
  {},
);
export const QUARANTINE = statement(
  "INSERT OR REPLACE INTO quarantine (channel, key_hash, record_hash, kind, key, bytes, rule, message, claims) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
  ["integer", "blob", "blob", "text", "text", "blob", "text", "text", "text"],
  {},
);
export const RELEASE = statement(
  "DELETE FROM quarantine WHERE channel = ? AND key_hash = ? RETURNING length(bytes) AS size",
  ["integer", "blob"],
  { size: "integer" },
);
const QUARANTINED_COLUMNS = {
  key_hash: "blob",
  record_hash: "blob",
  kind: "text",
  key: "text",
  bytes: "blob",
  rule: "text",
  message: "text",
  claims: "text",
} as const;
export const QUARANTINED = statement(
  "SELECT * FROM quarantine WHERE channel = ? AND key_hash = ?",
  ["integer", "blob"],
  QUARANTINED_COLUMNS,
);
export const QUARANTINED_AFTER = statement(
  "SELECT * FROM quarantine WHERE channel = ? AND key_hash > ? ORDER BY key_hash LIMIT ?",
  ["integer", "blob", "integer"],
  QUARANTINED_COLUMNS,
);
export const QUARANTINED_HASHES = statement(
  "SELECT key_hash, record_hash, rule, length(bytes) AS size FROM quarantine WHERE channel = ? AND key_hash > ? ORDER BY key_hash LIMIT ?",
  ["integer", "blob", "integer"],
  { key_hash: "blob", record_hash: "blob", rule: "text", size: "integer" },
);
export const QUARANTINED_ENDPOINTS = statement(
  "SELECT count(*) AS n FROM quarantine WHERE channel = ? AND kind IN ('WorkloadEndpoint', 'HostEndpoint') AND rule <> ?",
  ["integer", "text"],
  { n: "integer" },
);
export const PENDING_CLAIM = statement(
  "SELECT 1 AS found FROM quarantine WHERE rule = 'unclaimed-range' LIMIT 1",
  [],
  { found: "integer" },
);
export const WIPE = WIPED_TABLES.map(({ name, key, first, span }) => ({
  span,
  rows: statement(
    `DELETE FROM ${name} WHERE (${key}) IN (SELECT ${key} FROM ${name} WHERE ${first} >= ? AND ${first} < ? LIMIT ?) RETURNING 1 AS gone`,
    ["integer", "integer", "integer"],
    { gone: "integer" },
  ),
}));
