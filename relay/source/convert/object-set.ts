/**
 * The records that a set of objects adds up to, as a reducer without clock or transport: object in,
 * changes of keys out.
 *
 * It keeps one record per object and nothing else of the object: that is what a relist is compared
 * with, by the records' hashes. Usually an object has its own key, but three cases make this
 * stateful: a HostEndpoint (or a recreated pod) that changes its node changes its key; two IPPools
 * (or blocks) of one CIDR share one, and the lowest name wins, also after the winner has gone; and
 * the ClusterConfig is put together from two objects. [SRC5] [SRC6]
 */
import { equalBytes } from "../../../shared/lib/bytes.ts";
import type {
  EncodedChange,
  EncodedRecord,
  EncodeResult,
} from "../../../shared/record/encoding.ts";
import type { CalicoRecord, DeleteCause, Labels } from "../../../shared/record/record.ts";
import { useOf } from "./endpoint-slice.ts";

export class ObjectSet {
  readonly #encode: (record: CalicoRecord) => EncodeResult;
  /** Object id → its record. */
  readonly #records = new Map<string, EncodedRecord>();
  /**
   * Key → ids of the objects that have it; a bare id when there is one, because there nearly always
   * is.
   */
  readonly #owners = new Map<string, string | readonly string[]>();

  /** @param encode For a record that is put together of several objects. */
  constructor(encode: (record: CalicoRecord) => EncodeResult) {
    this.#encode = encode;
  }

  /** The key that an object has now, or `null` when it gives no record. */
  keyOfObject(id: string): string | null {
    return this.#records.get(id)?.key ?? null;
  }

  /** Whether it is of a new object with a key of its own, as nearly always: then it is put. */
  putNew(id: string, record: EncodedRecord): boolean {
    if (this.#records.has(id) || this.#owners.has(record.key)) return false;
    this.#records.set(id, record);
    this.#owners.set(record.key, id);
    return true;
  }

  /**
   * Replaces an object's record; `null` when it gives none (any more).
   * @returns What changes: a delete of the old key comes before the put of a new one.
   */
  set(id: string, record: EncodedRecord | null, cause: DeleteCause): readonly EncodedChange[] {
    const before = this.#records.get(id) ?? null;
    if (isSame(before, record)) return [];
    if (record !== null && this.#isAlone(id, before, record.key)) {
      this.#records.set(id, record);
      if (before === null) this.#owners.set(record.key, id);
      return [record];
    }
    const [oldKey, newKey] = [before?.key ?? null, record?.key ?? null];
    const keys = oldKey === newKey ? [oldKey] : [oldKey, newKey];
    const touched = keys.filter((key) => key !== null);
    const effectiveBefore = touched.map((key) => this.#effective(key));
    if (record === null) this.#records.delete(id);
    else this.#records.set(id, record);
    if (oldKey !== newKey) {
      if (oldKey !== null) this.#disown(oldKey, id);
      if (newKey !== null) this.#own(newKey, id);
    }
    return touched.flatMap((key, i): readonly EncodedChange[] => {
      const after = this.#effective(key);
      if (after === null) return [{ op: "delete", key, cause }];
      return isSame(effectiveBefore[i] ?? null, after) ? [] : [after];
    });
  }

  /**
   * Objects that want a key that only one can have, the one that has it first; empty for keys that
   * objects share by design.
   */
  contenders(key: string): readonly string[] {
    const owners = this.#owners.get(key) ?? [];
    if (typeof owners === "string") return [owners];
    const first = this.#records.get(owners[0] ?? "");
    return first?.record.kind === "ClusterConfig" ? [] : owners;
  }

  /** Whether several objects want a key. */
  isShared(key: string): boolean {
    return typeof this.#owners.get(key) === "object";
  }

  /** Nearly always: a new object, or a new state of one, with a key that no other has. */
  #isAlone(id: string, before: EncodedRecord | null, key: string): boolean {
    const owner = this.#owners.get(key);
    return before === null ? owner === undefined : before.key === key && owner === id;
  }

  #effective(key: string): EncodedRecord | null {
    const owners = this.#owners.get(key);
    if (owners === undefined) return null;
    if (typeof owners === "string") return this.#records.get(owners) ?? null;
    const records = owners.flatMap((id) => this.#records.get(id) ?? []);
    const [first = null] = records;
    if (first?.record.kind === "ServiceChange") return newestOf(records);
    if (first?.record.kind === "ServiceEndpoint") return readiestOf(records);
    return first?.record.kind === "ClusterConfig" ? this.#together(records) : first;
  }

  #together(records: readonly EncodedRecord[]): EncodedRecord {
    const params: Labels = Object.fromEntries(
      records.flatMap(({ record }) =>
        record.kind === "ClusterConfig" ? Object.entries(record.params) : [],
      ),
    );
    const result = this.#encode({ kind: "ClusterConfig", params });
    // Each parameter was good where it came from, and there are no more than the names known.
    if (result.kind === "problem") throw new Error(`BUG: ${result.problem.rule}`);
    return result.encoded;
  }

  #own(key: string, id: string): void {
    const owners = this.#owners.get(key);
    if (owners === undefined) this.#owners.set(key, id);
    else
      this.#owners.set(key, [...(typeof owners === "string" ? [owners] : owners), id].toSorted());
  }

  #disown(key: string, id: string): void {
    const owners = this.#owners.get(key);
    const left = typeof owners === "string" ? [] : (owners ?? []).filter((owner) => owner !== id);
    const [first] = left;
    if (first === undefined) this.#owners.delete(key);
    else this.#owners.set(key, left.length === 1 ? first : left);
  }
}

function isSame(one: EncodedRecord | null, other: EncodedRecord | null): boolean {
  if (one === null || other === null) return one === other;
  return one.key === other.key && equalBytes(one.recordHash, other.recordHash);
}

/** A Service was changed when the last of its slices was. */
function newestOf(records: readonly EncodedRecord[]): EncodedRecord | null {
  const atMs = ({ record }: EncodedRecord): number =>
    record.kind === "ServiceChange" ? record.atMs : 0;
  return records.reduce<EncodedRecord | null>(
    (newest, one) => (newest === null || atMs(one) > atMs(newest) ? one : newest),
    null,
  );
}

/** See `useOf`. */
function readiestOf(records: readonly EncodedRecord[]): EncodedRecord | null {
  const use = ({ record }: EncodedRecord): number =>
    record.kind === "ServiceEndpoint" ? useOf(record) : 0;
  return records.reduce<EncodedRecord | null>(
    (best, one) => (best === null || use(one) > use(best) ? one : best),
    null,
  );
}
