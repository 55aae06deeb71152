/**
 * First claims on their way to the Mesh: each is asked once, and not more often than now and then,
 * for a claim costs the Mesh a decision and all relays of the cluster new facts, and what was
 * refused is judged again. [LOG29]
 */
import type { RangeClaim } from "../../../shared/visibility/facts.ts";
import type { OriginPorts } from "../ports.ts";
import { Bucket } from "../budgets/change-quota.ts";

/** Questions over time, and at once: a cluster has a few pools. */
const PER_SECOND = 1;
const AT_ONCE = 8;
/** In one question. */
const MOST_CLAIMS = 256;

type Ports = Pick<OriginPorts, "clock" | "mesh" | "setTimer">;

export class RangeClaims {
  readonly #ports: Ports;
  readonly #bucket: Bucket;
  /** Under way, or waiting. */
  readonly #asked = new Set<string>();
  #waiting: RangeClaim[] = [];

  constructor(ports: Ports) {
    this.#ports = ports;
    this.#bucket = new Bucket(PER_SECOND, AT_ONCE, ports.clock.now());
  }

  get isEmpty(): boolean {
    return this.#asked.size === 0;
  }

  add(claims: readonly RangeClaim[]): void {
    const fresh = claims.filter((claim) => !this.#asked.has(claimId(claim)));
    if (fresh.length === 0) return;
    for (const claim of fresh) this.#asked.add(claimId(claim));
    this.#waiting.push(...fresh);
    this.askOn();
  }

  /** Asks for what waits, now or by a timer. */
  askOn(): void {
    if (this.#waiting.length === 0) return;
    const now = this.#ports.clock.now();
    const waitMs = this.#bucket.waitMs(now);
    if (waitMs === 0) {
      this.#bucket.take(1, now);
      this.#ports.mesh.claimRanges(this.#waiting.splice(0, MOST_CLAIMS));
    }
    if (this.#waiting.length > 0)
      this.#ports.setTimer("claim", Math.max(1, this.#bucket.waitMs(now)));
  }

  /** These could not be asked: they may be asked again. */
  forget(claims: readonly RangeClaim[]): void {
    for (const claim of claims) this.#asked.delete(claimId(claim));
  }

  /** Everything is judged anew, and what must be claimed then is claimed then. */
  clear(): void {
    this.#asked.clear();
    this.#waiting = [];
  }
}

function claimId({ use, cidr }: RangeClaim): string {
  return `${use} ${cidr}`;
}
