/**
 * The hub's clock, as this relay can know it: a round trip says what it was at some time within, so
 * the middle of the shortest of a few is wrong by half of that trip at most. It is asked when
 * somebody wants to know, and again when what is known is old: a quiet relay asks nothing. [API55]
 */
import type { HubTime } from "./relay-ports.ts";

export interface HubClockPorts {
  /** Unix ms by the hub's clock. @throws Error where it does not answer. */
  ask(): Promise<number>;
  /** Milliseconds of a clock that only goes forward. */
  now(): number;
}

const TRIPS = 5;
const RENEW_MS = 300_000;
const RETRY_MS = 10_000;
/** Of a crystal, between two looks. */
const DRIFT = 50e-6;

interface Known {
  /** From this machine's monotonic clock to the hub's Unix ms. */
  readonly offsetMs: number;
  readonly errorMs: number;
  readonly atMs: number;
}

export class HubClock implements HubTime {
  readonly #ports: HubClockPorts;
  #known: Known | null = null;
  #isAsking = false;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(ports: HubClockPorts) {
    this.#ports = ports;
  }

  now(): ReturnType<HubTime["now"]> {
    const nowMs = this.#ports.now();
    const known = this.#known;
    const isOld = nowMs - this.#askedMs >= (known === null ? RETRY_MS : RENEW_MS);
    if (isOld && !this.#isAsking) void this.#ask(nowMs);
    if (known === null) return null;
    const errorMs = known.errorMs + (nowMs - known.atMs) * DRIFT;
    return { ms: nowMs + known.offsetMs, errorMs };
  }

  /** Resolves when it has been asked; a hub that does not answer leaves what is known. */
  async #ask(nowMs: number): Promise<void> {
    this.#isAsking = true;
    this.#askedMs = nowMs;
    let best: Known | null = null;
    try {
      for (let trip = 0; trip < TRIPS; trip++) {
        const began = this.#ports.now();
        const hubMs = await this.#ports.ask();
        const ended = this.#ports.now();
        const errorMs = (ended - began) / 2;
        if (best === null || errorMs < best.errorMs)
          best = { offsetMs: hubMs - (began + ended) / 2, errorMs, atMs: ended };
      }
    } catch {
      // Asked again later; the session says that the hub is away.
    }
    this.#isAsking = false;
    if (best !== null) this.#known = best;
  }
}
