/**
 * The Felix of a relay of a run, as far as pools go: what its connection would be sent goes into
 * the model, beside one that has its own cluster's pools alone. One that ends where the other does
 * not, ends of other clusters' pools.
 */
import { poolFeed } from "../../relay/typha/splice/remote-feed.ts";
import { PoolOrder } from "../../relay/typha/splice/pool-order.ts";
import type { Remotes } from "../../relay/view/remotes.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { IPPool } from "../../shared/record/record.ts";
import { FelixModel } from "../support/felix-model/model.ts";
import type { FelixUpdate } from "../support/felix-model/model.ts";
import { heard } from "../support/pool-messages.ts";
import type { History } from "./history.ts";
import type { Place } from "./place.ts";

/** Its flags are those that bear least. */
const VERSION = "v3.33.0";
const felixOf = (relay: string): FelixModel => new FelixModel(relay, { programsRoutes: true });

class WatchedFelix {
  readonly #relay: string;
  readonly #remotes: Remotes;
  readonly #place: Place;
  #told = new Map<string, string>();
  #alone: FelixModel;
  #both: FelixModel;
  #order: PoolOrder;

  constructor(relay: string, remotes: Remotes, place: Place) {
    [this.#relay, this.#remotes, this.#place] = [relay, remotes, place];
    [this.#alone, this.#both] = [felixOf(relay), felixOf(relay)];
    this.#order = new PoolOrder(poolFeed(remotes), VERSION);
    this.#begin();
  }

  /** It has ended by itself, or begins. */
  #begin(): void {
    [this.#alone, this.#both] = [felixOf(this.#relay), felixOf(this.#relay)];
    this.#order = new PoolOrder(poolFeed(this.#remotes), VERSION);
    this.#told = new Map();
    const local = this.#changes();
    this.#alone.apply(local);
    this.#both.apply(heard(this.#order, local));
    this.#order.complete();
    this.#both.apply(heard(this.#order, []));
    this.#alone.start();
    this.#both.start(this.#alone);
  }

  /** Answers how it ended where it would not have alone. */
  changed(): string | null {
    if (this.#alone.exit !== null) this.#begin();
    else {
      const local = this.#changes();
      this.#alone.apply(local);
      this.#both.apply(heard(this.#order, local));
    }
    const { exit } = this.#both;
    if (exit === null || this.#alone.exit !== null) return null;
    this.#begin();
    return exit.reason;
  }

  /** What Typha says since the last time. */
  #changes(): FelixUpdate[] {
    const now = new Map<string, string>();
    for (const { record } of this.#place.held.values())
      if (record.kind === "IPPool") now.set(keyOf(record), valueOf(record));
    const gone = [...this.#told.keys()].filter((key) => !now.has(key));
    const came = [...now].filter(([key, value]) => this.#told.get(key) !== value);
    this.#told = now;
    return [
      ...gone.map((key) => ({ key, value: null })),
      ...came.map(([key, value]) => ({ key, value })),
    ];
  }
}

function valueOf({ cidr, ipipMode, vxlanMode, natOutgoing }: IPPool): string {
  const modes = { ipip_mode: ipipMode, vxlan_mode: vxlanMode };
  return JSON.stringify({ cidr, ...modes, masquerade: natOutgoing });
}

export function watchFelix(relay: string, remotes: Remotes, place: Place, history: History): void {
  const felix = new WatchedFelix(relay, remotes, place);
  poolFeed(remotes).subscribe(() => {
    const reason = felix.changed();
    if (reason !== null) history.add({ what: "felix ended", relay, reason });
  });
}
