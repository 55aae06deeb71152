/**
 * The answers of `/view` that are under way: a few at once, because each reads records from disk
 * that everything else of the relay has to wait for. [VIE23] [VIE24]
 */
import type { ServerResponse } from "node:http";

import { ViewStream } from "./view-stream.ts";
import type { ViewLimits, ViewSource } from "./view-stream.ts";

export const MAX_VIEW_STREAMS = 8;
/** Others have a turn after 5 ms of all together. */
const LIMITS: ViewLimits = {
  sliceMs: 5 / MAX_VIEW_STREAMS,
  untakenMs: 30_000,
  pending: 200_000,
};

export class ViewStreams {
  readonly #relay: ViewSource;
  readonly #limits: ViewLimits;
  #open = 0;

  constructor(relay: ViewSource, limits = LIMITS) {
    this.#relay = relay;
    this.#limits = limits;
  }

  get isFull(): boolean {
    return this.#open >= MAX_VIEW_STREAMS;
  }

  /** Resolves when all that there is was written; with `follow` changes come after that. */
  async serve(follow: boolean, response: ServerResponse): Promise<void> {
    this.#open++;
    response.once("close", () => this.#open--);
    await new ViewStream(this.#relay, response, this.#limits).run(follow);
  }
}
