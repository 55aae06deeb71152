/**
 * The asymmetric signature of Standard Webhooks (`v1a`): a receiver has the public key only, so who
 * can read its configuration cannot sign. [EVT13]
 */
import { must } from "../lib/assert.ts";

/** Of an Ed25519 private key as PKCS #8 (RFC 8410); its 32 bytes follow. */
const PKCS8_HEAD = Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32);
const [SECRET, PUBLIC] = ["whsk_", "whpk_"];
const utf8 = new TextEncoder();

export interface SigningKey {
  /** `whsk_` and the base64 of 32 bytes. */
  readonly privateKey: string;
  /** `whpk_` and the base64 of 32 bytes. */
  readonly publicKey: string;
}

/** @param seed 32 random bytes. */
export async function signingKey(seed: Uint8Array): Promise<SigningKey> {
  const privateKey = `${SECRET}${base64(seed)}`;
  const { x } = await crypto.subtle.exportKey("jwk", await imported(privateKey));
  const bytes = must(x, "an Ed25519 key without its public part");
  const padded = bytes.replaceAll("-", "+").replaceAll("_", "/").padEnd(44, "=");
  return { privateKey, publicKey: `${PUBLIC}${padded}` };
}

/** `v1a,` and the base64 of the signature. */
export async function signV1a(privateKey: string, text: string): Promise<string> {
  const key = await imported(privateKey);
  const signature = await crypto.subtle.sign({ name: "Ed25519" }, key, utf8.encode(text));
  return `v1a,${base64(new Uint8Array(signature))}`;
}

function imported(privateKey: string): Promise<CryptoKey> {
  const seed = atob(privateKey.slice(SECRET.length));
  const bytes = Uint8Array.from([...PKCS8_HEAD, ...Array.from(seed, (char) => char.charCodeAt(0))]);
  return crypto.subtle.importKey("pkcs8", bytes, { name: "Ed25519" }, true, ["sign"]);
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
