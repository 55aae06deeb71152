import fc from "fast-check";
import { expect, test } from "vitest";

import { vxlanFrame } from "../../../relay/path/frame.ts";
import { decodeProbe, encodeProbe } from "../../../relay/path/probe.ts";
import { readStream, streamBytes } from "../../../relay/path/tally.ts";
import type { Vtep } from "../../../shared/overlay/vtep.ts";

const end = (family: 4 | 6, n: number): Vtep => ({
  node: `n${n}`,
  family,
  outer: family === 4 ? `192.0.2.${n}` : `2001:db8::${n}`,
  address: family === 4 ? `10.66.${n}.0` : `fd00:66::${n}:0`,
  mac: `66:00:00:00:00:0${n}`,
});

/** The sum of a packet that is whole, with its checksum. */
function sum(bytes: Buffer): number {
  let total = 0;
  const even = bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)]);
  for (let i = 0; i < even.length; i += 2) total += even.readUInt16BE(i);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

test("[OVL12] a frame is VXLAN with the network's number, Ethernet, IPv4 that is not to be cut up, UDP, each with its checksum", () => {
  const frame = vxlanFrame(
    { from: end(4, 1), to: end(4, 2), vni: 4_096, port: 5_476 },
    Buffer.from("abc"),
  );
  expect(frame.subarray(0, 8).toString("hex")).toBe("0800000000100000");
  expect(frame.subarray(8, 22).toString("hex")).toBe("6600000000026600000000010800");
  const ip = frame.subarray(22, 42);
  expect(ip.readUInt16BE(2)).toBe(frame.length - 22);
  expect(ip.readUInt16BE(6)).toBe(0x4000);
  expect(ip.subarray(12).toString("hex")).toBe("0a4201000a420200");
  expect(sum(ip)).toBe(0xffff);
  const udp = frame.subarray(42);
  expect([udp.readUInt16BE(0), udp.readUInt16BE(2), udp.readUInt16BE(4)]).toEqual([
    5_476, 5_476, 11,
  ]);
  const pseudo = Buffer.concat([ip.subarray(12), Buffer.from([0, 17, 0, udp.length])]);
  expect(sum(Buffer.concat([pseudo, udp]))).toBe(0xffff);
});

test("[OVL12] and over IPv6 the same", () => {
  const frame = vxlanFrame(
    { from: end(6, 1), to: end(6, 2), vni: 7, port: 5_476 },
    Buffer.from("abcd"),
  );
  expect(frame.subarray(20, 22).toString("hex")).toBe("86dd");
  const [ip, udp] = [frame.subarray(22, 62), frame.subarray(62)];
  expect([ip[0], ip.readUInt16BE(4), ip[6]]).toEqual([0x60, 12, 17]);
  const pseudo = Buffer.concat([ip.subarray(8), Buffer.from([0, 0, 0, 12, 0, 0, 0, 17])]);
  expect(sum(Buffer.concat([pseudo, udp]))).toBe(0xffff);
});

test("[OVL12] a probe's packet has its size, and what is no whole probe is none", () => {
  for (const family of [4, 6] as const) {
    const probe = { check: 9, way: "frame", pair: 3, family, size: 1_400 } as const;
    const bytes = encodeProbe(probe);
    expect(bytes.length).toBe(1_400 - (family === 4 ? 28 : 48));
    expect(decodeProbe(bytes)).toEqual(probe);
    expect(decodeProbe(bytes.subarray(1))).toBe(null);
    expect(decodeProbe(bytes.subarray(0, -1))).toBe(null);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(decodeProbe(bytes)).toBe(null);
    }),
  );
});

test("[OVL12] a stream that is shifted or altered is told from one that only ends early", () => {
  const probe = encodeProbe({ check: 1, way: "stream", pair: 0, family: 4, size: 0 });
  const whole = Buffer.concat([probe, streamBytes()]);
  expect(readStream(whole)).toEqual({ bytes: 65_536, isAltered: false });
  expect(readStream(whole.subarray(0, 1_000))).toMatchObject({ isAltered: false });
  const altered = Buffer.from(whole);
  altered[5_000] = (altered[5_000] ?? 0) ^ 1;
  expect(readStream(altered)).toEqual({ bytes: 65_536, isAltered: true });
  const shifted = Buffer.concat([probe, streamBytes().subarray(4)]);
  expect(readStream(shifted).isAltered).toBe(true);
});
