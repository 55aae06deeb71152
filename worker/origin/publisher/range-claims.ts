/**
 * First claims on their way to the Mesh: each is asked once, and not more often than now and then,
 * for a claim costs the Mesh a decision and all relays of the cluster new facts, and refused
 * records are judged again. [LOG29]
 */
import type { RangeClaim } from "../../../shared/visibility/facts.ts";
import { BUDGETS } from "../budgets/limits.ts";
import { TokenBucket } from "../budgets/token-bucket.ts";
import type { OriginPorts } from "../ports.ts";
import type { SetTimer, TimerRegistry } from "../timers.ts";

type Ports = Pick<OriginPorts, "clock" | "mesh">;

export class RangeClaims {
  readonly #ports: Ports;
  readonly #bucket: TokenBucket;
  readonly #setTimer: SetTimer;
  /** Claims that were asked and not answered, or wait to be asked. */
  readonly #pending = new Set<string>();
  #waiting: RangeClaim[] = [];

  constructor(ports: Ports, timers: TimerRegistry) {
    this.#ports = ports;
    const { claimsPerSecond, claimsAtOnce } = BUDGETS;
    this.#bucket = new TokenBucket(claimsPerSecond, claimsAtOnce, ports.clock.now());
    this.#setTimer = timers.own("claim", () => this.#askWaiting());
  }

  get isEmpty(): boolean {
    return this.#pending.size === 0;
  }

  add(claims: readonly RangeClaim[]): void {
    const fresh = claims.filter((claim) => !this.#pending.has(claimId(claim)));
    if (fresh.length === 0) return;
    for (const claim of fresh) this.#pending.add(claimId(claim));
    this.#waiting.push(...fresh);
    this.#askWaiting();
  }

  #askWaiting(): void {
    if (this.#waiting.length === 0) return;
    const now = this.#ports.clock.now();
    const waitMs = this.#bucket.waitMs(now);
    if (waitMs === 0) {
      this.#bucket.spend(1, now);
      this.#ports.mesh.claimRanges(this.#waiting.splice(0, BUDGETS.questionClaims));
    }
    if (this.#waiting.length > 0) this.#setTimer(Math.max(1, this.#bucket.waitMs(now)));
  }

  /** The Mesh could not be asked for these: they may be asked again. */
  forget(claims: readonly RangeClaim[]): void {
    for (const claim of claims) this.#pending.delete(claimId(claim));
  }

  /** All records are judged anew, and claims that they still need are made then. */
  clear(): void {
    this.#pending.clear();
    this.#waiting = [];
  }
}

function claimId({ use, cidr }: RangeClaim): string {
  return `${use} ${cidr}`;
}
