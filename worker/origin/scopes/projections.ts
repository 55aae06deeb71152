/**
 * The projections of an origin, one for each scope that its grants name: made when the first grant
 * names it, built in short steps beside everything else, kept in step with the origin's logs,
 * forgotten when no grant names it any more. [SCP5] [SCP6] [SCP7]
 */
import { must } from "../../../shared/lib/assert.ts";
import { toHex } from "../../../shared/lib/bytes.ts";
import { CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { OriginFacts } from "../../../shared/visibility/facts.ts";
import type { ScopeStatus } from "../../../shared/visibility/origin-status.ts";
import { scopeId } from "../../../shared/visibility/scope.ts";
import type { Scope } from "../../../shared/visibility/scope.ts";
import { BUDGETS } from "../budgets/limits.ts";
import { readChange } from "../log/admitted-change.ts";
import type { AdmittedChange } from "../log/admitted-change.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import { listLogs } from "../log/channel-logs.ts";
import type { Logs } from "../log/channel-logs.ts";
import type { LogStore, StoredProjection } from "../log/log-store.ts";
import type { PieceBudget } from "../log/small-frames.ts";
import { ProjectionWalk } from "./projection-walk.ts";
import { Projection } from "./projection.ts";

/**
 * Cost of a change in each projection, of its cost without any: measured with labels taken away
 * from every record.
 */
const CHANGE_COST = 0.9;

interface Held {
  readonly projection: Projection;
  /** While it is built. */
  walk: ProjectionWalk | null;
}

export class Projections {
  readonly #store: LogStore;
  readonly #logs: Logs;
  readonly #pieces: PieceBudget;
  readonly #newEpoch: () => string;
  readonly #held = new Map<string, Held>();
  /** Scopes that show too much, by id. */
  readonly #overfull = new Map<string, Scope>();
  /** Slots of abandoned projections, whose rows are to be forgotten. */
  #abandoned: number[] = [];
  #hasGivenWay = false;

  /** @param logs The origin's own. */
  constructor(store: LogStore, logs: Logs, pieces: PieceBudget, newEpoch: () => string) {
    this.#store = store;
    this.#logs = logs;
    this.#pieces = pieces;
    this.#newEpoch = newEpoch;
  }

  /** Reads the stored projections, after the origin's own logs; see `ChannelLog.load`. */
  *load(): Generator<number, void> {
    const stored = this.#store.projections();
    this.#abandoned = stored.flatMap(({ scope, slot }) => (scope === null ? [slot] : []));
    for (const { scope, slot, state } of stored) {
      if (scope === null) continue;
      if (state === "overfull") this.#overfull.set(scopeId(scope), scope);
      else this.#hold(scope, slot, state === "building");
    }
    if (this.#held.size > 0 && this.#isBehind()) this.#beginAnew();
    for (const log of this.logs()) yield* log.load();
  }

  /**
   * Whether a program that knows no projections has committed since: they lack its changes. [SCP8]
   */
  #isBehind(): boolean {
    return listLogs(this.#logs).some(
      ({ channel, head }) => head > 0 && !this.#store.isProjected(channel, head),
    );
  }

  #beginAnew(): void {
    this.#store.transaction(() => {
      for (const { projection } of Array.from(this.#held.values())) {
        this.#abandon(projection);
        this.#hold(projection.scope, this.#freeSlot(), true);
      }
      this.#save();
    });
  }

  /**
   * Makes and abandons projections by the scopes that grants name now. Call inside the store's
   * transaction.
   */
  setScopes({ scopedReaders = [] }: Pick<OriginFacts, "scopedReaders">): void {
    const wanted = new Map(scopedReaders.map(({ scope }) => [scopeId(scope), scope]));
    const [known, named] = [[...this.#held.keys(), ...this.#overfull.keys()], [...wanted.keys()]];
    if (String(known.toSorted()) === String(named.toSorted())) return;
    for (const [id, { projection }] of this.#held) if (!wanted.has(id)) this.#abandon(projection);
    // There may be room now.
    this.#overfull.clear();
    for (const [id, scope] of wanted)
      if (!this.#held.has(id)) this.#hold(scope, this.#freeSlot(), true);
    this.#save();
  }

  /** Logs of a scope; `null` where it shows too much, or no grant names it. */
  logsOf(scope: Scope): Logs | null {
    return this.#held.get(scopeId(scope))?.projection.logs ?? null;
  }

  /** Logs of all projections. */
  logs(): ChannelLog[] {
    return [...this.#held.values()].flatMap(({ projection }) => listLogs(projection.logs));
  }

  /** Answers, once, that a projection has become too large since the last call. */
  popGivenWay(): boolean {
    const hasGivenWay = this.#hasGivenWay;
    this.#hasGivenWay = false;
    return hasGivenWay;
  }

  /** Follows a commit of the origin. Call inside the same transaction. */
  follow(channel: Channel, changes: readonly AdmittedChange[]): void {
    if (this.#held.size === 0) return;
    const read = changes.map(readChange);
    for (const { projection } of this.#held.values()) projection.follow(channel, read);
    this.#keepWithin();
  }

  /** Cost of a change of the origin, in changes of an origin without projections. */
  get weight(): number {
    return 1 + CHANGE_COST * this.#held.size;
  }

  /** Whether there is something to build or to forget. */
  get hasWork(): boolean {
    return this.#abandoned.length > 0 || this.#building() !== undefined;
  }

  /** One step of that work, in a transaction of its own; answers its outcome. */
  step(): "nothing" | "committed" | "built" | "behind" {
    return this.#store.transaction(() => {
      const building = this.#building();
      if (building !== undefined) return this.#build(building);
      this.#forget();
      return "nothing";
    });
  }

  #build(held: Held): ReturnType<Projections["step"]> {
    const walk = must(held.walk, "of one that is built");
    if (walk.isBehind) return "behind";
    const hasCommitted = walk.step();
    this.#keepWithin();
    if (!walk.isDone) return hasCommitted ? "committed" : "nothing";
    held.walk = null;
    for (const channel of CHANNELS)
      if (this.#logs[channel].populated) held.projection.logs[channel].markPopulated();
    this.#save();
    return "built";
  }

  /** A publisher has reconciled a channel of the origin. Call inside the store's transaction. */
  markPopulated(channel: Channel): void {
    for (const { projection, walk } of this.#held.values())
      if (walk === null) projection.logs[channel].markPopulated();
  }

  /**
   * Whether a log has all that it should: while it is built, a record that only the reader has is
   * not gone. The origin's own logs always have.
   */
  isBuilt(log: ChannelLog): boolean {
    const held = [...this.#held.values()];
    const isOf = ({ projection }: Held): boolean => projection.logs[log.channel] === log;
    return held.every((each) => each.walk === null || !isOf(each));
  }

  status(): ScopeStatus[] {
    const held = [...this.#held.values()].map(({ projection, walk }): ScopeStatus => {
      const { id, scope, size, logs } = projection;
      const digest = toHex(logs.identity.admitted.digest());
      return { id, scope, state: walk === null ? "ready" : "building", records: size, digest };
    });
    const overfull = [...this.#overfull].map(([id, scope]): ScopeStatus => ({
      id,
      scope,
      state: "overfull",
      records: 0,
      digest: "",
    }));
    return [...held, ...overfull].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  #building(): Held | undefined {
    return [...this.#held.values()].find(({ walk }) => walk !== null);
  }

  #hold(scope: Scope, slot: number, isBuilding: boolean): void {
    const projection = new Projection(scope, slot, this.#store, this.#pieces, this.#newEpoch);
    const walk = isBuilding ? new ProjectionWalk(projection, this.#logs) : null;
    this.#held.set(projection.id, { projection, walk });
  }

  #abandon({ id, slot }: Projection): void {
    this.#held.delete(id);
    this.#abandoned.push(slot);
  }

  /** The largest gives way: the others go on. */
  #keepWithin(): void {
    const held = [...this.#held.values()].map(({ projection }) => projection);
    if (held.reduce((sum, { size }) => sum + size, 0) <= BUDGETS.projectionRecords) return;
    const largest = held.reduce((a, b) => (b.size > a.size ? b : a));
    this.#abandon(largest);
    this.#overfull.set(largest.id, largest.scope);
    this.#hasGivenWay = true;
    this.#save();
  }

  #freeSlot(): number {
    const taken = new Set([...this.#held.values()].map(({ projection }) => projection.slot));
    for (const slot of this.#abandoned) taken.add(slot);
    let slot = 1;
    while (taken.has(slot)) slot++;
    return slot;
  }

  #forget(): void {
    const slot = this.#abandoned[0];
    if (slot === undefined || this.#store.at(slot).wipeLog(BUDGETS.wipedRows) === BUDGETS.wipedRows)
      return;
    this.#abandoned = this.#abandoned.slice(1);
    this.#save();
  }

  #save(): void {
    const held = [...this.#held.values()].map(({ projection, walk }): StoredProjection => {
      const { scope, slot } = projection;
      return { scope, slot, state: walk === null ? "ready" : "building" };
    });
    const overfull = [...this.#overfull.values()].map((scope): StoredProjection => ({
      scope,
      slot: 0,
      state: "overfull",
    }));
    const left = this.#abandoned.map((slot): StoredProjection => ({
      scope: null,
      slot,
      state: "ready",
    }));
    this.#store.saveProjections([...held, ...overfull, ...left]);
  }
}
