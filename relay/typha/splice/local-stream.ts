/**
 * The cluster's own key/values on their way to one Felix: bytes go on as they came, and of each key
 * the little is noted that tells, after Typha was away, what has changed. Nothing here waits or
 * writes. [TYP11] [TYP13] [TYP14]
 */
import { ByteHash, viewOf } from "../wire/byte-hash.ts";
import { encodeUpdate, withType } from "../wire/encode.ts";
import type { Elements } from "../wire/encode.ts";
import { GobError } from "../wire/gob/bytes.ts";
import type { KeySpace } from "./key-space.ts";
import { isDeletion, KvsScanner, UnusualUpdate } from "../wire/kvs-scan.ts";
import type { ScannedUpdate } from "../wire/kvs-scan.ts";
import { LocalKeys } from "./local-keys.ts";
import { UPDATE_TYPE } from "../wire/messages.ts";
import { policyKeyForm } from "../wire/policy-keys.ts";
import { NO_POOLS, PoolOrder, poolKey } from "./pool-order.ts";
import type { PolicyKeyForm } from "../wire/policy-keys.ts";

export interface Taken extends Elements {
  /** All go on as they came. */
  readonly isWhole: boolean;
  /** The element that has to be decoded first, and was not taken. */
  readonly unusualAt: number | null;
  /** Why the rest cannot be read. What is before it is noted, so it has to be sent. */
  readonly broken: GobError | null;
}

/**
 * Policy keys that Felix cannot read, or keys of another form than what it holds, from a Typha that
 * came back.
 */
export type Refusal = "unreadable" | "rewritten";

const NOTHING: Elements = { count: 0, parts: [] };
/** What is done with one element. */
const PASS = null;
const DROP = new Uint8Array();

export class LocalStream {
  readonly #space: KeySpace;
  readonly #keys: LocalKeys;
  readonly #hash = new ByteHash();
  readonly #readsModernPolicyKeys: boolean;
  readonly #pools: PoolOrder;
  /** Forms of policy keys that Felix was told. */
  readonly #policyForms = new Set<PolicyKeyForm>();
  #isResync = false;
  #last = -1;
  #refused: Refusal | null = null;

  /**
   * @param readsModernPolicyKeys Whether Felix does; a policy under such a key is refused
   *   otherwise.
   */
  constructor(
    space: KeySpace,
    readsModernPolicyKeys: boolean,
    pools = new PoolOrder(NO_POOLS, ""),
  ) {
    this.#space = space;
    this.#keys = new LocalKeys(space.table);
    this.#readsModernPolicyKeys = readsModernPolicyKeys;
    this.#pools = pools;
  }

  /** Keys that this Felix holds of its own cluster. */
  get size(): number {
    return this.#keys.size;
  }

  /** Why Felix is to get nothing of what was taken last, and nothing more. */
  get refused(): Refusal | null {
    return this.#refused;
  }

  /** Whether a remote value is hidden by a local one here. */
  hides(id: number): boolean {
    return this.#keys.has(id);
  }

  /** Another Typha begins to tell everything: what is as it was is not sent again. */
  beginResync(): void {
    this.#keys.forgetSeen();
    this.#isResync = true;
  }

  /** It has told everything: what it did not name is gone. */
  endResync(): Elements {
    if (!this.#isResync) return NOTHING;
    this.#isResync = false;
    const parts = this.#keys.unseen().map((id) => {
      const key = Buffer.from(this.#space.table.key(id)).toString("utf8");
      const remote = this.#space.behind(id);
      const sent = remote === null ? deletionOf(key) : withType(remote, UPDATE_TYPE.updated);
      this.#keys.delete(id);
      this.#pools.localDelete(key);
      return sent;
    });
    return { count: parts.length, parts };
  }

