/** Unspecified, loopback, link-local and multicast addresses belong to nobody. */
import { RangeSet } from "./range-set.ts";

const SPECIAL_SET = new RangeSet([
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/3",
  "::/127",
  "fe80::/10",
  "ff00::/8",
]);

/** Whether an address (4 or 16 bytes) can be no endpoint's. */
export function isSpecialAddress(address: Uint8Array): boolean {
  return SPECIAL_SET.has(address);
}
