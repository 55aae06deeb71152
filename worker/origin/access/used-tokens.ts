/**
 * Tokens that relays have shown, so that one which somebody heard opens nothing. A token counts
 * once for its cluster, wherever the relay dials: the Origin of the cluster is asked each time.
 * What the memory does not know, because the process is younger or because there was no room, is
 * refused by the time at which it was issued. [CRE21] [CRE22]
 */
import { LIMITS } from "../../../shared/protocol/limits.ts";
import type { ShownToken, TokenPermit } from "../../ports.ts";
import { BUDGETS } from "../budgets/limits.ts";

/** Time after which a token is expired for every clock. */
const KEPT_MS = LIMITS.tokenMs + LIMITS.clockSkewMs;
/** Between two looks for clusters whose tokens have all expired. */
const SWEEP_MS = 60_000;

/** Tokens of one cluster, by the second in which they were issued. */
class ClusterTokens {
  readonly #bySecond = new Map<number, Set<string>>();
  #count = 0;
  /** Tokens that were issued earlier may have been forgotten. */
  #notBeforeMs = 0;

  use({ id, issuedMs }: ShownToken, nowMs: number): TokenPermit {
    this.#forgetBefore(nowMs - KEPT_MS);
    // A clock that went back makes no token wait.
    if (issuedMs < Math.min(this.#notBeforeMs, nowMs)) return "clock-skew";
    const second = Math.floor(issuedMs / 1000);
    const ids = this.#bySecond.get(second) ?? new Set();
    if (ids.has(id)) return "token-used";
    this.#bySecond.set(second, ids.add(id));
    this.#count++;
    if (this.#count > BUDGETS.usedTokens) this.#makeRoom();
    return "yes";
  }

  /** Whether a token is kept that has not expired. */
  isEmptyAt(nowMs: number): boolean {
    this.#forgetBefore(nowMs - KEPT_MS);
    return this.#count === 0;
  }

  #makeRoom(): void {
    const oldest = Math.min(...this.#bySecond.keys());
    this.#forget(oldest);
    this.#notBeforeMs = Math.max(this.#notBeforeMs, (oldest + 1) * 1000);
  }

  #forgetBefore(ms: number): void {
    for (const second of this.#bySecond.keys()) if ((second + 1) * 1000 <= ms) this.#forget(second);
  }

  #forget(second: number): void {
    this.#count -= this.#bySecond.get(second)?.size ?? 0;
    this.#bySecond.delete(second);
  }
}

export class UsedTokens {
  readonly #clusters = new Map<string, ClusterTokens>();
  /** Unix ms of the first token that this process was shown. */
  #startedMs = Infinity;
  #sweptMs = 0;

  /** @param cluster UID of the cluster whose key has signed it. */
  use(cluster: string, token: ShownToken, nowMs: number): TokenPermit {
    // Earlier after a clock that went back.
    this.#startedMs = Math.min(this.#startedMs, nowMs);
    this.#sweep(nowMs);
    // The process before may have seen it.
    if (token.issuedMs < this.#startedMs - LIMITS.clockSkewMs) return "clock-skew";
    const tokens = this.#clusters.get(cluster) ?? new ClusterTokens();
    this.#clusters.set(cluster, tokens);
    return tokens.use(token, nowMs);
  }

  /** Clusters of which tokens are remembered. */
  get size(): number {
    return this.#clusters.size;
  }

  #sweep(nowMs: number): void {
    if (Math.abs(nowMs - this.#sweptMs) < SWEEP_MS) return;
    this.#sweptMs = nowMs;
    for (const [cluster, tokens] of this.#clusters)
      if (tokens.isEmptyAt(nowMs)) this.#clusters.delete(cluster);
  }
}
