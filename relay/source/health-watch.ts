/** Looks at a source's health every second, and tells the log what is new of it. */
import type { RelayPorts } from "../hub/relay-ports.ts";
import type { Logger } from "../lib/log.ts";
import type { Source } from "./source.ts";
import { stepHealth, summarise, summariseReadable, UNTRACKED } from "./source-health.ts";
import type { HealthNews, SourceHealth, SourceSummary } from "./source-health.ts";

const LOOK_MS = 1_000;

export class HealthWatch {
  readonly #source: Pick<Source, "health">;
  readonly #ports: Pick<RelayPorts, "after" | "wallMs">;
  readonly #log: Pick<Logger, "info" | "warn">;
  readonly #onChange: () => void;
  #tracked = UNTRACKED;
  #summary = "";
  #cancel: (() => void) | null = null;

  constructor(
    source: Pick<Source, "health">,
    ports: Pick<RelayPorts, "after" | "wallMs">,
    log: Pick<Logger, "info" | "warn">,
    onChange: () => void = () => undefined,
  ) {
    this.#onChange = onChange;
    this.#source = source;
    this.#ports = ports;
    this.#log = log;
  }

  start(): void {
    this.#cancel = this.#ports.after(LOOK_MS, () => {
      this.health();
      this.start();
    });
  }

  stop(): void {
    this.#cancel?.();
  }

  /** As of now. */
  health(): SourceHealth {
    const nowMs = this.#ports.wallMs?.() ?? Date.now();
    const { after, news } = stepHealth(this.#tracked, this.#source.health().collections, nowMs);
    this.#tracked = after;
    for (const one of news) this.#logNews(one, nowMs);
    const summary = JSON.stringify([summarise(after.health), summariseReadable(after.health)]);
    if (summary !== this.#summary) {
      // Before it is told: who is told asks again.
      this.#summary = summary;
      this.#onChange();
    }
    return after.health;
  }

  summary(): SourceSummary {
    return summarise(this.health());
  }

  #logNews({ kind, names, reason, sinceMs }: HealthNews, nowMs: number): void {
    const list = names.join(", ");
    const since = new Date(sinceMs).toISOString();
    if (kind === "over") {
      const seconds = Math.round((nowMs - sinceMs) / 1000);
      this.#log.info({ collections: names, seconds }, `the source follows ${list} again`);
    } else if (kind === "failing") {
      const message = `the source cannot follow ${list}: ${reason}; what is published stays`;
      this.#log.warn({ collections: names, reason, since }, message);
    } else {
      const isAll = summarise(this.#tracked.health).state === "absent";
      const message = `the source does not have ${list}: ${reason}`;
      this.#log[isAll ? "warn" : "info"]({ collections: names, reason, since }, message);
    }
  }
}
