/**
 * A place where a cluster runs: what its source has, whoever follows it. It outlives memberships:
 * removed and added again it is another member.
 */
import { toHex } from "../../shared/lib/bytes.ts";
import { channelOf } from "../../shared/record/channel.ts";
import { encodeRecord, hashKey, hashRecord } from "../../shared/record/encoding.ts";
import { keyOf } from "../../shared/record/key.ts";
import type { EncodedChange } from "../../shared/record/encoding.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { JsonObject } from "../../relay/kube/kube-object.ts";
import type { CollectionReading } from "../../relay/source/source-health.ts";
import type { Source, SourceSink } from "../../relay/source/source.ts";
import { pool, putOf } from "../support/records.ts";
import { addressesOf } from "./addresses.ts";
import type { History, SourceState } from "./history.ts";
import { isOfServices, scopeOf } from "./scopes.ts";
import type { World } from "./world.ts";

/** Records that the model of a source has, by Calico's key. */
export type Held = ReadonlyMap<
  string,
  { readonly record: CalicoRecord; readonly state: SourceState }
>;

export function hashOfKey(key: string): string {
  return toHex(hashKey(key));
}

export function hashOfRecord(record: CalicoRecord): string {
  return toHex(hashRecord(encodeRecord(record)));
}

/** Asked for by few, and then again and again. */
function shownOf(record: CalicoRecord): (id: string) => string | null {
  const known = new Map<string, string | null>();
  return (id) => {
    const before = known.get(id);
    if (before !== undefined) return before;
    const shown = scopeOf(id).shown(record);
    const hash = shown === null ? null : hashOfRecord(shown);
    known.set(id, hash);
    return hash;
  };
}

function isServiceKey(key: string): boolean {
  return key.startsWith("/catwalk/");
}

export class Place {
  readonly name: string;
  readonly number: number;
  /** Its lists lack its pods, which are there all the same. */
  isHiding = false;
  /** Its sources say how they are. */
  tellsHealth = false;
  /** Its Services that ask to be filled, by id. */
  readonly #fillable = new Map<string, JsonObject>();
  readonly #history: History;
  readonly #followers = new Set<SimSource>();
  readonly #held = new Map<
    string,
    { readonly record: CalicoRecord; readonly state: SourceState }
  >();

  constructor(name: string, number: number, history: History) {
    this.name = name;
    this.number = number;
    this.#history = history;
  }

  get held(): Held {
    return this.#held;
  }

