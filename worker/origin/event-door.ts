/**
 * The one way into an Origin: every event runs through `run`. It renews the event's budget, and an
 * event that throws has the instance given up, so that memory is never ahead of the disk. [LOG13]
 * An event's duration is not measured: the clock of a Durable Object stands still while it runs.
 */
import type { EventBudget } from "./budgets/event-budget.ts";

export class EventDoor {
  readonly #budget: EventBudget;
  readonly #giveUp: (event: string, error: unknown) => void;

  /** @param giveUp Logs the error, and ends the instance with its sockets. */
  constructor(budget: EventBudget, giveUp: (event: string, error: unknown) => void) {
    this.#budget = budget;
    this.#giveUp = giveUp;
  }

  /** @throws the error of `work`, for a caller that waits for its answer. */
  run<T>(event: string, work: () => T): T {
    this.#budget.renew();
    try {
      return work();
    } catch (error) {
      this.#giveUp(event, error);
      throw error;
    }
  }
}
