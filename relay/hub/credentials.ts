/**
 * The credentials that a relay shows the hub: its identity's, and tokens of at most five minutes
 * that its key has signed. The private key never leaves the identity's folder. [CRE3] [CRE5]
 */
import { randomBytes } from "node:crypto";

import { calculateJwkThumbprint, importJWK, SignJWT } from "jose";
import type { CryptoKey } from "jose";

import { identityIn, openIdentity, writeMembership } from "./identity.ts";
import type { Identity, RelayKey } from "./identity.ts";
import { JoinError, joinMesh } from "./join.ts";
import type { Membership } from "./join.ts";
import { routeTo } from "./route.ts";
import type { HubRoute } from "./route.ts";

/** Audience of a relay's own tokens. */
const AUDIENCE = "catwalk-hub";
const TOKEN_SECONDS = 240;
/** Of a token's id: the hub takes each once. [CRE21] */
const TOKEN_ID_BYTES = 16;

export interface CredentialPorts {
  /** Absent: the direct way. */
  readonly route?: HubRoute;
  /** Unix ms; default: this machine's clock. */
  now?(): number;
}

export class Credentials {
  readonly #ports: CredentialPorts;
  readonly #folder: string;
  /** Of the start: the cluster's other relays know this relay by it. [PEE11] */
  readonly #firstJwk: RelayKey;
  #jwk: RelayKey;
  #key: CryptoKey;
  #membership: Membership | null;
  /** Milliseconds that the hub's clock is ahead of ours, as its answers told. */
  #skewMs = 0;

  private constructor(
    folder: string,
    jwk: RelayKey,
    key: CryptoKey,
    membership: Membership | null,
    ports: CredentialPorts,
  ) {
    this.#ports = ports;
    this.#folder = folder;
    this.#firstJwk = jwk;
    this.#jwk = jwk;
    this.#key = key;
    this.#membership = membership;
  }

  /** @param folder Of the identity. @throws Error naming the file and what is wrong with it. */
  static async open(folder: string, ports: CredentialPorts = {}): Promise<Credentials> {
    const { key: jwk, membership } = await openIdentity(folder);
    const key = (await importJWK(jwk, "Ed25519")) as CryptoKey;
    return new Credentials(folder, jwk, key, membership, ports);
  }

  /** Of the whole cluster: whoever has it speaks for the cluster. The one of the start. */
  get privateKey(): RelayKey {
    return this.#firstJwk;
  }

  /**
   * Milliseconds that the hub's clock is ahead of ours, where that was worth correcting; else 0.
   */
  get skewMs(): number {
    return this.#skewMs;
  }

  #now(): number {
    return this.#ports.now?.() ?? Date.now();
  }

  get membership(): Membership | null {
    return this.#membership;
  }

  /**
   * Exchanges a join token. Idempotent: the same token and key give the same membership.
   * @throws JoinError
   */
  async join(hub: string, joinToken: string): Promise<Membership> {
    const route = this.#ports.route ?? routeTo(hub);
    const membership = await joinMesh(hub, joinToken, this.#jwk, route);
    try {
      writeMembership(this.#folder, membership);
    } catch (error) {
      // A membership that a restart forgets is none; the hub gives the same one again.
      throw new JoinError(`the membership cannot be written: ${String(error)}`, false);
    }
    this.#membership = membership;
    return membership;
  }

  /**
   * Headers that authenticate one connection, and no other.
   * @throws when the relay has not joined.
   */
  async headers(): Promise<Readonly<Record<string, string>>> {
    await this.takeNewer();
    if (this.#membership === null) throw new Error("this relay has not joined a mesh");
    const now = Math.floor((this.#now() + this.#skewMs) / 1000);
    const token = await new SignJWT()
      .setProtectedHeader({ alg: "Ed25519", kid: await calculateJwkThumbprint(this.#jwk) })
      .setIssuer(this.#membership.cluster.uid)
      .setAudience(AUDIENCE)
      .setJti(randomBytes(TOKEN_ID_BYTES).toString("base64url"))
      .setIssuedAt(now)
      .setExpirationTime(now + TOKEN_SECONDS)
      .sign(this.#key);
    return { authorization: `Bearer ${token}`, "catwalk-credential": this.#membership.credential };
  }

  /**
   * A Secret that was replaced comes into the folder while the relay runs: another key of the same
   * cluster is used from the next dial on. What cannot be read, or is half there, changes nothing.
   * [CRE27]
   */
  async takeNewer(): Promise<void> {
    const present = this.#membership;
    const found = present === null ? null : readOrNull(this.#folder);
    if (present === null || found === null || found.membership === null) return;
    const { membership, key } = found;
    if (membership.credential === present.credential) return;
    if (membership.meshId !== present.meshId || membership.cluster.uid !== present.cluster.uid)
      return;
    this.#key = (await importJWK(key, "Ed25519")) as CryptoKey;
    this.#jwk = key;
    this.#membership = membership;
  }

  /** Takes the hub's time from a `date` header; answers the skew in ms when it is worth saying. */
  correctClock(date: string | undefined): number | null {
    const hubMs = date === undefined ? Number.NaN : Date.parse(date);
    if (Number.isNaN(hubMs)) return null;
    const skewMs = hubMs - this.#now();
    if (Math.abs(skewMs - this.#skewMs) < 5_000) return null;
    this.#skewMs = skewMs;
    return skewMs;
  }
}

function readOrNull(folder: string): Identity | null {
  try {
    return identityIn(folder);
  } catch {
    return null;
  }
}
