import { createHash } from "node:crypto";

import { expect, test } from "vitest";

import { toHex } from "../../../shared/lib/bytes.ts";
import { sha256Prefix } from "../../../shared/lib/sha256.ts";

test("our SHA-256 is the runtime's, for every length up to four blocks", () => {
  for (let length = 0; length <= 260; length++) {
    const message = Uint8Array.from({ length }, (_, i) => (i * 7 + length * 13) % 256);
    const theirs = createHash("sha256").update(message).digest("hex");
    expect(toHex(sha256Prefix(message, 32))).toBe(theirs);
    expect(toHex(sha256Prefix(message, 12))).toBe(theirs.slice(0, 24));
  }
});