  /**
   * Notes a `MsgKVs` and answers what of it Felix is to get, up to an element that has to be
   * decoded first.
   * @param from Where its fields begin.
   * @param skip Elements that were taken before.
   */
  read(bytes: Uint8Array, from: number, skip = 0): Taken {
    const scanner = new KvsScanner(bytes, from);
    const view = viewOf(bytes);
    const parts: Uint8Array[] = [];
    let count = 0;
    let taken = 0;
    let isExchanged = false;
    let passedFrom = scanner.at;
    let passedTo = scanner.at;
    const { update } = scanner;
    try {
      for (; scanner.next(); taken++) {
        const verdict = taken < skip ? DROP : this.#judge(bytes, view, update);
        if (verdict === PASS) {
          count++;
          passedTo = update.end;
          continue;
        }
        if (passedTo > passedFrom) parts.push(bytes.subarray(passedFrom, passedTo));
        passedFrom = passedTo = update.end;
        if (verdict === DROP) continue;
        count++;
        isExchanged = true;
        parts.push(verdict);
      }
    } catch (error) {
      const isUnusual = error instanceof UnusualUpdate;
      if (!isUnusual && !(error instanceof GobError)) throw error;
      if (passedTo > passedFrom) parts.push(bytes.subarray(passedFrom, passedTo));
      return {
        count,
        parts,
        isWhole: false,
        unusualAt: isUnusual ? taken : null,
        broken: isUnusual ? null : error,
      };
    }
    if (passedTo > passedFrom) parts.push(bytes.subarray(passedFrom, passedTo));
    return {
      count,
      parts,
      isWhole: count === taken && !isExchanged,
      unusualAt: null,
      broken: null,
    };
  }

  /** The connection ends: nothing is held any more. */
  clear(): void {
    this.#keys.clear();
  }

  /** `PASS`, `DROP`, or an element instead. */
  #judge(bytes: Uint8Array, view: DataView, update: ScannedUpdate): Uint8Array | null {
    const form = policyKeyForm(bytes, update.keyStart, update.keyEnd);
    if (form !== null) this.#lookAtPolicyKey(form);
    const pool = poolKey(bytes, update.keyStart, update.keyEnd);
    if (isDeletion(update)) {
      if (pool !== null) this.#pools.localDelete(pool);
      return this.#judgeDeletion(view, update);
    }
    if (pool !== null)
      this.#pools.localPut(pool, bytes.subarray(update.valueStart, update.valueEnd));
    const id = this.#idOf(view, update, true);
    this.#hash.over(view, update.valueStart, update.valueEnd);
    const outcome = this.#keys.put(id, this.#hash.first, this.#hash.second);
    // Felix has the remote one of this name. [TYP28]
    if (outcome === "new" && this.#space.behind(id) !== null) return asUpdated(bytes, update);
    if (!this.#isResync || outcome === "new") return PASS;
    return outcome === "same" ? DROP : asUpdated(bytes, update);
  }

  #lookAtPolicyKey(form: PolicyKeyForm): void {
    if (form === "modern" && !this.#readsModernPolicyKeys) this.#refused = "unreadable";
    else if (this.#isResync && this.#policyForms.size > 0 && !this.#policyForms.has(form))
      this.#refused ??= "rewritten";
    else this.#policyForms.add(form);
  }

  #judgeDeletion(view: DataView, update: ScannedUpdate): Uint8Array | null {
    const id = this.#idOf(view, update, false);
    // Felix has no local value of it, and a remote one stays.
    if (id < 0 || !this.#keys.has(id)) return DROP;
    const instead = this.#space.behind(id);
    this.#keys.delete(id);
    return instead === null ? PASS : withType(instead, UPDATE_TYPE.updated);
  }

  #idOf(view: DataView, update: ScannedUpdate, isPut: boolean): number {
    const { keyStart, keyEnd } = update;
    const { table } = this.#space;
    const guess = table.follower(this.#last);
    if (guess >= 0 && table.isKey(guess, view, keyStart, keyEnd)) return (this.#last = guess);
    this.#hash.over(view, keyStart, keyEnd);
    const id = isPut
      ? this.#space.intern(view, keyStart, keyEnd, this.#hash.first)
      : table.find(view, keyStart, keyEnd, this.#hash.first);
    if (id >= 0) {
      table.setFollower(this.#last, id);
      this.#last = id;
    }
    return id;
  }
}

/** A key that Felix holds changes: Typha, which tells everything anew, says "new". */
function asUpdated(bytes: Uint8Array, update: ScannedUpdate): Uint8Array | null {
  if (update.updateType !== UPDATE_TYPE.new) return PASS;
  return withType(bytes.subarray(update.start, update.end), UPDATE_TYPE.updated);
}

function deletionOf(key: string): Uint8Array {
  return encodeUpdate({
    key,
    value: null,
    revision: "",
    v3ResourceVersion: "",
    ttlNs: 0,
    updateType: UPDATE_TYPE.deleted,
  });
}
