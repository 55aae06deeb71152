/** What is wrong now, one line each; the log hears each once. */
import type { Logger } from "../lib/log.ts";

export class Problems {
  readonly #log: Pick<Logger, "warn" | "info">;
  readonly #messages = new Map<string, string>();

  constructor(log: Pick<Logger, "warn" | "info">) {
    this.#log = log;
  }

  get all(): readonly string[] {
    return [...this.#messages.values()];
  }

  of(about: string): string | null {
    return this.#messages.get(about) ?? null;
  }

  /** @param message `null`: it is well again. */
  set(about: string, message: string | null): void {
    const before = this.#messages.get(about);
    if (message === null) {
      if (this.#messages.delete(about)) this.#log.info({ about }, "custom resources: well again");
      return;
    }
    this.#messages.set(about, message);
    if (before !== message) this.#log.warn({ about }, `custom resources: ${message}`);
  }
}
