/**
 * The one way into an Origin: every event runs through `run`. It renews the event's budget, and an
 * event that throws has the instance given up, so that memory is never ahead of the disk. [LOG13]
 * An event's duration is not measured: the clock of a Durable Object stands still while it runs.
 */
import type { EventBudget } from "./budgets/event-budget.ts";

interface Handlers {
  /** Logs the error, and ends the instance with its sockets. */
  giveUp(event: string, error: unknown): void;
  /** At the end of each event that threw nothing. */
  ended(): void;
}

export class EventDoor {
  readonly #budget: EventBudget;
  readonly #handlers: Handlers;

  constructor(budget: EventBudget, handlers: Handlers) {
    this.#budget = budget;
    this.#handlers = handlers;
  }

  /** @throws the error of `work`, for a caller that waits for its answer. */
  run<T>(event: string, work: () => T): T {
    this.#budget.renew();
    try {
      const result = work();
      this.#handlers.ended();
      return result;
    } catch (error) {
      this.#handlers.giveUp(event, error);
      throw error;
    }
  }
}
