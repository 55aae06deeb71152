/**
 * Which deletions are obeyed now. What a source saw go is; what a list only lacks is held where that is a mass of it, for a bounded time, until an operator says
 * or until it comes back. A decider without clock, disk or timers: `withdrawals.ts` is the shell. [PUB3] [PUB4] [PUB5]
 */
import { toId } from "../../../shared/lib/bytes.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import { hashKey, keyHashOf } from "../../../shared/record/encoding.ts";
import type { CalicoRecord, RecordChange } from "../../../shared/record/record.ts";
import type { LocalRecord, LocalState } from "../local-state.ts";
import { collectionOf, identityOf } from "./collections.ts";
import type { CollectionName } from "./collections.ts";
import { HeldKeys, placesOf } from "./held-keys.ts";
import type { HeldKey } from "./held-keys.ts";
import { isMass } from "./mass.ts";

/** Of one collection. */
export interface Hold {
  readonly collection: CollectionName;
  readonly sinceMs: number;
  /** When it ends by itself; `null`: an operator has rejected the withdrawal, so it stays until what is held comes back. */
  readonly untilMs: number | null;
}

export interface Obeyed {
  readonly changes: readonly RecordChange[];
  /** Keys of an earlier process, of which this one has the hash only. */
  readonly withdrawn: readonly HeldKey[];
}

export class WithdrawalGuard {
  readonly #local: LocalState;
  readonly #holdMs: number;
  readonly #held = new HeldKeys();
  readonly #holds = new Map<CollectionName, Hold>();
  readonly #remembered: ReadonlySet<CollectionName>;
  #isSettled = false;

  /** @param remembered Holds of an earlier process: their keys are known again once the hub has told what it has. */
  constructor(local: LocalState, holdMs: number, remembered: readonly Hold[] = []) {
    this.#local = local;
    this.#holdMs = holdMs;
    this.#remembered = new Set(remembered.map(({ collection }) => collection));
    for (const hold of remembered) this.#holds.set(hold.collection, hold);
  }

  /** Every channel has been compared with the hub's: what is not held by now is not there. */
  settle(): void {
    this.#isSettled = true;
    this.#closeEmpty();
  }

