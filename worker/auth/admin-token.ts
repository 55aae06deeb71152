/**
 * The admin's bearer token. The hub knows its SHA-256 only, so that nothing it stores or logs can
 * be used as one. [CRE4]
 */
import { fromHex } from "../../shared/lib/bytes.ts";
import { sha256 } from "../../shared/lib/hash.ts";

const utf8 = new TextEncoder();

/**
 * Compares hashes in constant time. An empty or broken hash matches nothing: a hub without one is
 * closed, not open.
 */
export function isAdmin(authorization: string | null, tokenHashHex: string): boolean {
  const token = /^Bearer (\S{1,4096})$/i.exec(authorization ?? "")?.[1];
  const expected = fromHex(tokenHashHex.trim());
  if (token === undefined || expected === null || expected.length !== 32) return false;
  const actual = sha256(utf8.encode(token));
  let difference = 0;
  for (let i = 0; i < 32; i++) difference |= (actual[i] ?? 0) ^ (expected[i] ?? 0);
  return difference === 0;
}