  put(record: CalicoRecord, isOwn: boolean): void {
    const key = keyOf(record);
    const state: SourceState = {
      hash: hashOfRecord(record),
      isOwn,
      ips: addressesOf(record),
      owns:
        record.kind === "IPPool" ? [record.cidr] : record.kind === "Node" ? record.internalIPs : [],
      channel: channelOf(record.kind),
      ...(isOfServices(record) ? { record } : {}),
      shown: shownOf(record),
    };
    if (this.#held.get(key)?.state.hash === state.hash) return;
    this.#held.set(key, { record, state });
    this.#history.add({ what: "source", place: this.name, key: hashOfKey(key), state });
    this.#tell(putOf(record));
  }

  /** Whether records of a kind are the cluster's own has changed, or nobody knows it now. */
  remark(isOwn: boolean, isMeant: (record: CalicoRecord) => boolean): void {
    for (const [key, { record, state: before }] of Array.from(this.#held)) {
      if (!isMeant(record) || before.isOwn === isOwn) continue;
      const state = { ...before, isOwn };
      this.#held.set(key, { record, state });
      this.#history.add({ what: "source", place: this.name, key: hashOfKey(key), state });
    }
  }

  delete(key: string): void {
    if (!this.#held.delete(key)) return;
    this.#history.add({ what: "source", place: this.name, key: hashOfKey(key), state: null });
    this.#tell({ op: "delete", key, cause: "observed" });
  }

  /** A Service of its asks to be filled; `null`: not any more. */
  setFillable(id: string, object: JsonObject | null): void {
    if (object === null) this.#fillable.delete(id);
    else this.#fillable.set(id, object);
    this.#history.add({ what: "asking", place: this.name, isAsking: object !== null });
    for (const source of this.#followers) source.onFillable(id, object);
  }

  get fillable(): ReadonlyMap<string, JsonObject> {
    return this.#fillable;
  }

  follow(source: SimSource): void {
    this.#followers.add(source);
  }

  unfollow(source: SimSource): void {
    this.#followers.delete(source);
  }

  /** Keys that a list has now. */
  get listed(): string[] {
    const keys = [...this.#held.keys()];
    if (!this.isHiding) return keys;
    return keys.filter((key) => this.#held.get(key)?.record.kind !== "WorkloadEndpoint");
  }

  /** All its pods go while no watch tells of it. */
  empty(): void {
    for (const [key, { record }] of this.#held) {
      if (record.kind !== "WorkloadEndpoint") continue;
      this.#held.delete(key);
      this.#history.add({ what: "source", place: this.name, key: hashOfKey(key), state: null });
    }
    this.relist();
  }

  /** The pool is there, so that what waits for it can be admitted. */
  settle(): void {
    const range = `10.${this.number}.0.0/16`;
    this.put(pool(range), true);
  }

  /** All watches break; each lists again, and the list comes half at first. */
  relist(): void {
    for (const source of Array.from(this.#followers)) source.relist();
  }

  /** A source lists again, and has come half: what is not in this half is there all the same. */
  tellHalf(): void {
    this.#history.add({ what: "trouble", name: "a source's new list comes half" });
  }

  #tell(change: EncodedChange): void {
    for (const source of this.#followers) source.onChange(change);
  }
}

/**
 * A relay's source over a place: lists in two halves with time between them, then watches. A list
 * that fails in the middle deletes nothing.
 */
export class SimSource implements Source {
  readonly #place: Place;
  readonly #world: World;
  readonly #told = new Map<string, string>();
  #sink: SourceSink | null = null;
  #isWatching = false;
  #hasListed = false;
  /** Services are followed too. */
  #hasServices = false;
  #areServicesListed = false;
  #list = 0;

  constructor(place: Place, world: World) {
    this.#place = place;
    this.#world = world;
  }

  start(sink: SourceSink): void {
    this.#sink = sink;
    this.#place.follow(this);
    this.relist();
  }

  stop(): Promise<void> {
    this.#sink = null;
    this.#place.unfollow(this);
    return Promise.resolve();
  }

  followServices(): void {
    if (this.#hasServices) return;
    this.#hasServices = true;
    this.relist();
  }

  servicesHealth() {
    return { collections: [] };
  }

  health(): { readonly collections: readonly CollectionReading[] } {
    if (!this.#place.tellsHealth) return { collections: [] };
    const objects = this.#told.size;
    const state = this.#hasListed ? "following" : "listing";
    return { collections: [{ name: "all", state, objects, reason: "" }] };
  }

  policies() {
    return Promise.resolve({ items: [], unread: [] });
  }

  onChange(change: EncodedChange): void {
    const isOther = change.op === "put" ? isOfServices(change.record) : isServiceKey(change.key);
    if (this.#isWatching && (this.#hasServices || !isOther)) this.#apply([change]);
  }

  onFillable(id: string, object: JsonObject | null): void {
    if (this.#areServicesListed) this.#sink?.fillable?.(id, object);
  }

  relist(): void {
    const list = ++this.#list;
    this.#isWatching = false;
    const { rng } = this.#world;
    const next = (delayMs: number, step: () => void): void => {
      this.#world.after(delayMs, () => {
        if (list === this.#list && this.#sink !== null) step();
      });
    };
    const half = (): void => {
      const keys = this.#listed.filter((_, index) => index % 2 === 0);
      if (this.#hasListed && keys.length < this.#told.size) this.#place.tellHalf();
      this.#apply(this.#puts(keys));
      if (rng.chance(0.3)) next(rng.below(500), half);
      else next(rng.below(200), whole);
    };
    const whole = (): void => {
      const there = new Set(this.#listed);
      const gone = [...this.#told.keys()].filter((key) => !there.has(key));
      const deletes = gone.map((key): EncodedChange => ({ op: "delete", key, cause: "inferred" }));
      this.#apply([...this.#puts([...there]), ...deletes]);
      this.#isWatching = true;
      if (!this.#hasListed) this.#sink?.listed();
      this.#hasListed = true;
      if (this.#hasServices) this.#onServicesListed();
    };
    next(rng.below(100), half);
  }

  get #listed(): readonly string[] {
    const { listed } = this.#place;
    return this.#hasServices ? listed : listed.filter((key) => !isServiceKey(key));
  }

  #onServicesListed(): void {
    const isFirst = !this.#areServicesListed;
    this.#areServicesListed = true;
    for (const [id, object] of this.#place.fillable) this.#sink?.fillable?.(id, object);
    if (isFirst) this.#sink?.servicesListed?.();
  }

  #puts(keys: readonly string[]): EncodedChange[] {
    return keys.flatMap((key) => {
      const held = this.#place.held.get(key);
      return held === undefined || this.#told.get(key) === held.state.hash
        ? []
        : [putOf(held.record)];
    });
  }

  #apply(changes: readonly EncodedChange[]): void {
    for (const change of changes)
      if (change.op === "delete") this.#told.delete(change.key);
      else {
        const key = keyOf(change.record);
        this.#told.set(key, hashOfRecord(change.record));
      }
    if (changes.length > 0) this.#sink?.apply(changes);
  }
}
