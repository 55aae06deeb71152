/** What is the case in the world, read from a history: what sources have, who sees whom, what Origins have committed. No code of the product is asked. */
import type { Channel } from "../../../shared/record/channel.ts";
import type { Entries, Happening, LoggedFrame, Moment, SourceState } from "../history.ts";

interface Timed<T> {
  readonly atMs: number;
  readonly value: T;
}

export class Truth {
  readonly placeOf = new Map<string, string>();
  /** By place and key, all states in order. */
  readonly sources = new Map<string, Map<string, Timed<SourceState | null>[]>>();
  /** `reader origin` to RCC name. */
  edges: ReadonlyMap<string, string> = new Map();
  /** By relay: RCC name to origin, as it was told last. */
  readonly heard = new Map<string, ReadonlyMap<string, string>>();
  /** `reader origin rcc` that were effective once and then, at least for a while, not. */
  readonly revoked = new Set<string>();
  readonly logs = new Map<
    string,
    Map<Channel, { readonly epoch: string; readonly frames: LoggedFrame[] }>
  >();

  take({ atMs, it }: Moment): void {
    switch (it.what) {
      case "member":
        this.placeOf.set(it.uid, it.place);
        return;
      case "source": {
        const own = this.sources.get(it.place) ?? new Map<string, Timed<SourceState | null>[]>();
        this.sources.set(it.place, own);
        const states = own.get(it.key) ?? [];
        own.set(it.key, states);
        states.push({ atMs, value: it.state });
        return;
      }
      case "edges":
        for (const [pair, rcc] of this.edges)
          if (it.effective.get(pair) !== rcc) this.revoked.add(`${pair} ${rcc}`);
        this.edges = it.effective;
        return;
      case "heard":
        this.heard.set(it.relay, it.granted);
        return;
      case "storage":
        this.logs.set(
          it.origin,
          new Map(
            [...it.logs].map(([c, { epoch, frames }]) => [c, { epoch, frames: [...frames] }]),
          ),
        );
        return;
      case "commit":
        this.#commit(it);
        return;
      default:
    }
  }

  #commit({ origin, channel, epoch, frame }: Extract<Happening, { what: "commit" }>): void {
    const own = this.logs.get(origin);
    const log = own?.get(channel);
    if (log?.epoch === epoch) log.frames.push(frame);
    else own?.set(channel, { epoch, frames: [frame] });
  }

  /** What a cluster's source has that is its own. */
  own(uid: string): Map<string, SourceState> {
    const own = new Map<string, SourceState>();
    for (const [key, states] of this.sources.get(this.placeOf.get(uid) ?? "") ?? []) {
      const state = states.at(-1)?.value;
      if (state?.isOwn === true) own.set(key, state);
    }
    return own;
  }

  /** Addresses that the source of a cluster shows as its own, besides its pods' range. */
  ownAddresses(uid: string): Set<string> {
    const states = this.sources.get(this.placeOf.get(uid) ?? "") ?? new Map();
    return new Set(
      [...states.values()].flatMap((s: Timed<SourceState | null>[]) => s.at(-1)?.value?.owns ?? []),
    );
  }

  /** What is admitted at a revision of the log as it is now; `undefined` when there is no such log or revision. */
  admittedAt(
    origin: string,
    channel: Channel,
    epoch: string,
    revision: number,
  ): Entries | undefined {
    const log = this.logs.get(origin)?.get(channel);
    if (log === undefined) return revision === 0 ? new Map() : undefined;
    if (log.epoch !== epoch || revision > (log.frames.at(-1)?.revision ?? 0)) return undefined;
    const admitted = new Map<string, string | null>();
    for (const { revision: at, entries } of log.frames) {
      if (at > revision) break;
      for (const [key, hash] of entries)
        if (hash === null) admitted.delete(key);
        else admitted.set(key, hash);
    }
    return admitted;
  }
}
