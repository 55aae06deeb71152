/**
 * Which deletions are obeyed now. What a source saw go is; what a list only lacks is held where
 * that is a mass of it, for a bounded time, until an operator says or until it comes back. A
 * decider without clock, disk or timers: `withdrawals.ts` is the shell. [PUB3] [PUB4] [PUB5]
 */
import type { Channel } from "../../../shared/record/channel.ts";
import { hashKey } from "../../../shared/record/encoding.ts";
import type { EncodedChange, EncodedRecord } from "../../../shared/record/encoding.ts";
import type { LocalState } from "../local-state.ts";
import { identityOf } from "./collections.ts";
import type { CollectionName } from "./collections.ts";
import { HeldKeys, placesOf } from "./held-keys.ts";
import type { HeldKey } from "./held-keys.ts";
import { isMass } from "./mass.ts";
import { asObeyed, heldOf, inferredDelete } from "./obeyed.ts";
import type { Hold, Obeyed } from "./obeyed.ts";
import { leftBy, namedProfiles } from "./what-stays.ts";
import type { Left } from "./what-stays.ts";

const LOOK_MS = 1_000;

export class WithdrawalGuard {
  readonly #local: LocalState;
  readonly #holdMs: number;
  readonly #held = new HeldKeys();
  readonly #holds = new Map<CollectionName, Hold>();
  readonly #remembered: ReadonlySet<CollectionName>;
  #isCompared = false;
  /** Profiles that are held only because endpoints name them. */
  readonly #namedKeys = new Set<string>();
  #lookedMs = Number.NEGATIVE_INFINITY;

  /**
   * @param remembered Holds of an earlier process: their keys are known again once the hub has told
   *   what it has.
   */
  constructor(local: LocalState, holdMs: number, remembered: readonly Hold[] = []) {
    this.#local = local;
    this.#holdMs = holdMs;
    this.#remembered = new Set(remembered.map(({ collection }) => collection));
    for (const hold of remembered) this.#holds.set(hold.collection, hold);
  }

