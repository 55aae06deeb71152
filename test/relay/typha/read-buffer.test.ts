/** The buffer that Typha's stream is read into, under streams that a real Typha wrote. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { scanned } from "../../../relay/source/typha/scan.ts";
import { GobDecoder } from "../../../relay/typha/gob/decoder.ts";
import { readMessage } from "../../../relay/typha/messages.ts";
import { ReadBuffer } from "../../../relay/typha/read-buffer.ts";
import { TyphaReader } from "../../../relay/typha/typha-reader.ts";

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
