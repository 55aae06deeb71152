import { createHash } from "node:crypto";

/** SHA-256 over the parts, one after the other; 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hashed = createHash("sha256");
  for (const part of parts) hashed.update(part);
  return Uint8Array.from(hashed.digest());
}
