/** What is the case in the world, read from a history: what sources have, who sees whom, what Origins have committed. No code of the product is asked. */
import type { Channel } from "../../../shared/record/channel.ts";
import type { Entries, LoggedFrame, LoggedLog, Moment, SourceState } from "../history.ts";

export interface Timed<T> {
  readonly atMs: number;
  readonly value: T;
}

export type SourceStates = readonly Timed<SourceState | null>[];

interface Log {
  readonly epoch: string;
  /** Without a gap. */
  readonly frames: LoggedFrame[];
  readonly admitted: Map<string, string>;
}

interface Storage {
  readonly logs: Map<Channel, Log>;
  readonly kept: Map<string, string>;
  /** When it was not what it had been. */
  brokenMs: number;
}

export class Truth {
  readonly placeOf = new Map<string, string>();
  /** By place and key, all states in order. */
  readonly #sources = new Map<string, Map<string, Timed<SourceState | null>[]>>();
  /** `reader origin` to RCC name. */
  edges: ReadonlyMap<string, string> = new Map();
  /** Pairs of these whose labels are given with a prefix. */
  prefixed: ReadonlySet<string> = new Set();
  /** By relay: RCC name to origin, as it was told last. */
  readonly heard = new Map<string, ReadonlyMap<string, string>>();
  /** `reader origin rcc` that were effective once and then, at least for a while, not. */
  readonly revoked = new Set<string>();
  readonly #storages = new Map<string, Storage>();

  take({ atMs, it }: Moment): void {
    switch (it.what) {
      case "restored":
        // Its storages and edges follow.
        return;
      case "member":
        this.placeOf.set(it.uid, it.place);
        return;
      case "source": {
        const own = this.#sources.get(it.place) ?? new Map<string, Timed<SourceState | null>[]>();
        this.#sources.set(it.place, own);
        const states = own.get(it.key) ?? [];
        own.set(it.key, states);
        states.push({ atMs, value: it.state });
        return;
      }
      case "edges":
        for (const [pair, rcc] of this.edges)
          if (it.effective.get(pair) !== rcc) this.revoked.add(`${pair} ${rcc}`);
        this.edges = it.effective;
        this.prefixed = it.prefixed ?? new Set();
        return;
      case "heard":
        this.heard.set(it.relay, it.granted);
        return;
      case "storage": {
        const logs = new Map([...it.logs].map(([channel, log]) => [channel, replayed(log)]));
        const brokenMs = it.why === "new" ? Number.NEGATIVE_INFINITY : atMs;
        this.#storages.set(it.origin, { logs, kept: new Map(it.kept), brokenMs });
        return;
      }
      case "commit": {
        const storage = this.storage(it.origin);
        const known = storage.logs.get(it.channel);
        const log = known?.epoch === it.epoch ? known : replayed({ epoch: it.epoch, frames: [] });
        storage.logs.set(it.channel, log);
        log.frames.push(it.frame);
        apply(log.admitted, it.frame.entries);
        return;
      }
      case "kept":
        if (it.hash === null) this.storage(it.origin).kept.delete(it.key);
        else this.storage(it.origin).kept.set(it.key, it.hash);
        return;
      case "access":
      case "action":
      case "felix":
      case "instance":
      case "quiet":
      case "received":
      case "reconciled":
      case "relay":
      case "seen":
      case "sent":
      case "thrown":
      case "told":
      case "trouble":
    }
  }

  storage(origin: string): Storage {
    const storage = this.#storages.get(origin);
    if (storage === undefined) throw new Error(`BUG: a history without a storage of ${origin}`);
    return storage;
  }

  /** States of a key in the source of a cluster, in order. */
  states(uid: string, key: string): SourceStates {
    return this.#sources.get(this.placeOf.get(uid) ?? "")?.get(key) ?? [];
  }

  /** All keys that the source of a cluster ever had, with their states. */
  allStates(uid: string): ReadonlyMap<string, SourceStates> {
    return this.#sources.get(this.placeOf.get(uid) ?? "") ?? new Map();
  }

  /** What a cluster's source has that is its own (or is not). */
  has(uid: string, isOwn = true): Map<string, SourceState> {
    const own = new Map<string, SourceState>();
    for (const [key, states] of this.allStates(uid)) {
      const state = states.at(-1)?.value;
      if (state?.isOwn === isOwn) own.set(key, state);
    }
    return own;
  }

  /** Addresses that the source of a cluster shows as its own, besides its pods' range. */
  ownAddresses(uid: string): Set<string> {
    const states = [...this.allStates(uid).values()];
    return new Set(states.flatMap((of) => of.at(-1)?.value?.owns ?? []));
  }

  frame(origin: string, channel: Channel, revision: number): LoggedFrame | undefined {
    const frames = this.storage(origin).logs.get(channel)?.frames ?? [];
    const found = frames[revision - (frames[0]?.revision ?? 0)];
    return found?.revision === revision ? found : undefined;
  }

  /** Whether this very record of a key is admitted. */
  isAdmitted(origin: string, key: string, hash: string | null): boolean {
    const logs = [...this.storage(origin).logs.values()];
    return hash !== null && logs.some(({ admitted }) => admitted.get(key) === hash);
  }

  head(origin: string, channel: Channel): number {
    return this.storage(origin).logs.get(channel)?.frames.at(-1)?.revision ?? 0;
  }

  /** What is admitted at a revision of the log as it is now; `undefined` when there is no such log or revision. */
  admittedAt(
    origin: string,
    channel: Channel,
    revision: number,
    epoch?: string,
  ): Entries | undefined {
    const log = this.storage(origin).logs.get(channel);
    if (revision === 0 && (log === undefined || log.epoch !== epoch)) return new Map();
    if (log === undefined || (epoch !== undefined && log.epoch !== epoch)) return undefined;
    const head = log.frames.at(-1)?.revision ?? 0;
    if (revision === head) return log.admitted;
    if (revision > head) return undefined;
    const admitted = new Map<string, string>();
    for (const { revision: at, entries } of log.frames) {
      if (at > revision) break;
      apply(admitted, entries);
    }
    return admitted;
  }
}

function replayed({ epoch, frames }: LoggedLog): Log {
  const admitted = new Map<string, string>();
  for (const { entries } of frames) apply(admitted, entries);
  return { epoch, frames: [...frames], admitted };
}

function apply(admitted: Map<string, string>, entries: Entries): void {
  for (const [key, hash] of entries)
    if (hash === null) admitted.delete(key);
    else admitted.set(key, hash);
}
