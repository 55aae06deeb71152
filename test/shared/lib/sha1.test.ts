import { createHash } from "node:crypto";

import fc from "fast-check";
import { expect, test } from "vitest";

import { sha1 } from "../../../shared/lib/sha1.ts";

test("[OVL3] SHA-1 gives what Node's does, of any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(Buffer.from(sha1(bytes))).toEqual(createHash("sha1").update(bytes).digest());
    }),
  );
});
