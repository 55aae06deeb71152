/**
 * Pools of other clusters in one Felix's stream, in an order in which it never has two that
 * overlap: in nftables mode two of them end it. The cluster's own pools come on this Felix's own
 * connection to Typha, earlier or later than the relay hears of them elsewhere, so each connection
 * keeps the order itself: another cluster's pool is deleted before a local one that overlaps it, in
 * the same message, and comes only behind the deletion of the last such one. None comes before
 * Typha has told all local pools. [TYP32] Each has the mode that this Felix bears. [TYP42]
 */
import { cidrsOverlap, parseCidr } from "../../../shared/ip/cidr.ts";
import type { Cidr } from "../../../shared/ip/cidr.ts";
import { RangeSet } from "../../../shared/ip/range-set.ts";
import { countsPlainPools, hasVxlan, modeFor, readLocalPool } from "../../felix/pool-mode.ts";
import type { LocalPool, PoolMode } from "../../felix/pool-mode.ts";
import type { Elements } from "../wire/encode.ts";
import { poolElement } from "./remote-update.ts";

/**
 * The pools that Felix is to be given besides the cluster's own (`NatPools`). No two of them
 * overlap.
 */
export interface PoolFeed {
  /** Canonical CIDRs. */
  readonly delivered: ReadonlySet<string>;
  /** Whether there are to be routes to pods of such a pool. [TYP43] */
  isRouted(cidr: string): boolean;
  subscribe(listener: () => void): () => void;
}

export const NO_POOLS: PoolFeed = {
  delivered: new Set(),
  isRouted: () => false,
  subscribe: () => () => {},
};

interface Own {
  readonly cidr: Cidr;
  /** `null`: Felix does not read it. */
  readonly pool: LocalPool | null;
}

interface Told {
  readonly cidr: Cidr;
  readonly mode: PoolMode;
}

export class PoolOrder {
  readonly #feed: PoolFeed;
  readonly #countsPlainPools: boolean;
  readonly #local = new Map<string, Own>();
  /** Of other clusters' pools those that Felix has. */
  readonly #told = new Map<string, Told>();
  /** Deletions that come before what is passed next. */
  #before: Uint8Array[] = [];
  /** Whether Typha has told all local pools once. */
  #isComplete = false;
  #isTouched = false;

  /** @param felixVersion As it says in its hello. */
  constructor(feed: PoolFeed, felixVersion: string) {
    this.#feed = feed;
    this.#countsPlainPools = countsPlainPools(felixVersion);
  }

  /** Whether there is a pool of another cluster. */
  get hasAny(): boolean {
    return this.#feed.delivered.size > 0;
  }

  /** Whether local pools have changed since `around` was asked last. */
  get isTouched(): boolean {
    return this.#isTouched;
  }

  /** A local pool that Felix is about to be told of. @param value Its JSON. */
  localPut(key: string, value: Uint8Array): void {
    const cidr = cidrOf(key);
    if (cidr === null) return;
    this.#local.set(key, { cidr, pool: readLocalPool(value) });
    for (const [text, told] of this.#told) if (cidrsOverlap(told.cidr, cidr)) this.#withdraw(text);
    this.#isTouched = true;
  }

  /** One that Felix is about to lose. */
  localDelete(key: string): void {
    if (this.#local.delete(key)) this.#isTouched = true;
  }

  /** Typha has told everything once. */
  complete(): void {
    this.#isComplete = true;
  }

  /** Local elements with what has to come before and behind them. */
  around({ count, parts }: Elements): Elements {
    this.#isTouched = false;
    const { delivered } = this.#feed;
    for (const [text, { mode }] of this.#told)
      if (!delivered.has(text) || this.#modeOf(text) !== mode) this.#withdraw(text);
    const before = this.#before;
    this.#before = [];
    const behind = this.#isComplete ? this.#missing() : [];
    return {
      count: before.length + count + behind.length,
      parts: [...before, ...parts, ...behind],
    };
  }

  #withdraw(text: string): void {
    this.#told.delete(text);
    this.#before.push(poolElement("delete", text));
  }

  /** `null`: this Felix must not have it now. */
  #modeOf(text: string): PoolMode | null {
    const isRouted = this.#feed.isRouted(text);
    if (!this.#countsPlainPools && !isRouted) return "none";
    const pools = [...this.#local.values()].flatMap(({ pool }) => (pool === null ? [] : [pool]));
    if (isRouted && hasVxlan(text, pools)) return "vxlan";
    // fault: plain-pool-told
    return this.#countsPlainPools ? modeFor(text, pools) : "none";
  }

  #missing(): Uint8Array[] {
    const untold = [...this.#feed.delivered].filter((text) => !this.#told.has(text));
    if (untold.length === 0) return [];
    const local = new RangeSet([...this.#local.keys()].map(textOf));
    const missing: Uint8Array[] = [];
    for (const text of untold) {
      const cidr = parseCidr(text);
      const mode = this.#modeOf(text);
      if (cidr === null || mode === null || local.overlaps(cidr)) continue;
      this.#told.set(text, { cidr, mode });
      missing.push(poolElement("put", text, mode));
    }
    return missing;
  }
}

const PATH = Buffer.from("/calico/v1/ipam/v");
const POOL = Buffer.from("/pool/");
/** Where the paths of nearly all other keys differ. */
const TELLING = "/calico/v1/".length;

/** The key of a pool, as text; `null` for any other. */
export function poolKey(bytes: Uint8Array, from: number, to: number): string | null {
  if (bytes[from + TELLING] !== PATH[TELLING]) return null;
  const key = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from);
  const family = key[PATH.length];
  if (family !== 0x34 && family !== 0x36) return null;
  const isPool =
    key.subarray(0, PATH.length).equals(PATH) &&
    key.subarray(PATH.length + 1, PATH.length + 1 + POOL.length).equals(POOL);
  return isPool ? key.toString("utf8") : null;
}

/** `…/pool/10.66.0.0-16` is 10.66.0.0/16. */
function textOf(key: string): string {
  const name = key.slice(key.lastIndexOf("/") + 1);
  const at = name.lastIndexOf("-");
  return `${name.slice(0, at)}/${name.slice(at + 1)}`;
}

function cidrOf(key: string): Cidr | null {
  return parseCidr(textOf(key));
}
