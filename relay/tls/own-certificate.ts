/**
 * A certificate of an Ed25519 key, signed by itself: X.509 v3 in DER, written here because Node
 * makes none. It carries the public key into a TLS handshake, which proves the private one. Whoever
 * accepts it looks at the key only, so its name and dates are fixed. Source: RFC 5280, RFC 8410.
 */
import { createPublicKey, randomBytes, sign, timingSafeEqual, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";

/** Of all relays of a cluster: the certificate differs by its serial number only. */
export interface OwnCertificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer;
}

const COMMON_NAME = "catwalk relay";
/** RFC 5280: no well-defined end. */
const FOREVER = sequence(der(0x18, "20000101000000Z"), der(0x18, "99991231235959Z"));
const ED25519 = sequence(oid("2b6570"));
const NAME = sequence(der(0x31, sequence(oid("550403"), der(0x0c, COMMON_NAME))));

/** @param privateKey Ed25519. */
export function ownCertificate(privateKey: KeyObject): OwnCertificate {
  const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const isNoAuthority = sequence(oid("551d13"), der(0x01, Buffer.of(0xff)), der(0x04, sequence()));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    // Positive, and of 16 bytes whatever is drawn.
    der(0x02, Buffer.concat([Buffer.of(1), randomBytes(15)])),
    ED25519,
    NAME,
    FOREVER,
    NAME,
    publicKey,
    der(0xa3, sequence(isNoAuthority)),
  );
  const signature = Buffer.concat([Buffer.of(0), sign(null, body, privateKey)]);
  const base64 = sequence(body, ED25519, der(0x03, signature)).toString("base64");
  const lines = (base64.match(/.{1,64}/g) ?? []).join("\n");
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey,
  };
}

/** Whether a certificate has this public key. Its bytes are compared in constant time. */
export function hasPublicKey(certificate: X509Certificate | undefined, publicKey: Buffer): boolean {
  if (certificate === undefined) return false;
  const other = certificate.publicKey.export({ type: "spki", format: "der" });
  return other.length === publicKey.length && timingSafeEqual(other, publicKey);
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

/** Tag, length, content. Nothing here has 64 KiB. */
function der(tag: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  const { length } = bytes;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), bytes]);
}
