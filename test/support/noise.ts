/** Text that no compression makes smaller. */
import { createHash } from "node:crypto";

/** Labels that do not compress. */
export function noise(seed: number): Record<string, string> {
  const hash = (n: number) => createHash("sha256").update(`${seed} ${n}`).digest("hex");
  return { a: hash(1), b: hash(2), c: hash(3) };
}
