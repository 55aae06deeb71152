/**
 * The relay's identity: an Ed25519 key pair made in the state folder before anything is registered, the hub-signed credential that a join
 * token was exchanged for, and self-signed tokens of at most five minutes. The private key never leaves the folder. [CRE5]
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT } from "jose";
import type { CryptoKey, JWK } from "jose";

import { postJson } from "./post-json.ts";
import type { JsonAnswer } from "./post-json.ts";
import { routeTo } from "./route.ts";
import type { HubRoute } from "./route.ts";

/** Audience of a relay's own tokens. */
const AUDIENCE = "catwalk-hub";
const TOKEN_SECONDS = 240;
/** A hub that accepts and says nothing is tried again after this. [FLT2] */
const JOIN_MS = 10_000;

/** What the hub has told about this relay's membership. */
export interface Membership {
  readonly credential: string;
  readonly meshId: string;
  readonly mesh: string;
  readonly cluster: { readonly uid: string; readonly name: string };
}

export class JoinError extends Error {
  /** The hub has said no: trying again with the same token is useless. */
  readonly isFinal: boolean;

  constructor(message: string, isFinal: boolean) {
    super(message);
    this.isFinal = isFinal;
  }
}

export interface Surroundings {
  /** Absent: the direct way. */
  readonly route?: HubRoute;
  /** Unix ms; default: this machine's clock. */
  now?(): number;
}

export class Credentials {
  readonly #surroundings: Surroundings;
  readonly #stateDir: string;
  readonly #jwk: JWK;
  readonly #key: CryptoKey;
  #membership: Membership | null;
  /** Milliseconds that the hub's clock is ahead of ours, as its answers told. */
  #skewMs = 0;

  private constructor(
    stateDir: string,
    jwk: JWK,
    key: CryptoKey,
    membership: Membership | null,
    surroundings: Surroundings,
  ) {
    this.#surroundings = surroundings;
    this.#stateDir = stateDir;
    this.#jwk = jwk;
    this.#key = key;
    this.#membership = membership;
  }

  /** Reads the key and membership of a state folder, making a key pair where there is none. */
  static async open(stateDir: string, surroundings: Surroundings = {}): Promise<Credentials> {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const keyPath = join(stateDir, "relay-key.jwk");
    if (!existsSync(keyPath)) {
      const pair = await generateKeyPair("Ed25519", { extractable: true });
      writePrivate(keyPath, `${JSON.stringify(await exportJWK(pair.privateKey))}\n`);
    }
    const jwk = JSON.parse(readFileSync(keyPath, "utf8")) as JWK;
    const key = (await importJWK(jwk, "Ed25519")) as CryptoKey;
    const memberPath = join(stateDir, "membership.json");
    const membership = existsSync(memberPath)
      ? (JSON.parse(readFileSync(memberPath, "utf8")) as Membership)
      : null;
    return new Credentials(stateDir, jwk, key, membership, surroundings);
  }

  /** Milliseconds that the hub's clock is ahead of ours, where that was worth correcting; else 0. */
  get skewMs(): number {
    return this.#skewMs;
  }

  #now(): number {
    return this.#surroundings.now?.() ?? Date.now();
  }

  get membership(): Membership | null {
    return this.#membership;
  }

  /** Exchanges a join token. Idempotent: the same token and key give the same membership. @throws JoinError */
  async join(hub: string, joinToken: string): Promise<Membership> {
    const route = this.#surroundings.route ?? routeTo(hub);
    const { kty, crv, x } = this.#jwk;
    let answer: JsonAnswer;
    try {
      answer = await postJson(
        new URL("/v1/join", hub),
        { joinToken, publicKey: { kty, crv, x } },
        {
          agent: route.agent,
          timeoutMs: JOIN_MS,
        },
      );
    } catch (error) {
      throw new JoinError(`cannot reach the hub at ${hub}: ${route.describe(error)}`, false);
    }
    const { status } = answer;
    const body = answer.body as Partial<Membership> & { readonly detail?: string };
    if (status < 200 || status > 299)
      throw new JoinError(
        `the hub refused the join token: ${body.detail ?? `HTTP ${status}`}`,
        status >= 400 && status < 500 && status !== 429,
      );
    if (!isMembership(body))
      throw new JoinError(`the answer of the hub at ${hub} to the join token is not whole`, false);
    try {
      writePrivate(join(this.#stateDir, "membership.json"), `${JSON.stringify(body, null, 2)}\n`);
    } catch (error) {
      // A membership that a restart forgets is none; the hub gives the same one again.
      throw new JoinError(`the membership cannot be written: ${String(error)}`, false);
    }
    this.#membership = body;
    return body;
  }

  /** Headers that authenticate one connection. @throws when the relay has not joined. */
  async headers(): Promise<Readonly<Record<string, string>>> {
    if (this.#membership === null) throw new Error("this relay has not joined a mesh");
    const now = Math.floor((this.#now() + this.#skewMs) / 1000);
    const token = await new SignJWT()
      .setProtectedHeader({ alg: "Ed25519", kid: await calculateJwkThumbprint(this.#jwk) })
      .setIssuer(this.#membership.cluster.uid)
      .setAudience(AUDIENCE)
      .setIssuedAt(now)
      .setExpirationTime(now + TOKEN_SECONDS)
      .sign(this.#key);
    return { authorization: `Bearer ${token}`, "catwalk-credential": this.#membership.credential };
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

/** An answer that broke off on its way is none: kept, it would cost the relay its next start. [FLT2] */
function isMembership(body: Partial<Membership>): body is Membership {
  const { credential, meshId, mesh, cluster } = body;
  return [credential, meshId, mesh, cluster?.uid, cluster?.name].every(
    (field) => typeof field === "string" && field !== "",
  );
}

/** Written whole or not at all, readable by its owner only. */
function writePrivate(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
