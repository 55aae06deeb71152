/**
 * Typha's messages as gob: fixed type ids, and every definition up front, each a chunk of its own.
 * Then each message is one chunk, and its bytes are the same for all connections. [TYP2]
 */
import { GobWriter } from "./gob/bytes.ts";
import { NAME_PREFIX } from "./messages.ts";
import type { ClientHello, SerializedUpdate, ServerHello } from "./messages.ts";

/** Type ids of our streams, and their definitions as stand-alone chunks. */
const IDS = {
  Envelope: 65,
  MsgClientHello: 66,
  MsgServerHello: 68,
  MsgDecoderRestart: 69,
  MsgACK: 70,
  MsgSyncStatus: 71,
  MsgPing: 72,
  MsgPong: 74,
  MsgKVs: 75,
} as const;

const DEFINITIONS = {
  Envelope: "22ff8103010108456e76656c6f706501ff8200010101074d6573736167650110000000",
  MsgClientHello:
    "ffbaff830301010e4d7367436c69656e7448656c6c6f01ff840001080108486f73746e616d65010c000104496e666f010c00010756657273696f6e010c00010a53796e63657254797065010c000116537570706f7274734465636f64657252657374617274010200011e537570706f72746564436f6d7072657373696f6e416c676f726974686d7301ff86000118537570706f7274734d6f6465726e506f6c6963794b657973010200010c436c69656e74436f6e6e49440106000000",
  CompressionAlgorithms:
    "2eff85020101205b5d73796e6370726f746f2e436f6d7072657373696f6e416c676f726974686d01ff8600010c0000",
  MsgServerHello:
    "68ff870301010e4d736753657276657248656c6c6f01ff88000104010756657273696f6e010c00010a53796e63657254797065010c00011b537570706f7274734e6f64655265736f7572636555706461746573010200010c536572766572436f6e6e49440106000000",
  MsgDecoderRestart:
    "44ff89030101114d73674465636f6465725265737461727401ff8a00010201074d657373616765010c000114436f6d7072657373696f6e416c676f726974686d010c000000",
  MsgACK: "12ff8b030101064d736741434b01ff8c000000",
  MsgSyncStatus:
    "2aff8d0301010d4d736753796e6353746174757301ff8e000101010a53796e635374617475730106000000",
  MsgPing: "24ff8f030101074d736750696e6701ff90000101010954696d657374616d7001ff92000000",
  Time: "10ff910501010454696d6501ff92000000",
  MsgPong:
    "3bff93030101074d7367506f6e6701ff94000102010d50696e6754696d657374616d7001ff9200010d506f6e6754696d657374616d7001ff92000000",
  MsgKVs: "1dff95030101064d73674b567301ff9600010101034b567301ff98000000",
  SerializedUpdates:
    "2bff970201011c5b5d73796e6370726f746f2e53657269616c697a656455706461746501ff980001ff9a0000",
  SerializedUpdate:
    "6aff990301011053657269616c697a656455706461746501ff9a00010601034b6579010c00010556616c7565010a0001085265766973696f6e011000011156335265736f7572636556657273696f6e010c00010354544c010400010a557064617465547970650106000000",
} as const;

/** What a server sends before its first message: once per gob stream. */
export const SERVER_DEFINITIONS = definitions(
  "Envelope",
  "MsgServerHello",
  "MsgDecoderRestart",
  "MsgSyncStatus",
  "MsgPing",
  "Time",
  "MsgKVs",
  "SerializedUpdates",
  "SerializedUpdate",
);
/** What a client sends before its first message. */
export const CLIENT_DEFINITIONS = definitions(
  "Envelope",
  "MsgClientHello",
  "CompressionAlgorithms",
  "MsgPong",
  "Time",
  "MsgACK",
);

function definitions(...names: (keyof typeof DEFINITIONS)[]): Buffer {
  return Buffer.concat(names.map((name) => Buffer.from(DEFINITIONS[name], "hex")));
}

/** Writes the fields of a struct that are not zero, with their deltas, and the end mark. */
class StructWriter {
  readonly writer = new GobWriter();
  #last = -1;

