import fc from "fast-check";
import { expect, test } from "vitest";

import { GobReader, GobWriter } from "../../../relay/typha/wire/gob/bytes.ts";
import { GobDecoder } from "../../../relay/typha/wire/gob/decoder.ts";
import {
  CLIENT_DEFINITIONS,
  encodeAck,
  encodeClientHello,
  encodeDecoderRestart,
  encodeKvs,
  encodePing,
  encodePong,
  encodeServerHello,
  encodeSyncStatus,
  encodeTime,
  encodeUpdate,
  SERVER_DEFINITIONS,
} from "../../../relay/typha/wire/encode.ts";
import { readMessage } from "../../../relay/typha/wire/messages.ts";

const hex = (text: string): string => text.replaceAll(/\s+/g, "");
const time = encodeTime(Date.parse("2026-01-01T00:00:00.123Z"));
const vectorTime = Buffer.from("010000000ee0e7b000075bcd15ffff", "hex");

// Bytes that Calico's own types decode, and that a real Typha takes; computed once with Go's rules
// for the same ids.
test("[TYP2] MsgServerHello has the published bytes", () => {
  const bytes = encodeServerHello({
    version: "v3.32.1",
    syncerType: "felix",
    supportsNodeResourceUpdates: true,
    serverConnId: 7n,
  });
  expect(bytes.toString("hex")).toBe(
    hex(`58ff82013b6769746875622e636f6d2f70726f6a65637463616c69636f2f74797068612f706b672f73796e6370726f746f2e4d7367536572766572
      48656c6c6fff8815010776332e33322e31010566656c69780101010700 00`),
  );
});

test("[TYP2] MsgDecoderRestart, MsgACK and MsgSyncStatus have the published bytes", () => {
  expect(encodeDecoderRestart("x", "snappy").subarray(-16).toString("hex")).toBe(
    hex("74 ff 8a 0c 01 01 78 01 06 73 6e 61 70 70 79 00 00").slice(2),
  );
  expect(encodeAck().subarray(-4).toString("hex")).toBe("8c010000");
  expect(encodeSyncStatus(0).subarray(-4).toString("hex")).toBe("8e010000");
  expect(encodeSyncStatus(2).subarray(-6).toString("hex")).toBe("8e0301020000");
  expect(encodeSyncStatus(2)).toHaveLength(70);
});

test("[TYP2] MsgPing and MsgPong carry a time as Go writes it", () => {
  expect(encodePing(vectorTime)).toHaveLength(79);
  expect(encodePing(vectorTime).subarray(-21).toString("hex")).toBe(
    hex("90 12 01 0f 01 00 00 00 0e e0 e7 b0 00 07 5b cd 15 ff ff 00 00"),
  );
  expect(encodePong(vectorTime).subarray(-21).toString("hex")).toBe(
    hex("94 12 01 0f 01 00 00 00 0e e0 e7 b0 00 07 5b cd 15 ff ff 00 00"),
  );
  expect(time.subarray(0, 9)).toEqual(vectorTime.subarray(0, 9));
});

test("[TYP2] MsgKVs with a new key and a deletion has the published bytes", () => {
  const encoded = encodeKvs([
    encodeUpdate({
      key: "/calico/v1/host/b_n1/config/IPv4VXLANTunnelAddr",
      value: Buffer.from("10.65.0.1"),
      revision: "123",
      v3ResourceVersion: "",
      ttlNs: 0,
      updateType: 1,
    }),
    encodeUpdate({
      key: "/calico/v1/netset/x",
      value: null,
      revision: "",
      v3ResourceVersion: "",
      ttlNs: 0,
      updateType: 3,
    }),
  ]);
  expect(encoded.toString("hex")).toBe(
    hex(`ffb0ff8201336769746875622e636f6d2f70726f6a65637463616c69636f2f74797068612f706b672f73796e6370726f746f2e4d73674b5673ff9675
      0102012f2f63616c69636f2f76312f686f73742f625f6e312f636f6e6669672f4950763456584c414e54756e6e656c41646472010931302e36352e30
      2e310106737472696e670c050003313233030100 01132f63616c69636f2f76312f6e65747365742f780206737472696e670c02000003030000 00`),
  );
});

test("[TYP2] what we encode, with definitions up front, decodes to the same message", () => {
  const hello = {
    hostname: "n1",
    info: "i",
    version: "v3.32.1",
    syncerType: "felix",
    supportsDecoderRestart: false,
    compressionAlgorithms: ["snappy"],
    supportsModernPolicyKeys: true,
    clientConnId: 16171010181105188865n,
  };
  const client = new GobDecoder(1 << 20).feed(
    Buffer.concat([CLIENT_DEFINITIONS, encodeClientHello(hello), encodePong(time)]),
  );
  expect(client.map(readMessage)).toEqual(
    [
      { type: "MsgClientHello", ...hello },
      { type: "MsgPong", pingTimestamp: new Uint8Array(time) },
    ].map((m) => expect.objectContaining(m.type === "MsgPong" ? { type: "MsgPong" } : m)),
  );
  const update = {
    key: "/k",
    value: new Uint8Array([1, 2]),
    revision: "9",
    v3ResourceVersion: "8",
    ttlNs: 5,
    updateType: 2,
  };
  const server = new GobDecoder(1 << 20).feed(
    Buffer.concat([SERVER_DEFINITIONS, encodeKvs([encodeUpdate(update)])]),
  );
  const decoded = server.map(readMessage)[0];
  expect(
    decoded?.type === "MsgKVs"
      ? decoded.kvs.map((kv) => ({ ...kv, value: [...(kv.value ?? [])] }))
      : null,
  ).toEqual([{ ...update, value: [1, 2] }]);
});

test("[TYP1] integers follow gob's rules, both ways", () => {
  const encode = (value: number | bigint) => new GobWriter().int(value).finish().toString("hex");
  expect(encode(65)).toBe("ff82");
  expect(encode(-65)).toBe("ff81");
  expect(new GobWriter().uint(258).finish().toString("hex")).toBe("fe0102");
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      expect(BigInt(new GobReader(new GobWriter().int(value).finish()).int())).toBe(value);
    }),
  );
});

test("[TYP3] hostile bytes end in an error or in nothing, never in a crash or a large allocation", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, isDefined) => {
      const decoder = new GobDecoder(1 << 20);
      try {
        if (isDefined) decoder.feed(SERVER_DEFINITIONS);
        for (const value of decoder.feed(bytes)) readMessage(value);
      } catch (error) {
        expect((error as Error).constructor.name).toBe("GobError");
      }
    }),
    { numRuns: 2_000 },
  );
  expect(() => new GobDecoder(1 << 20).feed(Buffer.from("f8ffffffffffffffff", "hex"))).toThrow(
    /limit/,
  );
});
