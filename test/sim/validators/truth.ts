/**
 * What is the case in the world, read from a history: what sources have, who sees whom, what
 * Origins have committed. No code of the product is asked.
 */
import type { Channel } from "../../../shared/record/channel.ts";
import { ALL_SCOPES } from "../scopes.ts";
import type { Entries, LoggedFrame, LoggedLog, Moment, SourceState } from "../history.ts";

export interface Timed<T> {
  readonly atMs: number;
  readonly value: T;
}

export type SourceStates = readonly Timed<SourceState | null>[];

export interface Log {
  readonly epoch: string;
  /** Of a projection: its scope's id. */
  readonly scope: string | null;
  /** Without a gap. */
  readonly frames: LoggedFrame[];
  readonly admitted: Map<string, string>;
}

interface Storage {
  readonly logs: Map<Channel, Log>;
  readonly kept: Map<string, string>;
  /** When it was not what it had been. */
  brokenMs: number;
  /** By slot. */
  readonly projections: Map<number, Projection>;
  /** Scope ids of readers, as it has committed them. */
  scopes: ReadonlyMap<string, string>;
  /** Every log that there was since, by channel and epoch. */
  readonly byEpoch: Map<string, Log>;
}

interface Projection {
  readonly id: string;
  readonly logs: Map<Channel, Log>;
}

export class Truth {
  readonly placeOf = new Map<string, string>();
  /** Places whose `shop/db` asks to be filled, or does not. */
  readonly asking = new Map<string, boolean>();
  /** By place and key, all states in order. */
  readonly #sources = new Map<string, Map<string, Timed<SourceState | null>[]>>();
  /** `reader origin` to RCC name. */
  edges: ReadonlyMap<string, string> = new Map();
  /** Pairs of these whose labels are given with a prefix. */
  prefixed: ReadonlySet<string> = new Set();
  /** Scope ids of those pairs that have one. */
  scopes: ReadonlyMap<string, string> = new Map();
  /** All that a pair ever had. */
  readonly everScopes = new Map<string, Set<string>>();
  /** Pairs that had a grant without a scope at some time. */
  readonly everUnscoped = new Set<string>();
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
        this.scopes = it.scopes ?? new Map();
        for (const pair of this.edges.keys())
          if (!this.scopes.has(pair)) this.everUnscoped.add(pair);
        for (const [pair, id] of this.scopes)
          this.everScopes.set(pair, (this.everScopes.get(pair) ?? new Set()).add(id));
        return;
      case "heard":
        this.heard.set(it.relay, it.granted);
        return;
      case "storage": {
        const logs = replayedAll(it.logs, null);
        const projections = new Map(
          [...(it.projections ?? [])].map(([slot, { id, logs: shown }]) => [
            slot,
            { id, logs: replayedAll(shown, id) },
          ]),
        );
        const byEpoch = new Map<string, Log>();
        for (const all of [logs, ...[...projections.values()].map((of) => of.logs)])
          for (const [channel, log] of all) byEpoch.set(`${channel} ${log.epoch}`, log);
        const brokenMs = it.why === "new" ? Number.NEGATIVE_INFINITY : atMs;
        const kept = new Map(it.kept);
        const scopes = it.access?.scopes ?? new Map<string, string>();
        this.#storages.set(it.origin, { logs, kept, brokenMs, projections, scopes, byEpoch });
        return;
      }
      case "commit": {
        const storage = this.storage(it.origin);
        const projection = it.slot === undefined ? undefined : storage.projections.get(it.slot);
        const logs = it.slot === undefined ? storage.logs : projection?.logs;
        if (logs === undefined) throw new Error(`BUG: a commit in slot ${it.slot}, which is none`);
        const known = logs.get(it.channel);
        const empty = { epoch: it.epoch, frames: [] };
        const log = known?.epoch === it.epoch ? known : replayed(empty, projection?.id ?? null);
        logs.set(it.channel, log);
        storage.byEpoch.set(`${it.channel} ${it.epoch}`, log);
        log.frames.push(it.frame);
        apply(log.admitted, it.frame.entries);
        return;
      }
      case "projections": {
        const { projections } = this.storage(it.origin);
        for (const slot of projections.keys()) if (!it.slots.has(slot)) projections.delete(slot);
        for (const [slot, id] of it.slots)
          if (!projections.has(slot)) projections.set(slot, { id, logs: new Map() });
        return;
      }
      case "access":
        this.storage(it.origin).scopes = it.scopes ?? new Map();
        return;
      case "kept":
        if (it.hash === null) this.storage(it.origin).kept.delete(it.key);
        else this.storage(it.origin).kept.set(it.key, it.hash);
        return;
      case "asking":
        this.asking.set(it.place, it.isAsking);
        return;
      case "action":
      case "calm":
      case "dark":
      case "felix":
      case "health":
      case "instance":
      case "moved":
      case "obeyed":
      case "felix ended":
      case "pools":
      case "probed":
      case "remembered":
      case "quiet":
      case "received":
      case "reconciled":
      case "relay":
      case "routes":
      case "seen":
      case "sent":
      case "slices":
      case "suspended":
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

