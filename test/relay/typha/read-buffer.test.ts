/** The buffer that Typha's stream is read into, under streams that a real Typha wrote. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { scanned } from "../../../relay/source/typha/scan.ts";
import { GobDecoder } from "../../../relay/typha/wire/gob/decoder.ts";
import { readMessage } from "../../../relay/typha/wire/messages.ts";
import { ReadBuffer } from "../../../relay/typha/wire/read-buffer.ts";
import { TyphaReader } from "../../../relay/typha/wire/typha-reader.ts";

const FOLDER = join(import.meta.dirname, "../../fixtures/golden/typha");
const MAX = 1 << 20;
/** Plain gob from the first byte to the last. */
const PLAIN = readdirSync(FOLDER).filter((name) => /^b\d-.*plain\.s2c\.bin$/.test(name));

/** What a stream says: key/values and the types of other messages, in order. */
function whole(bytes: Uint8Array): string[] {
  return new GobDecoder(MAX)
    .feed(bytes)
    .map(readMessage)
    .flatMap((message) =>
      message.type === "MsgKVs"
        ? message.kvs.map(
            ({ key, value }) => `${key}=${value === null ? "" : Buffer.from(value).toString()}`,
          )
        : [message.type],
    );
}

/** Each piece is written where the socket would write it. */
function inPieces(bytes: Uint8Array, size: number, isKept: boolean): string[] {
  const buffer = new ReadBuffer(MAX);
  const reader = new TyphaReader(MAX);
  const said: string[] = [];
  for (let from = 0; from < bytes.length;) {
    const { space } = buffer;
    const piece = bytes.subarray(from, Math.min(from + size, from + space.length));
    space.set(piece);
    from += piece.length;
    buffer.came(
      piece.length,
      (chunk) => {
        const message = reader.read(chunk);
        if (message === null) return;
        if (message.type !== "raw") said.push(message.type);
        else
          for (const { key, value } of scanned(message))
            said.push(`${key}=${value === null ? "" : Buffer.from(value).toString()}`);
      },
      () => isKept,
    );
  }
  return said;
}

test.each(PLAIN)("[TYP13] %s read in pieces of any size says the same as read whole", (name) => {
  const bytes = readFileSync(join(FOLDER, name));
  const wanted = whole(bytes);
  expect(wanted.length).toBeGreaterThan(20);
  for (const size of [1, 2, 3, 7, 64, 100, 333, 1_000, 65_536])
    for (const isKept of [false, true])
      expect(inPieces(bytes, size, isKept), `pieces of ${size}`).toEqual(wanted);
});

/** Key/values of Typha in one message of so many bytes. */
const message = (bytes: number): Uint8Array => {
  const chunk = new Uint8Array(bytes).fill(1);
  chunk.set([0xfd, (bytes - 4) >> 16, ((bytes - 4) >> 8) & 255, (bytes - 4) & 255]);
  return chunk;
};

function read(buffer: ReadBuffer, stream: Uint8Array, isKept = (): boolean => false): number {
  let chunks = 0;
  for (let from = 0; from < stream.length;) {
    const { space } = buffer;
    const piece = stream.subarray(from, from + space.length);
    space.set(piece);
    from += piece.length;
    buffer.came(piece.length, () => chunks++, isKept);
  }
  return chunks;
}

test("[TYP13] a snapshot is read in large pieces, and what comes now and then in small ones again", () => {
  const buffer = new ReadBuffer(MAX);
  const idle = buffer.size;
  const snapshot = Buffer.concat(Array.from({ length: 40 }, () => message(46_000)));
  expect(read(buffer, snapshot)).toBe(40);
  expect(buffer.size).toBeGreaterThan(4 * idle);
  for (let ping = 0; ping < 10; ping++) expect(read(buffer, message(100))).toBe(1);
  expect(buffer.size).toBe(idle);
  expect(read(buffer, message(500_000)), "longer than any").toBe(1);
  for (let ping = 0; ping < 10; ping++) expect(read(buffer, message(100))).toBe(1);
  expect(buffer.size).toBe(idle);
});

test("[TYP13] for a Felix that is slow, and for all at once, snapshots are read in smaller pieces", () => {
  const snapshot = Buffer.concat(Array.from({ length: 40 }, () => message(46_000)));
  const slow = new ReadBuffer(MAX);
  // Asked behind each read, when Felix has not taken all, and before the next one, when it has.
  let asked = 0;
  expect(read(slow, snapshot, () => asked++ % 2 === 0)).toBe(40);
  expect(asked).toBeGreaterThan(40);
  expect(slow.size).toBeLessThanOrEqual(3 * 64 * 1024);
  const many = Array.from({ length: 400 }, () => new ReadBuffer(MAX));
  for (const buffer of many) expect(read(buffer, snapshot)).toBe(40);
  const sum = (): number => many.reduce((all, buffer) => all + buffer.size, 0);
  expect(sum()).toBeLessThan(100 * 1024 * 1024);
  for (const buffer of many) buffer.release();
  expect(sum()).toBe(0);
  expect(read(slow, snapshot)).toBe(40);
  expect(slow.size, "there is room again").toBeGreaterThan(256 * 1024);
});

test("[TYP13] a buffer that is released by who takes a chunk takes no memory again", () => {
  const buffer = new ReadBuffer(MAX);
  const piece = message(8_000);
  buffer.space.set(piece);
  buffer.came(
    piece.length,
    () => buffer.release(),
    () => false,
  );
  expect(buffer.size).toBe(0);
});
