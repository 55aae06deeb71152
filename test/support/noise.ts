/** Text that no compression makes smaller. */
import { createHash } from "node:crypto";

/** Labels that do not compress. */
export function noise(seed: number): Record<string, string> {
  const hash = (n: number) => createHash("sha256").update(`${seed} ${n}`).digest("hex");
  return { a: hash(1), b: hash(2), c: hash(3) };
}

/** 40 KB that compress by a quarter. */
export function heavyLabels(seed: number): Record<string, string> {
  const hash = (n: number): string => createHash("sha512").update(`${seed} ${n}`).digest("base64");
  const value = (n: number): string =>
    Array.from({ length: 11 }, (_, i) => hash(n * 11 + i)).join("");
  return Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`k${n}`, value(n)]));
}