  field(number: number, isZero: boolean, write: (writer: GobWriter) => void): this {
    if (isZero) return this;
    this.writer.uint(number - this.#last);
    this.#last = number;
    write(this.writer);
    return this;
  }

  text(number: number, value: string): this {
    return this.field(number, value === "", (writer) => writer.text(value));
  }

  flag(number: number, value: boolean): this {
    return this.field(number, !value, (writer) => writer.uint(1));
  }

  uint(number: number, value: number | bigint): this {
    return this.field(number, BigInt(value) === 0n, (writer) => writer.uint(value));
  }

  finish(): Buffer {
    return this.writer.byte(0).finish();
  }
}

function envelope(type: keyof typeof IDS, value: Uint8Array): Buffer {
  const payload = new GobWriter(value.length + 96)
    .int(IDS.Envelope)
    .uint(1)
    .text(NAME_PREFIX + type)
    .int(IDS[type])
    .uint(value.length)
    .raw(value)
    .byte(0)
    .finish();
  return new GobWriter(payload.length + 9).bytes(payload).finish();
}

export function encodeClientHello(hello: Omit<ClientHello, "type">): Buffer {
  const value = new StructWriter()
    .text(0, hello.hostname)
    .text(1, hello.info)
    .text(2, hello.version)
    .text(3, hello.syncerType)
    .flag(4, hello.supportsDecoderRestart)
    .field(5, hello.compressionAlgorithms.length === 0, (writer) => {
      writer.uint(hello.compressionAlgorithms.length);
      for (const algorithm of hello.compressionAlgorithms) writer.text(algorithm);
    })
    .flag(6, hello.supportsModernPolicyKeys)
    .uint(7, hello.clientConnId)
    .finish();
  return envelope("MsgClientHello", value);
}

export function encodeServerHello(hello: Omit<ServerHello, "type">): Buffer {
  const value = new StructWriter()
    .text(0, hello.version)
    .text(1, hello.syncerType)
    .flag(2, hello.supportsNodeResourceUpdates)
    .uint(3, hello.serverConnId)
    .finish();
  return envelope("MsgServerHello", value);
}

export function encodeDecoderRestart(message: string, compressionAlgorithm: string): Buffer {
  return envelope(
    "MsgDecoderRestart",
    new StructWriter().text(0, message).text(1, compressionAlgorithm).finish(),
  );
}

export function encodeAck(): Buffer {
  return envelope("MsgACK", new StructWriter().finish());
}

export function encodeSyncStatus(status: number): Buffer {
  return envelope("MsgSyncStatus", new StructWriter().uint(0, status).finish());
}

export function encodePing(timestamp: Uint8Array): Buffer {
  return envelope(
    "MsgPing",
    new StructWriter().field(0, false, (writer) => writer.bytes(timestamp)).finish(),
  );
}

export function encodePong(pingTimestamp: Uint8Array): Buffer {
  return envelope(
    "MsgPong",
    new StructWriter().field(0, false, (writer) => writer.bytes(pingTimestamp)).finish(),
  );
}

/** One element of `MsgKVs`: encoded once, sent in any message to anybody. */
export function encodeUpdate(update: SerializedUpdate): Buffer {
  return new StructWriter()
    .text(0, update.key)
    .field(1, update.value === null || update.value.length === 0, (writer) =>
      writer.bytes(update.value as Uint8Array),
    )
    .field(2, false, (writer) => {
      const inner = new GobWriter().byte(0).text(update.revision).finish();
      writer.text("string").int(6).bytes(inner);
    })
    .text(3, update.v3ResourceVersion)
    .field(4, BigInt(update.ttlNs) === 0n, (writer) => writer.int(update.ttlNs))
    .uint(5, update.updateType)
    .finish();
}

/** The same element with another update type, which is its last byte but one. */
export function withType(element: Uint8Array, updateType: number): Uint8Array {
  if (element[element.length - 2] === updateType) return element;
  const copy = new Uint8Array(element);
  copy[copy.length - 2] = updateType;
  return copy;
}

export function encodeKvs(updates: readonly Uint8Array[]): Buffer {
  return envelope("MsgKVs", encodeKvsValue(updates));
}

/** The value of `MsgKVs` alone, as `KvsScanner` reads it. */
export function encodeKvsValue(updates: readonly Uint8Array[]): Buffer {
  const size = updates.reduce((sum, update) => sum + update.length, 16);
  const value = new GobWriter(size).uint(1).uint(updates.length);
  for (const update of updates) value.raw(update);
  return value.byte(0).finish();
}

/** Elements of `MsgKVs`, in one or several parts. */
export interface Elements {
  readonly count: number;
  readonly parts: readonly Uint8Array[];
}

/** What stands between a chunk's length and the length of its `MsgKVs`, on our streams. */
export const KVS_START: Uint8Array = new GobWriter(80)
  .int(IDS.Envelope)
  .uint(1)
  .text(`${NAME_PREFIX}MsgKVs`)
  .int(IDS.MsgKVs)
  .finish();
/** End of `MsgKVs`, end of the envelope. */
const KVS_END = Buffer.from([0, 0]);

/**
 * A `MsgKVs` of elements that lie in `parts`, one or several in each, without copying them: to be
 * written one after the other.
 */
export function encodeKvsAround(count: number, parts: readonly Uint8Array[]): Uint8Array[] {
  const elements = parts.reduce((sum, part) => sum + part.length, 0);
  const counted = new GobWriter(12).uint(1).uint(count).finish();
  const value = counted.length + elements + 1;
  const head = new GobWriter(20).uint(value).raw(counted).finish();
  const payload = KVS_START.length + head.length + elements + KVS_END.length;
  const start = new GobWriter(96).uint(payload).raw(KVS_START).raw(head).finish();
  return [start, ...parts, KVS_END];
}

/** Go's `time.Time` for now (version 1, UTC): 15 bytes. */
export function encodeTime(unixMs: number): Buffer {
  const bytes = Buffer.alloc(15);
  bytes[0] = 1;
  bytes.writeBigInt64BE(BigInt(Math.floor(unixMs / 1000)) + 62_135_596_800n, 1);
  bytes.writeInt32BE((unixMs % 1000) * 1_000_000, 9);
  bytes.writeInt16BE(-1, 13);
  return bytes;
}