  get holds(): readonly (Hold & { readonly keys: number })[] {
    return [...this.#holds.values()].map((hold) => ({
      ...hold,
      keys: this.#held.count(hold.collection),
    }));
  }

  held(): readonly HeldKey[] {
    return this.#held.all();
  }

  isHeld(keyHash: Uint8Array): boolean {
    return this.#held.has(keyHash);
  }

  /** A source's changes, in order. Deletions that one list infers come in one call. */
  take(changes: readonly RecordChange[], nowMs: number): Obeyed {
    const obeyed: RecordChange[] = [];
    const withdrawn: HeldKey[] = [];
    const inferred: LocalRecord[] = [];
    for (const change of changes) {
      if (change.op === "put") {
        this.#replace(change.record, obeyed, withdrawn);
        obeyed.push(change);
      } else if (change.cause === "observed") {
        if (this.#held.size > 0) this.#held.remove(hashKey(change.key));
        obeyed.push(change);
      } else {
        const local = this.#local.byKey(change.key);
        if (local !== undefined && !this.#held.has(local.keyHash)) inferred.push(local);
      }
    }
    if (inferred.length > 0) {
      const puts = changes.flatMap((change) => (change.op === "put" ? [change.record] : []));
      const go = this.#judge(inferred.map(heldOf), this.#leftBy(inferred, puts), nowMs);
      for (const { key } of go) if (key !== null) obeyed.push(inferredDelete(key));
    }
    this.#closeEmpty();
    return { changes: obeyed, withdrawn };
  }

  /**
   * What the hub has of a channel and this process does not, at its first comparison.
   * @param missing What is known of each from an earlier process.
   * @returns Those that are obeyed now.
   */
  review(channel: Channel, missing: readonly HeldKey[], nowMs: number): readonly HeldKey[] {
    const left = this.#leftBy([], []);
    // A stranger may be of any kind: it is taken for what the channel mostly has.
    const unknown = channel === "identity" ? left.count("pods") : this.#local.trie(channel).size;
    const go = this.#judge(
      missing.filter((held) => !this.#held.has(held.keyHash)),
      { ...left, count: (name) => (name === "unknown" ? unknown : left.count(name)) },
      nowMs,
    );
    this.#closeEmpty();
    return go;
  }

  /** @returns What is obeyed now because its time is over. */
  expire(nowMs: number): Obeyed {
    return this.#release(({ untilMs }) => untilMs !== null && untilMs <= nowMs);
  }

  /** @returns What is obeyed now because an operator says so. @param collection `null`: all. */
  confirm(collection: CollectionName | null): Obeyed {
    return this.#release((hold) => collection === null || hold.collection === collection);
  }

  /** Holds until what is held comes back, or is confirmed. */
  reject(collection: CollectionName | null): void {
    for (const hold of this.#holds.values())
      if (collection === null || hold.collection === collection)
        this.#holds.set(hold.collection, { ...hold, untilMs: null });
  }

  #release(isOver: (hold: Hold) => boolean): Obeyed {
    const over = new Set(
      [...this.#holds.values()].filter(isOver).map(({ collection }) => collection),
    );
    const gone = this.#held.all().filter((held) => over.has(held.collection));
    for (const held of gone) this.#held.remove(held.keyHash);
    for (const collection of over) this.#holds.delete(collection);
    return asObeyed(gone);
  }

  /** Holds what is a mass; answers the rest. */
  #judge(lost: readonly HeldKey[], left: Left, nowMs: number): readonly HeldKey[] {
    const byCollection = new Map<CollectionName, HeldKey[]>();
    for (const held of lost) {
      const found = byCollection.get(held.collection);
      if (found === undefined) byCollection.set(held.collection, [held]);
      else found.push(held);
    }
    const go: HeldKey[] = [];
    for (const [collection, keys] of byCollection) {
      const open = this.#holds.get(collection);
      const isMassNow = this.#holdMs > 0 && isMass(keys.length, left.count(collection));
      // What a hold that is undecided lacks further is of the same matter.
      const isUndecided = open !== undefined && open.untilMs !== null;
      if (!(isUndecided ? open.untilMs > nowMs : isMassNow)) {
        go.push(...keys);
        continue;
      }
      const replaced = left.places();
      for (const held of keys)
        if (placesOf(held).some((place) => replaced.has(place))) go.push(held);
        else this.#held.add(held);
      if (open === undefined)
        this.#holds.set(collection, { collection, sinceMs: nowMs, untilMs: nowMs + this.#holdMs });
    }
    return go;
  }

  /** An object that is back, or a record that takes the place of held ones. */
  #replace(record: CalicoRecord, obeyed: RecordChange[], withdrawn: HeldKey[]): void {
    if (this.#held.size === 0) return;
    const keyHash = keyHashOf(record);
    this.#held.remove(keyHash);
    const identity = identityOf(record);
    const replaced = [...this.#held.takeReplaced(keyHash, identity)];
    // Of what is known by its hash only, any may have had this address.
    if (identity.ips.length > 0 && this.#local.get(keyHash) === undefined)
      for (const held of this.#held.all())
        if (held.collection === "unknown") {
          this.#held.remove(held.keyHash);
          replaced.push(held);
        }
    const split = asObeyed(replaced);
    obeyed.push(...split.changes);
    withdrawn.push(...split.withdrawn);
  }

  /** What stays when these go, and what these put. Made only when something is inferred: it looks at everything. */
  #leftBy(gone: readonly LocalRecord[], puts: readonly CalicoRecord[]): Left {
    const isGone = new Set(gone.map(({ keyHash }) => toId(keyHash)));
    const stays = (): CalicoRecord[] => [
      ...[...this.#local.records()]
        .filter(({ keyHash }) => !isGone.has(toId(keyHash)) && !this.#held.has(keyHash))
        .map(({ record }) => record),
      ...puts,
    ];
    let counts: Map<CollectionName, number> | null = null;
    let places: Set<string> | null = null;
    return {
      count: (collection) => {
        counts ??= countOf(stays());
        return counts.get(collection) ?? 0;
      },
      places: () => (places ??= new Set(stays().flatMap((record) => placesOf(identityOf(record))))),
    };
  }

  /** A remembered hold has no keys before the hub has been heard. */
  #closeEmpty(): void {
    for (const { collection, keys } of this.holds)
      if (keys === 0 && (this.#isSettled || !this.#remembered.has(collection)))
        this.#holds.delete(collection);
  }
}

interface Left {
  count(collection: CollectionName): number;
  places(): ReadonlySet<string>;
}

function countOf(records: readonly CalicoRecord[]): Map<CollectionName, number> {
  const counts = new Map<CollectionName, number>();
  for (const record of records) {
    const collection = collectionOf(record);
    counts.set(collection, (counts.get(collection) ?? 0) + 1);
  }
  return counts;
}

export function heldOf({ record, channel, keyHash, key }: LocalRecord): HeldKey {
  return { channel, keyHash, key, collection: collectionOf(record), ...identityOf(record) };
}

function asObeyed(keys: readonly HeldKey[]): Obeyed {
  return {
    changes: keys.flatMap(({ key }) => (key === null ? [] : [inferredDelete(key)])),
    withdrawn: keys.filter(({ key }) => key === null),
  };
}

function inferredDelete(key: string): RecordChange {
  return { op: "delete", key, cause: "inferred" };
}
