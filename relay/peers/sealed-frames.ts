/**
 * The secrecy of what relays of one cluster tell each other: nobody but holders of the cluster's
 * private key can ask, answer or read. Pure bytes in, bytes out; the connection is elsewhere.
 * [PEE3]
 *
 * Both sides begin with a hello: the protocol's name and a fresh X25519 public key. The keys of the
 * session come (HKDF-SHA256) from the cluster's key and the Diffie-Hellman secret, salted with both
 * hellos, one for each direction: who has not the first cannot take part, who learns it later
 * cannot read what was recorded, and nothing of another session, direction or place in the stream
 * opens here. Why not TLS: its pre-shared keys need a cipher list of their own in Node,
 * certificates would have to be made and renewed for pods that come and go, and either would do
 * less than these lines do.
 *
 * A frame is `[length, 32 bits][ciphertext][tag]`, AES-256-GCM. Its nonce is the number of frames
 * before it, so what is left out, repeated or reordered does not open. That a stream is whole is
 * said inside it, by its last message.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
} from "node:crypto";
import type { KeyObject } from "node:crypto";

import type { RelayKey } from "../hub/identity.ts";

const MAGIC = Buffer.from("catwalk-peers-1\n");
const PUBLIC_KEY_BYTES = 32;
export const HELLO_BYTES = MAGIC.length + PUBLIC_KEY_BYTES;
/** Of a frame, in plain. Positions of 1,000 remotes have a fifth of it. */
export const MAX_FRAME_BYTES = 1024 * 1024;
export const LENGTH_BYTES = 4;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;

/** A fault of the other side, for the log. */
export class PeerError extends Error {}

/** The secret that the relays of a cluster have in common, of the key that they have in common. */
export function clusterSecret(key: Pick<RelayKey, "d">): Buffer {
  const seed = Buffer.from(key.d, "base64url");
  return Buffer.from(hkdfSync("sha256", seed, Buffer.alloc(0), "catwalk peers 1", 32));
}

export type Side = "asking" | "asked";

export class Handshake {
  readonly #secret: Buffer;
  readonly #side: Side;
  readonly #private: KeyObject;
  /** To be sent first. */
  readonly hello: Buffer;

  constructor(secret: Buffer, side: Side) {
    this.#secret = secret;
    this.#side = side;
    const pair = generateKeyPairSync("x25519");
    this.#private = pair.privateKey;
    const { x = "" } = pair.publicKey.export({ format: "jwk" });
    this.hello = Buffer.concat([MAGIC, Buffer.from(x, "base64url")]);
  }

  /** @throws PeerError for a hello that is none of this version, or whose key is worthless. */
  finish(other: Buffer): SealedFrames {
    if (!other.subarray(0, MAGIC.length).equals(MAGIC))
      throw new PeerError("it is no relay, or one of another version");
    const shared = this.#agree(other.subarray(MAGIC.length));
    const isAsking = this.#side === "asking";
    const salt = Buffer.concat(isAsking ? [this.hello, other] : [other, this.hello]);
    const keyOf = (side: Side): Buffer =>
      Buffer.from(hkdfSync("sha256", Buffer.concat([this.#secret, shared]), salt, side, 32));
    return isAsking
      ? new SealedFrames(keyOf("asking"), keyOf("asked"))
      : new SealedFrames(keyOf("asked"), keyOf("asking"));
  }

  #agree(publicKey: Buffer): Buffer {
    const jwk = { kty: "OKP", crv: "X25519", x: publicKey.toString("base64url") };
    try {
      // Refuses the points of low order, with which everybody knows the secret.
      return diffieHellman({
        privateKey: this.#private,
        publicKey: createPublicKey({ key: jwk, format: "jwk" }),
      });
    } catch (error) {
      throw new PeerError("its public key is worthless", { cause: error });
    }
  }
}

export class SealedFrames {
  readonly #sendKey: Buffer;
  readonly #receiveKey: Buffer;
  #sent = 0;
  #received = 0;

  constructor(sendKey: Buffer, receiveKey: Buffer) {
    this.#sendKey = sendKey;
    this.#receiveKey = receiveKey;
  }

  /** The next frame of this side. */
  seal(plain: Uint8Array): Buffer {
    if (plain.length > MAX_FRAME_BYTES) throw new Error(`BUG: a frame of ${plain.length} bytes`);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(plain.length + TAG_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#sendKey, nonceOf(this.#sent++));
    const sealed = cipher.update(plain);
    cipher.final();
    return Buffer.concat([length, sealed, cipher.getAuthTag()]);
  }

  /**
   * How much follows a length.
   * @param max Of it, in plain.
   * @throws PeerError for more, before any of it is read.
   */
  static bodyBytes(length: Buffer, max = MAX_FRAME_BYTES): number {
    const bytes = length.readUInt32BE();
    if (bytes < TAG_BYTES || bytes > max + TAG_BYTES)
      throw new PeerError(`a frame of ${bytes} bytes`);
    return bytes;
  }

  /**
   * The next frame of the other side, without its length.
   * @throws PeerError when it is not exactly that.
   */
  open(body: Buffer): Buffer {
    const decipher = createDecipheriv("aes-256-gcm", this.#receiveKey, nonceOf(this.#received));
    decipher.setAuthTag(body.subarray(body.length - TAG_BYTES));
    const plain = decipher.update(body.subarray(0, body.length - TAG_BYTES));
    try {
      decipher.final();
    } catch (error) {
      throw new PeerError(
        this.#received === 0
          ? "it has not the key of this cluster"
          : "what it says is not what was sent",
        { cause: error },
      );
    }
    this.#received++;
    return plain;
  }
}

/** Never twice with one key: a key lives for one direction of one connection. */
function nonceOf(count: number): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeBigUInt64BE(BigInt(count), NONCE_BYTES - 8);
  return nonce;
}
