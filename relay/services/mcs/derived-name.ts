/** Name of the Service that an import is routed by: the same in every cluster. [MCS6] */
import { sha256 } from "../../../shared/lib/hash.ts";

const PREFIX = "derived-";
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const LETTERS = 10;

/** Ten letters of base32 over the name: 50 bits, and no longer than a Service's name may be. */
export function derivedName(namespace: string, name: string): string {
  const hash = sha256(new TextEncoder().encode(`${namespace}/${name}`));
  let letters = "";
  for (let i = 0, bits = 0, value = 0; letters.length < LETTERS;) {
    if (bits < 5) {
      value = (value << 8) | (hash[i++] ?? 0);
      bits += 8;
    }
    bits -= 5;
    letters += BASE32[(value >> bits) & 31] ?? "";
    value &= (1 << bits) - 1;
  }
  return `${PREFIX}${letters}`;
}

/** @param key `namespace/name` of a Service. */
export function isDerived(key: string): boolean {
  return key.includes(`/${PREFIX}`);
}
