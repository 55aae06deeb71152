/**
 * Typha's syncproto messages (calico v3.32.1 typha/pkg/syncproto/sync_proto.go), read from decoded
 * gob. `encode.ts` writes them.
 */
import { GobError } from "./gob/bytes.ts";
import { Dynamic } from "./gob/decoder.ts";
import type { GobStruct, GobValue } from "./gob/decoder.ts";

export const SYNCER_TYPES = ["felix", "bgp", "tunnel-ip-allocation", "node-status"] as const;
export const SYNC_STATUS = { waitForDatastore: 0, resyncInProgress: 1, inSync: 2 } as const;
export const UPDATE_TYPE = { unknown: 0, new: 1, updated: 2, deleted: 3 } as const;

export interface ClientHello {
  readonly type: "MsgClientHello";
  readonly hostname: string;
  readonly info: string;
  readonly version: string;
  readonly syncerType: string;
  readonly supportsDecoderRestart: boolean;
  readonly compressionAlgorithms: readonly string[];
  readonly supportsModernPolicyKeys: boolean;
  readonly clientConnId: bigint;
}

export interface ServerHello {
  readonly type: "MsgServerHello";
  readonly version: string;
  readonly syncerType: string;
  readonly supportsNodeResourceUpdates: boolean;
  readonly serverConnId: bigint;
}

/**
 * One key/value as Typha serialises it. `value` is `null` when absent: a deletion with update type
 * 3.
 */
export interface SerializedUpdate {
  readonly key: string;
  readonly value: Uint8Array | null;
  readonly revision: string;
  readonly v3ResourceVersion: string;
  readonly ttlNs: number | bigint;
  readonly updateType: number;
}

export type TyphaMessage =
  | ClientHello
  | ServerHello
  | {
      readonly type: "MsgDecoderRestart";
      readonly message: string;
      readonly compressionAlgorithm: string;
    }
  | { readonly type: "MsgACK" }
  | { readonly type: "MsgSyncStatus"; readonly status: number }
  /** Times are opaque: what comes back in the pong is what was sent. */
  | { readonly type: "MsgPing"; readonly timestamp: Uint8Array }
  | { readonly type: "MsgPong"; readonly pingTimestamp: Uint8Array }
  | { readonly type: "MsgKVs"; readonly kvs: readonly SerializedUpdate[] };

/** Registered names keep the path from before Calico's repositories were joined. */
export const NAME_PREFIX = "github.com/projectcalico/typha/pkg/syncproto.";

const NO_TIME = new Uint8Array();

/**
 * @throws GobError for a value that is no message, an unknown one, or one with a field of another
 *   kind.
 */
export function readMessage(value: GobValue): TyphaMessage {
  const message = asStruct(value, "Envelope")["Message"];
  if (!(message instanceof Dynamic)) throw new GobError("an envelope without a message");
  const fields = asStruct(message.value, message.name);
  const type = message.name.startsWith(NAME_PREFIX)
    ? message.name.slice(NAME_PREFIX.length)
    : message.name;
  switch (type) {
    case "MsgClientHello":
      return {
        type,
        hostname: text(fields, "Hostname"),
        info: text(fields, "Info"),
        version: text(fields, "Version"),
        syncerType: text(fields, "SyncerType"),
        supportsDecoderRestart: flag(fields, "SupportsDecoderRestart"),
        compressionAlgorithms: list(fields, "SupportedCompressionAlgorithms").map((entry) =>
          asText(entry, "SupportedCompressionAlgorithms"),
        ),
        supportsModernPolicyKeys: flag(fields, "SupportsModernPolicyKeys"),
        clientConnId: BigInt(integer(fields, "ClientConnID")),
      };
    case "MsgServerHello":
      return {
        type,
        version: text(fields, "Version"),
        syncerType: text(fields, "SyncerType"),
        supportsNodeResourceUpdates: flag(fields, "SupportsNodeResourceUpdates"),
        serverConnId: BigInt(integer(fields, "ServerConnID")),
      };
    case "MsgDecoderRestart":
      return {
        type,
        message: text(fields, "Message"),
        compressionAlgorithm: text(fields, "CompressionAlgorithm"),
      };
    case "MsgACK":
      return { type };
    case "MsgSyncStatus":
      return { type, status: Number(integer(fields, "SyncStatus")) };
    case "MsgPing":
      return { type, timestamp: bytes(fields, "Timestamp") ?? NO_TIME };
    case "MsgPong":
      return { type, pingTimestamp: bytes(fields, "PingTimestamp") ?? NO_TIME };
    case "MsgKVs":
      return { type, kvs: list(fields, "KVs").map(readUpdate) };
    default:
      throw new GobError(`unknown message ${type.slice(0, 80)}`);
  }
}

function readUpdate(value: GobValue): SerializedUpdate {
  const fields = asStruct(value, "SerializedUpdate");
  const revision = fields["Revision"];
  return {
    key: text(fields, "Key"),
    value: bytes(fields, "Value"),
    revision: revision instanceof Dynamic ? asText(revision.value, "Revision") : "",
    v3ResourceVersion: text(fields, "V3ResourceVersion"),
    ttlNs: integer(fields, "TTL"),
    updateType: Number(integer(fields, "UpdateType")),
  };
}

function asStruct(value: GobValue | undefined, name: string): GobStruct {
  if (
    typeof value !== "object" ||
    value === null ||
    Array.isArray(value) ||
    value instanceof Uint8Array ||
    value instanceof Dynamic
  )
    throw new GobError(`${name} is not a struct`);
  return value as GobStruct;
}

function asText(value: GobValue, field: string): string {
  if (typeof value !== "string") throw new GobError(`${field} is not a string`);
  return value;
}

function text(fields: GobStruct, field: string): string {
  return asText(fields[field] ?? "", field);
}

function flag(fields: GobStruct, field: string): boolean {
  const value = fields[field] ?? false;
  if (typeof value !== "boolean") throw new GobError(`${field} is not a bool`);
  return value;
}

function integer(fields: GobStruct, field: string): number | bigint {
  const value = fields[field] ?? 0;
  if (typeof value !== "number" && typeof value !== "bigint")
    throw new GobError(`${field} is not an integer`);
  return value;
}

function bytes(fields: GobStruct, field: string): Uint8Array | null {
  const value = fields[field];
  if (value === undefined) return null;
  if (!(value instanceof Uint8Array)) throw new GobError(`${field} is not bytes`);
  return value.length === 0 ? null : value;
}

function list(fields: GobStruct, field: string): readonly GobValue[] {
  const value = fields[field] ?? [];
  if (!Array.isArray(value)) throw new GobError(`${field} is not a list`);
  return value as readonly GobValue[];
}
