/**
 * The records that a set of objects adds up to, as a reducer without clock or transport: object in, changes of keys out.
 *
 * It keeps one record per object and nothing else of the object: that is what a relist is compared with. Usually an object has its own
 * key, but three cases make this stateful: a HostEndpoint (or a recreated pod) that changes its node changes its key; two IPPools (or
 * blocks) of one CIDR share one, and the lowest name wins, also after the winner has gone; and the ClusterConfig is put together from
 * two objects. [SRC5] [SRC6]
 */
import { isDeepStrictEqual } from "node:util";

import { keyOf } from "../../../shared/record/key.ts";
import type {
  CalicoRecord,
  DeleteCause,
  Labels,
  RecordChange,
} from "../../../shared/record/record.ts";

export class ObjectSet {
  /** Object id → its record. */
  readonly #records = new Map<string, CalicoRecord>();
  /** Key → ids of the objects that have it; a bare id when there is one, because there nearly always is. */
  readonly #owners = new Map<string, string | readonly string[]>();

  /** The key that an object has now, or `null` when it gives no record. */
  keyOfObject(id: string): string | null {
    const record = this.#records.get(id);
    return record === undefined ? null : keyOf(record);
  }

  /**
   * Takes an object's newest record; `null` when it gives none (any more).
   * @returns What changes: a delete of the old key comes before the put of a new one.
   */
  set(id: string, record: CalicoRecord | null, cause: DeleteCause): readonly RecordChange[] {
    const before = this.#records.get(id);
    const oldKey = before === undefined ? null : keyOf(before);
    const newKey = record === null ? null : keyOf(record);
    if (oldKey === newKey && (newKey === null || isDeepStrictEqual(before, record))) return [];
    const keys = oldKey === newKey ? [oldKey] : [oldKey, newKey];
    const touched = keys.filter((key) => key !== null);
    const effectiveBefore = touched.map((key) => this.#effective(key));
    if (record === null) this.#records.delete(id);
    else this.#records.set(id, record);
    if (oldKey !== newKey) {
      if (oldKey !== null) this.#disown(oldKey, id);
      if (newKey !== null) this.#own(newKey, id);
    }
    return touched.flatMap((key, i): readonly RecordChange[] => {
      const after = this.#effective(key);
      if (after === null) return [{ op: "delete", key, cause }];
      return isDeepStrictEqual(after, effectiveBefore[i]) ? [] : [{ op: "put", record: after }];
    });
  }

  /** Objects that want a key that only one can have, the one that has it first; empty for keys that objects share by design. */
  contenders(key: string): readonly string[] {
    const owners = this.#owners.get(key) ?? [];
    if (typeof owners === "string") return [owners];
    const first = this.#records.get(owners[0] ?? "");
    return first?.kind === "ClusterConfig" ? [] : owners;
  }

  #effective(key: string): CalicoRecord | null {
    const owners = this.#owners.get(key);
    if (owners === undefined) return null;
    if (typeof owners === "string") return this.#records.get(owners) ?? null;
    const records = owners.flatMap((id) => this.#records.get(id) ?? []);
    if (records[0]?.kind !== "ClusterConfig") return records[0] ?? null;
    const params: Labels = Object.fromEntries(
      records.flatMap((r) => (r.kind === "ClusterConfig" ? Object.entries(r.params) : [])),
    );
    return { kind: "ClusterConfig", params };
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
