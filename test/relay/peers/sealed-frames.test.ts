/**
 * What holders of the cluster's key, and nobody else, can say to each other. Pure: no connection.
 */
import { generateKeyPairSync, randomBytes, randomInt } from "node:crypto";

import { expect, test } from "vitest";

import {
  clusterSecret,
  Handshake,
  HELLO_BYTES,
  LENGTH_BYTES,
  MAX_FRAME_BYTES,
  PeerError,
  SealedFrames,
} from "../../../relay/peers/sealed-frames.ts";
import type { Side } from "../../../relay/peers/sealed-frames.ts";

const secret = clusterSecret({ d: "A".repeat(43) });

function session(asking = secret, asked = secret): { a: SealedFrames; b: SealedFrames } {
  const [one, other] = [new Handshake(asking, "asking"), new Handshake(asked, "asked")];
  return { a: one.finish(other.hello), b: other.finish(one.hello) };
}

/** As it is read from a connection: the length is checked, and taken off. */
function body(frame: Buffer): Buffer {
  expect(SealedFrames.bodyBytes(frame.subarray(0, LENGTH_BYTES))).toBe(frame.length - LENGTH_BYTES);
  return frame.subarray(LENGTH_BYTES);
}

test("[PEE3] what one side seals the other opens, in order, both ways, empty and of the largest size", () => {
  const { a, b } = session();
  for (const bytes of [0, 1, 4_096, MAX_FRAME_BYTES]) {
    const plain = randomBytes(bytes);
    expect(b.open(body(a.seal(plain))).equals(plain)).toBe(true);
    expect(a.open(body(b.seal(plain))).equals(plain)).toBe(true);
  }
  expect(() => a.seal(Buffer.alloc(MAX_FRAME_BYTES + 1))).toThrow("BUG");
});

test("[PEE3] who has another key is refused at the first frame, on either side", () => {
  const { a, b } = session(secret, clusterSecret({ d: "B".repeat(43) }));
  expect(() => b.open(body(a.seal(Buffer.from("x"))))).toThrow("has not the key of this cluster");
  expect(() => a.open(body(b.seal(Buffer.from("x"))))).toThrow("has not the key of this cluster");
});

test("[PEE3] [PEE8] a bit that was changed anywhere is seen, and so is a frame that is cut", () => {
  for (let round = 0; round < 200; round++) {
    const { a, b } = session();
    const sealed = body(a.seal(randomBytes(randomInt(0, 64))));
    const bad = Buffer.from(sealed);
    const at = randomInt(0, bad.length);
    bad[at] = (bad[at] ?? 0) ^ (1 << randomInt(0, 8));
    expect(() => b.open(bad)).toThrow(PeerError);
    if (sealed.length > 16)
      expect(() => b.open(sealed.subarray(0, randomInt(16, sealed.length)))).toThrow(PeerError);
    // Neither has spoiled the place of the true one.
    expect(b.open(sealed)).toHaveLength(sealed.length - 16);
  }
});

test("[PEE3] a frame repeated, left out, reordered, reflected or of another session does not open", () => {
  const { a, b } = session();
  const frames = ["one", "two", "three"].map((text) => body(a.seal(Buffer.from(text))));
  const [one, two, three] = frames as [Buffer, Buffer, Buffer];
  expect(() => b.open(two)).toThrow(PeerError);
  expect(b.open(one).toString()).toBe("one");
  expect(() => b.open(one)).toThrow("what it says is not what was sent");
  expect(() => b.open(three)).toThrow(PeerError);
  expect(() => a.open(two)).toThrow(PeerError);
  expect(() => session().b.open(one)).toThrow(PeerError);
  expect(b.open(two).toString()).toBe("two");
});

test("[PEE3] an asking side that gets its own hello back speaks to nobody", () => {
  const asking = new Handshake(secret, "asking");
  const frames = asking.finish(asking.hello);
  const reflected = body(frames.seal(Buffer.from("x")));
  expect(() => frames.open(reflected)).toThrow(PeerError);
});

test("[PEE3] two sessions of one key have nothing in common", () => {
  const { hello } = new Handshake(secret, "asked");
  const asking = new Handshake(secret, "asking");
  expect(hello.equals(new Handshake(secret, "asked").hello)).toBe(false);
  const [first, second] = [asking, new Handshake(secret, "asking")].map((one) =>
    one.finish(hello).seal(Buffer.from("the same")),
  );
  expect(first?.equals(second as Buffer)).toBe(false);
});

test("[PEE3] a hello that is none, or whose key is worthless, is refused", () => {
  const good = new Handshake(secret, "asked").hello;
  expect(good).toHaveLength(HELLO_BYTES);
  const finish = (side: Side, hello: Buffer) => () => new Handshake(secret, side).finish(hello);
  expect(finish("asking", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"))).toThrow("no relay");
  expect(finish("asking", Buffer.concat([Buffer.from("catwalk-peers-2\n"), good]))).toThrow(
    "another version",
  );
  // Points of low order: everybody knows what comes of them.
  for (const point of [Buffer.alloc(32), Buffer.concat([Buffer.of(1), Buffer.alloc(31)])])
    for (const side of ["asking", "asked"] as const)
      expect(finish(side, Buffer.concat([good.subarray(0, 16), point]))).toThrow("worthless");
});

test("[PEE5] [PEE10] a length that no frame has is refused before any of it is read", () => {
  const lengthOf = (bytes: number): Buffer => {
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(bytes);
    return length;
  };
  for (const bytes of [0, 15, MAX_FRAME_BYTES + 17, 2 ** 32 - 1])
    expect(() => SealedFrames.bodyBytes(lengthOf(bytes))).toThrow(`a frame of ${bytes} bytes`);
});

test("[PEE3] the secret is of the private key, and of it alone", () => {
  const { d = "" } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  expect(clusterSecret({ d }).equals(clusterSecret({ d }))).toBe(true);
  expect(clusterSecret({ d }).equals(secret)).toBe(false);
  expect(clusterSecret({ d })).toHaveLength(32);
});