  /** Whether some reader of a cluster may have its Services: only then it publishes them. */
  isAsked(uid: string): boolean {
    return [...this.scopes].some(([pair, id]) => pair.endsWith(` ${uid}`) && showsServices(id));
  }

  /** The same, at any time. */
  wasAsked(uid: string): boolean {
    return [...this.everScopes].some(
      ([pair, ids]) => pair.endsWith(` ${uid}`) && [...ids].some(showsServices),
    );
  }

  /** Addresses that the source of a cluster shows as its own, besides its pods' range. */
  ownAddresses(uid: string): Set<string> {
    const states = [...this.allStates(uid).values()];
    return new Set(states.flatMap((of) => of.at(-1)?.value?.owns ?? []));
  }

  /** The log that an Origin gives a reader: its own, or that of a projection. */
  logFor(origin: string, reader: string, channel: Channel): Log | undefined {
    const storage = this.storage(origin);
    const scope = origin === reader ? undefined : storage.scopes.get(reader);
    if (scope === undefined) return storage.logs.get(channel);
    const found = [...storage.projections.values()].find(({ id }) => id === scope);
    return found?.logs.get(channel);
  }

  /** Any log of an Origin, also one that is there no more. */
  logOf(origin: string, channel: Channel, epoch: string): Log | undefined {
    return this.storage(origin).byEpoch.get(`${channel} ${epoch}`);
  }

  frame(
    origin: string,
    reader: string,
    channel: Channel,
    revision: number,
  ): LoggedFrame | undefined {
    const frames = this.logFor(origin, reader, channel)?.frames ?? [];
    const found = frames[revision - (frames[0]?.revision ?? 0)];
    return found?.revision === revision ? found : undefined;
  }

  /** Whether this very record of a key is admitted. */
  isAdmitted(origin: string, key: string, hash: string | null): boolean {
    const logs = [...this.storage(origin).byEpoch.values()];
    return hash !== null && logs.some(({ admitted }) => admitted.get(key) === hash);
  }

  head(origin: string, reader: string, channel: Channel): number {
    return this.logFor(origin, reader, channel)?.frames.at(-1)?.revision ?? 0;
  }
}

/** What is admitted at a revision of a log; `undefined` when it has no such revision. */
export function admittedAt(log: Log | undefined, revision: number): Entries | undefined {
  if (revision === 0) return new Map();
  const head = log?.frames.at(-1)?.revision ?? 0;
  if (log === undefined || revision > head) return undefined;
  if (revision === head) return log.admitted;
  const admitted = new Map<string, string>();
  for (const { revision: at, entries } of log.frames) {
    if (at > revision) break;
    apply(admitted, entries);
  }
  return admitted;
}

function showsServices(id: string): boolean {
  return ALL_SCOPES.some((one) => one.id === id && one.scope.kinds?.includes("Service") === true);
}

/** What a pair's grant shows of a state, by its hash; `null`: nothing. @param scope Its id. */
export function shownHash(state: SourceState, scope: string | undefined): string | null {
  if (scope !== undefined) return state.shown?.(scope) ?? null;
  return state.channel === "services" ? null : state.hash;
}

/** Whether a record of this hash is that state, or what some scope shows of it. */
export function isStateOf(state: SourceState | null, hash: string): boolean {
  return (
    state !== null &&
    (state.hash === hash || ALL_SCOPES.some(({ id }) => state.shown?.(id) === hash))
  );
}

function replayedAll(
  logs: ReadonlyMap<Channel, LoggedLog>,
  scope: string | null,
): Map<Channel, Log> {
  return new Map([...logs].map(([channel, log]) => [channel, replayed(log, scope)]));
}

function replayed({ epoch, frames }: LoggedLog, scope: string | null): Log {
  const admitted = new Map<string, string>();
  for (const { entries } of frames) apply(admitted, entries);
  return { epoch, scope, frames: [...frames], admitted };
}

function apply(admitted: Map<string, string>, entries: Entries): void {
  for (const [key, hash] of entries)
    if (hash === null) admitted.delete(key);
    else admitted.set(key, hash);
}
