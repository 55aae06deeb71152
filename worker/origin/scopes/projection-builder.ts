/** Builds, and forgets, projections in short steps, so that others have their turns. [SCP6] */
import type { SetTimer, TimerRegistry } from "../timers.ts";
import type { Projections } from "./projections.ts";

/** Between two steps; longer where other publishers are at work. */
const STEP_MS = 2;
const SHARED_STEP_MS = 10;

export interface BuilderHandlers {
  /** Whether other publishers are at work in the same thread. */
  isShared(): boolean;
  /** A step has committed something, or waits for a log that is to be folded. */
  committed(): void;
  /** A projection has all its records. */
  built(): void;
}

export class ProjectionBuilder {
  readonly #projections: Pick<Projections, "hasWork" | "step">;
  readonly #handlers: BuilderHandlers;
  readonly #setTimer: SetTimer;
  /** This instance has committed something, and so asked for what is due to be folded. */
  #hasCommitted = false;

  constructor(
    projections: Pick<Projections, "hasWork" | "step">,
    timers: TimerRegistry,
    handlers: BuilderHandlers,
  ) {
    this.#projections = projections;
    this.#handlers = handlers;
    this.#setTimer = timers.own("project", () => this.#step());
  }

  /** Has the next step done, if there is anything to build or to forget. */
  stepSoon(): void {
    if (!this.#projections.hasWork) return;
    this.#setTimer(this.#handlers.isShared() ? SHARED_STEP_MS : STEP_MS);
  }

  #step(): void {
    const outcome = this.#projections.step();
    // After a start nobody else asks for the folding that it waits for.
    // fault: building-waits-for-nobody
    const mustAsk = outcome === "behind" && !this.#hasCommitted;
    if (outcome === "committed" || outcome === "built" || mustAsk) {
      this.#hasCommitted = true;
      this.#handlers.committed();
    }
    if (outcome === "built") this.#handlers.built();
    this.stepSoon();
  }
}