  /** Every channel has been compared with the hub's: what is not held by now is not there. */
  endComparison(): void {
    this.#isCompared = true;
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
  judgeChanges(changes: readonly EncodedChange[], nowMs: number): Obeyed {
    const obeyed: EncodedChange[] = [];
    const withdrawn: HeldKey[] = [];
    const inferred: EncodedRecord[] = [];
    for (const change of changes) {
      if (change.op === "put") {
        this.#replace(change, obeyed, withdrawn);
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
      const named = this.#namedAmong(inferred);
      const go = this.#judge(
        inferred.map(heldOf),
        leftBy(this.#local, inferred, puts, (hash) => this.#held.has(hash)),
        nowMs,
        ({ key }) => key !== null && named.has(key),
      );
      for (const { key } of go) if (key !== null) obeyed.push(inferredDelete(key));
    }
    obeyed.push(...this.#noLongerNamed(obeyed, nowMs));
    this.#closeEmpty();
    return { changes: obeyed, withdrawn };
  }

  /**
   * Judges keys that the hub has of a channel and this process has not, at its first comparison.
   * @param missing What is known of each from an earlier process.
   * @returns Those that are obeyed now.
   */
  review(channel: Channel, missing: readonly HeldKey[], nowMs: number): readonly HeldKey[] {
    const left = leftBy(this.#local, [], [], (hash) => this.#held.has(hash));
    // A stranger may be of any kind: it is taken for what the channel mostly has.
    const unknown = (): number =>
      channel === "identity" ? left.count("pods") : this.#local.trie(channel).size;
    const unheld = missing.filter((held) => !this.#held.has(held.keyHash));
    const counted = {
      ...left,
      count: (name: CollectionName) => (name === "unknown" ? unknown() : left.count(name)),
    };
    const isProfile = ({ collection }: HeldKey): boolean =>
      collection === "namespaces" || collection === "serviceaccounts";
    const go = [
      ...this.#judge(
        unheld.filter((held) => !isProfile(held)),
        counted,
        nowMs,
      ),
      // Which of them the held pods name is not known any more.
      ...this.#judge(unheld.filter(isProfile), counted, nowMs, () => this.#held.count("pods") > 0),
    ];
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

  /**
   * Keys of profiles that endpoints name which stay: a namespace does not go before its pods, so a
   * list that lacks it alone is odd.
   */
  #namedAmong(lost: readonly EncodedRecord[]): ReadonlySet<string> {
    const names = new Map<string, string>();
    for (const { record, key } of lost) if (record.kind === "Profile") names.set(record.name, key);
    if (this.#holdMs === 0) return new Set();
    return namedProfiles(this.#local, names, new Set(lost.map(({ key }) => key)));
  }

  /**
   * Held profiles whose last endpoint has gone, looked for at most once a second: it looks at
   * everything.
   */
  #noLongerNamed(obeyed: readonly EncodedChange[], nowMs: number): readonly EncodedChange[] {
    if (this.#namedKeys.size === 0 || nowMs - this.#lookedMs < LOOK_MS) return [];
    const gone = new Set(obeyed.flatMap((change) => (change.op === "delete" ? [change.key] : [])));
    if (gone.size === 0) return [];
    this.#lookedMs = nowMs;
    const names = new Map<string, string>();
    for (const key of this.#namedKeys) {
      const local = this.#local.byKey(key);
      if (local?.record.kind === "Profile" && this.#held.has(local.keyHash))
        names.set(local.record.name, key);
      else this.#namedKeys.delete(key);
    }
    const named = namedProfiles(this.#local, names, gone);
    return [...names.values()]
      .filter((key) => !named.has(key))
      .map((key) => {
        this.#namedKeys.delete(key);
        this.#held.remove(hashKey(key));
        return inferredDelete(key);
      });
  }

  /**
   * Holds what is a mass; answers the rest.
   * @param isOdd What is held also where it is none.
   */
  #judge(
    lost: readonly HeldKey[],
    left: Left,
    nowMs: number,
    isOdd: (held: HeldKey) => boolean = () => false,
  ): readonly HeldKey[] {
    const byCollection = new Map<CollectionName, HeldKey[]>();
    for (const held of lost) {
      const found = byCollection.get(held.collection);
      if (found === undefined) byCollection.set(held.collection, [held]);
      else found.push(held);
    }
    const go: HeldKey[] = [];
    for (const [collection, keys] of byCollection) {
      const open = this.#holds.get(collection);
      // fault: mass-let-go
      const isMassNow = this.#holdMs > 0 && isMass(keys.length, left.count(collection));
      // What a hold that is undecided lacks further is of the same matter.
      const isUndecided = open !== undefined && open.untilMs !== null;
      const isAll = isUndecided ? open.untilMs > nowMs : isMassNow;
      // A remembered hold whose time is over holds nothing anew.
      const mayHold = this.#holdMs > 0 && !(isUndecided && !isAll);
      const hold = mayHold ? keys.filter((held) => isAll || isOdd(held)) : [];
      if (hold.length < keys.length) {
        const held = new Set(hold);
        go.push(...keys.filter((key) => !held.has(key)));
      }
      if (hold.length === 0) continue;
      const replaced = left.places();
      for (const held of hold)
        if (placesOf(held).some((place) => replaced.has(place))) go.push(held);
        else {
          this.#held.add(held);
          if (!isAll && held.key !== null) this.#namedKeys.add(held.key);
        }
      if (open === undefined)
        this.#holds.set(collection, { collection, sinceMs: nowMs, untilMs: nowMs + this.#holdMs });
    }
    return go;
  }

  /** An object that is back, or a record that takes the place of held ones. */
  #replace(
    { record, keyHash }: EncodedRecord,
    obeyed: EncodedChange[],
    withdrawn: HeldKey[],
  ): void {
    if (this.#held.size === 0) return;
    this.#held.remove(keyHash);
    const identity = identityOf(record);
    const replaced = [...this.#held.removeReplaced(keyHash, identity)];
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

  /** A remembered hold has no keys before the hub has been heard. */
  #closeEmpty(): void {
    for (const { collection, keys } of this.holds)
      if (keys === 0 && (this.#isCompared || !this.#remembered.has(collection)))
        this.#holds.delete(collection);
  }
}
