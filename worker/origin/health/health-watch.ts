/**
 * Looks at a cluster's health when something has happened to its relays, and when time alone
 * changes it, and tells the Mesh what has changed. [EVT1]
 */
import type { ClusterHealth } from "../../../shared/visibility/health.ts";
import type { OriginPorts } from "../ports.ts";
import type { SetTimer, TimerRegistry } from "../timers.ts";
import { judgeHealth, NOTHING_REMEMBERED } from "./judge-health.ts";
import type { HealthMemory, Sighting } from "./judge-health.ts";

/** Reports come in bursts. */
const SOON_MS = 250;
const RETRY_MS = 5_000;

export class HealthWatch {
  readonly #ports: Pick<OriginPorts, "clock" | "mesh" | "silenceLookMs" | "healthAlarm">;
  /** `null`: there is no cluster to judge. */
  readonly #sight: () => Sighting | null;
  readonly #setTimer: SetTimer;
  #memory: HealthMemory = NOTHING_REMEMBERED;
  /** What the Mesh was told last, as text. */
  #told = "";

  constructor(
    ports: Pick<OriginPorts, "clock" | "mesh" | "silenceLookMs" | "healthAlarm">,
    timers: TimerRegistry,
    sight: () => Sighting | null,
  ) {
    this.#ports = ports;
    this.#sight = sight;
    this.#setTimer = timers.own("health", () => this.#look());
  }

  lookSoon(): void {
    this.#setTimer(SOON_MS);
  }

  /** The Mesh could not be told, or it is the time that `healthAlarm` was given. */
  on(what: "failed" | "alarm"): void {
    // An instance that began meanwhile remembers nothing: what there is has lasted until now.
    if (what === "alarm") this.#look(this.#memory === NOTHING_REMEMBERED);
    else {
      // fault: health-not-told-again
      this.#told = "";
      this.#setTimer(RETRY_MS);
    }
  }

  #look(hasLasted = false): void {
    const seen = this.#sight();
    if (seen === null) return;
    const nowMs = this.#ports.clock.now();
    const { memory, health, nextMs } = judgeHealth(this.#memory, seen, nowMs, hasLasted);
    this.#memory = memory;
    if (health !== null) this.#tell(health);
    const { silenceLookMs, healthAlarm } = this.#ports;
    // A peer that falls silent closes nothing.
    if (silenceLookMs !== null && seen.publisherSignMs !== null) this.#setTimer(silenceLookMs);
    // fault: loss-not-looked-for
    if (nextMs === null) return;
    if (healthAlarm !== null) healthAlarm(nextMs);
    else this.#setTimer(Math.max(1, nextMs - nowMs));
  }

  #tell(health: ClusterHealth): void {
    const text = JSON.stringify(health);
    if (text === this.#told) return;
    this.#told = text;
    this.#ports.mesh.tellHealth(health);
  }
}
