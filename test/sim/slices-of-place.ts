/**
 * The API server of a place, as far as slices go, and who writes them: the product's Services and
 * plans of one of its relays, one request at a time. It outlives the relays. [SVC30]
 */
import type { Relay } from "../../relay/relay.ts";
import { planFilling } from "../../relay/services/plan-filling.ts";
import type { History } from "./history.ts";
import { BY_EXPORT, SimSlices } from "./services/desk.ts";
import { BY_SELECTOR } from "./services/model.ts";
import type { World } from "./world.ts";

const KEYS = [BY_SELECTOR, BY_EXPORT];
/** Between two looks of a writer, at most. */
const TURN_MS = 400;

/** A relay that may write. */
export interface SliceWriterProcess {
  readonly relay: Relay;
  readonly isAlive: boolean;
}

export class SlicesOfPlace {
  readonly #place: string;
  readonly #world: World;
  readonly #history: History;
  readonly #slices = new SimSlices();
  /** Who holds the Lease. */
  #holder: SliceWriterProcess | null = null;

  constructor(place: string, world: World, history: History) {
    this.#place = place;
    this.#world = world;
    this.#history = history;
  }

  /** What is in the slices, by Service. */
  get all(): ReadonlyMap<string, ReturnType<SimSlices["of"]>> {
    return new Map(KEYS.map((key) => [key, this.#slices.of(key)]));
  }

  /** Looks again and again until the process has ended. A Lease is given back by who ends. */
  follow(process: SliceWriterProcess, who: { readonly relay: string; readonly uid: string }): void {
    const turn = (): void => {
      if (!process.isAlive) return;
      if (this.#holder?.isAlive !== true) this.#holder = process;
      if (this.#holder === process && process.relay.services.isReady)
        for (const key of KEYS) this.#write(process.relay, key, who);
      this.#world.after(1 + this.#world.rng.below(TURN_MS), turn);
    };
    this.#world.after(this.#world.rng.below(TURN_MS), turn);
  }

  /** One request, as `slice-writer.ts` makes it. */
  #write(relay: Relay, service: string, who: { readonly relay: string; readonly uid: string }) {
    const { services } = relay.services;
    const held = this.#slices.slicesOf(service);
    const [write] = planFilling(services.filling(service, held), held, services);
    if (write === undefined) return;
    this.#slices.write(write);
    const endpoints = this.#slices.of(service);
    this.#history.add({ what: "slices", place: this.#place, service, endpoints, ...who });
  }
}
