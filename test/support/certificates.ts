/**
 * Certificates made on the spot: an authority and what it signs, X.509 v3 with P-256, written in
 * DER here, because Node makes none and tests may need no openssl. Only what a TLS server or client
 * looks at. Source: RFC 5280.
 */
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { isIPv4 } from "node:net";

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Certificate {
  /** @param names Host names and IPv4 addresses; the first is the common name. */
  issue(...names: readonly string[]): Certificate;
  /** One whose time was over long ago. */
  issueExpired(...names: readonly string[]): Certificate;
}

export function makeAuthority(name: string): Authority {
  const { publicKey, privateKey } = newKey();
  const cert = make({ issuer: name, subject: name, publicKey, signer: privateKey, isCa: true });
  const issue = (names: readonly string[], until: string): Certificate => {
    const own = newKey();
    const issued = make({
      issuer: name,
      subject: names[0] ?? "",
      publicKey: own.publicKey,
      signer: privateKey,
      names,
      until,
    });
    return { cert: issued, key: pemOfKey(own.privateKey) };
  };
  return {
    cert,
    key: pemOfKey(privateKey),
    issue: (...names) => issue(names, UNTIL),
    issueExpired: (...names) => issue(names, "250102000000Z"),
  };
}

function newKey() {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function pemOfKey(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

interface Wanted {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly isCa?: boolean;
  readonly names?: readonly string[];
  /** YYMMDDhhmmssZ */
  readonly until?: string;
}

const UNTIL = "491231000000Z";

const ECDSA_WITH_SHA256 = sequence(oid("2a8648ce3d040302"));

function make({
  issuer,
  subject,
  publicKey,
  signer,
  isCa = false,
  names = [],
  until = UNTIL,
}: Wanted): string {
  const constraints = sequence(
    oid("551d13"),
    der(0x01, Buffer.from([0xff])),
    der(0x04, isCa ? sequence(der(0x01, Buffer.from([0xff]))) : sequence()),
  );
  const alternatives = sequence(oid("551d11"), der(0x04, sequence(...names.map(alternative))));
  const extensions = sequence(constraints, ...(names.length > 0 ? [alternatives] : []));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    nameOf(issuer),
    sequence(der(0x17, Buffer.from("250101000000Z")), der(0x17, Buffer.from(until))),
    nameOf(subject),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, extensions),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign("sha256", body, signer)]);
  const whole = sequence(body, ECDSA_WITH_SHA256, der(0x03, signature)).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${(whole.match(/.{1,64}/g) ?? []).join("\n")}\n-----END CERTIFICATE-----\n`;
}

function nameOf(common: string): Buffer {
  return sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(common)))));
}

function alternative(name: string): Buffer {
  return isIPv4(name)
    ? der(0x87, Buffer.from(name.split(".").map(Number)))
    : der(0x82, Buffer.from(name));
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
