/** Who is let into a connection between relays of one cluster, by the key that it proves. */
import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";
import type { ConnectionOptions } from "node:tls";

import { pino } from "pino";
import { afterEach, expect, test } from "vitest";

import { makeKey } from "../../../relay/hub/identity.ts";
import { splitHostPort } from "../../../relay/lib/host-port.ts";
import { bodyBytes, frameOf, LENGTH_BYTES, MAX_FRAME_BYTES } from "../../../relay/peers/frames.ts";
import { peerCertificate } from "../../../relay/peers/handshake.ts";
import { messageFrame } from "../../../relay/peers/messages.ts";
import { hasPublicKey, ownCertificate } from "../../../relay/tls/own-certificate.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { eventually } from "../../support/mesh-rig.ts";
import { FACTS, stored } from "../../support/peer-files.ts";
import { OTHERS, OWN, PeerRig } from "../../support/peer-rig.ts";

const rig = new PeerRig();
afterEach(() => rig.close());

/** What a client of the test gets for a question: an answer, or the end. */
function answerTo(address: string, options: ConnectionOptions): Promise<string> {
  const [host, port] = splitHostPort(address);
  return new Promise((resolve) => {
    const socket = connect({ host, port, rejectUnauthorized: false, ...options });
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      resolve(`${socket.getProtocol()}: ${bytes.subarray(LENGTH_BYTES).toString()}`);
      socket.destroy();
    });
    socket.on("close", () => resolve("nothing"));
    socket.write(frameOf(messageFrame({ type: "positions" })));
  });
}

test("[PEE11] a certificate is of the key, proven by itself, and differs from relay to relay", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const [one, other] = [ownCertificate(privateKey), ownCertificate(privateKey)];
  const read = new X509Certificate(one.cert);
  expect(read.verify(publicKey)).toBe(true);
  expect(read.checkIssued(read)).toBe(true);
  expect(read.ca).toBe(false);
  expect(read.subject).toBe("CN=catwalk relay");
  expect(read.validTo).toContain("9999");
  expect(createPrivateKey(one.key).equals(privateKey)).toBe(true);
  expect(new X509Certificate(other.cert).serialNumber).not.toBe(read.serialNumber);
  expect(hasPublicKey(read, other.publicKey)).toBe(true);
});

test("[PEE11] a certificate with another key, of another kind of key, or none is not the cluster's", () => {
  const { publicKey } = OWN;
  expect(hasPublicKey(new X509Certificate(OTHERS.cert), publicKey)).toBe(false);
  expect(hasPublicKey(new X509Certificate(makeAuthority("x").cert), publicKey)).toBe(false);
  expect(hasPublicKey(undefined, publicKey)).toBe(false);
});

test("[PEE3] [PEE11] only TLS 1.3 with the cluster's key is answered; no certificate, another's, an authority's or TLS 1.2 is not", async () => {
  const address = await rig.serve(stored(rig), FACTS);
  const { cert, key } = OWN;
  expect(await answerTo(address, { cert, key })).toMatch(/^TLSv1\.3: m\{"type":"positions"/);
  const authority = makeAuthority("x");
  const refused: readonly ConnectionOptions[] = [
    {},
    { cert: OTHERS.cert, key: OTHERS.key },
    authority.issue("relay"),
    { cert, key, maxVersion: "TLSv1.2" },
  ];
  for (const options of refused) expect(await answerTo(address, options)).toBe("nothing");
  expect(await answerTo(address, { cert, key })).not.toBe("nothing");
});

test("[PEE11] every relay of a cluster makes its certificate anew, and each takes the others'", async () => {
  const key = await makeKey();
  const address = await rig.serve(stored(rig), FACTS, { certificate: peerCertificate(key) });
  const asks = peerCertificate(key);
  expect(await answerTo(address, { cert: asks.cert, key: asks.key })).not.toBe("nothing");
});

/** The first bytes of a relay of the version before, which had a handshake of its own. */
const EARLIER_HELLO = Buffer.concat([Buffer.from("catwalk-peers-1\n"), Buffer.alloc(32, 9)]);

function listeningLog() {
  const warnings: string[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => void warnings.push(line) });
  return { log, warnings };
}

test("[PEE12] a relay of the version before asks for nothing here: one warning, and others are served", async () => {
  const { log, warnings } = listeningLog();
  const address = await rig.serve(stored(rig), FACTS, { log });
  const [host, port] = splitHostPort(address);
  for (let n = 0; n < 8; n++) {
    const got: Buffer[] = [];
    await new Promise<void>((resolve) => {
      const socket = connectTcp({ host, port });
      socket.on("error", () => undefined);
      socket.on("data", (bytes) => got.push(bytes));
      socket.on("close", () => resolve());
      socket.write(EARLIER_HELLO);
    });
    // At most an alert of TLS.
    expect(Buffer.concat(got).length).toBeLessThan(16);
  }
  await eventually(
    () => Promise.resolve(warnings),
    ({ length }) => length > 0,
  );
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("it is no relay, or one of another version");
  expect((await rig.ask([address])).report).toMatchObject({ lacking: [], message: null });
});

test("[PEE12] a relay that finds only those of the version before starts without them: one warning", async () => {
  const { log, warnings } = listeningLog();
  const earlier = (): Promise<string> =>
    rig.serveBy((socket) => {
      let said = Buffer.alloc(0);
      socket.on("data", (bytes) => {
        said = Buffer.concat([said, bytes]);
        // As it refuses a hello that is none of its own.
        if (said.length >= EARLIER_HELLO.length) socket.destroy();
      });
    });
  const { facts, report } = await rig.ask([await earlier(), await earlier()], { log });
  expect(facts).toBe(null);
  expect(report).toMatchObject({ asked: 2, answered: 0, message: "no other relay answered" });
  expect(warnings).toHaveLength(1);
});

test("[PEE10] a length that no frame has is refused before any of it is read", () => {
  for (const bytes of [MAX_FRAME_BYTES + 1, 2 ** 32 - 1]) {
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(bytes);
    expect(() => bodyBytes(length)).toThrow(`a frame of ${bytes} bytes`);
  }
  expect(() => frameOf(Buffer.alloc(MAX_FRAME_BYTES + 1))).toThrow("BUG");
});
