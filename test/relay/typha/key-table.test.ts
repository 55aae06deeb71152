/** The table of local keys: what is the same key and what is not, whatever its length. */
import { expect, test } from "vitest";

import { viewOf } from "../../../relay/typha/wire/byte-hash.ts";
import { KeyTable } from "../../../relay/typha/splice/key-table.ts";

test("[TYP13] a key is told from every other of its length that differs in one byte, wherever they lie", () => {
  for (let length = 1; length <= 70; length++) {
    const table = new KeyTable();
    const key = Buffer.from(Array.from({ length }, (_, n) => 97 + (n % 26)));
    const id = table.add(viewOf(key), 0, length, 7);
    table.hold(id);
    expect(Buffer.from(table.key(id))).toEqual(key);
    for (const offset of [0, 1, 2, 3, 5]) {
      const elsewhere = Buffer.concat([Buffer.alloc(offset, 1), key, Buffer.alloc(3, 2)]);
      const view = viewOf(elsewhere);
      expect(table.find(view, offset, offset + length, 7)).toBe(id);
      expect(table.find(view, offset, offset + length + 1, 7), "longer").toBe(-1);
      for (let at = 0; at < length; at++) {
        elsewhere.writeUInt8(elsewhere.readUInt8(offset + at) ^ 0x80, offset + at);
        expect(table.find(view, offset, offset + length, 7), `byte ${at}`).toBe(-1);
        elsewhere.writeUInt8(elsewhere.readUInt8(offset + at) ^ 0x80, offset + at);
      }
    }
  }
});
