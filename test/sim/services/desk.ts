/**
 * The relay's writer in a run: the product's Services and plans over slices in memory. Each step is
 * one request, as `slice-writer.ts` makes it, so that a run may end the writer between two.
 */
import { isJsonObject } from "../../../relay/kube/kube-object.ts";
import type { JsonObject } from "../../../relay/kube/kube-object.ts";
import { derivedKey } from "../../../relay/services/mcs/imports.ts";
import { readOwnSlice } from "../../../relay/services/own-slice.ts";
import type { OwnSlice } from "../../../relay/services/own-slice.ts";
import { planFilling } from "../../../relay/services/plan-filling.ts";
import type { SliceWrite } from "../../../relay/services/plan-writes.ts";
import { Services } from "../../../relay/services/services.ts";
import type { CalicoRecord } from "../../../shared/record/record.ts";
import { BY_SELECTOR, NAMESPACE } from "./model.ts";

export const BY_EXPORT = derivedKey({ namespace: NAMESPACE, name: "pg" });
export const KEYS = [BY_SELECTOR, BY_EXPORT];

/** Slices in the API server, by name. */
export class SimSlices {
  readonly slices = new Map<string, OwnSlice>();
  #version = 0;

  /** `cluster address` → ready, and how often, of a Service. */
  of(key: string): ReadonlyMap<string, { readonly isReady: boolean; readonly times: number }> {
    const found = new Map<string, { readonly isReady: boolean; readonly times: number }>();
    for (const slice of this.slicesOf(key))
      for (const [ip, isReady] of readyOf(slice.object)) {
        const id = `${slice.cluster} ${ip}`;
        const before = found.get(id);
        const times = (before?.times ?? 0) + 1;
        found.set(id, { isReady: isReady || before?.isReady === true, times });
      }
    return found;
  }

  slicesOf(key: string): readonly OwnSlice[] {
    return [...this.slices.values()].filter(
      ({ namespace, service }) => `${namespace}/${service}` === key,
    );
  }

  /** One request of a writer. @returns Whether it was taken. */
  write(write: SliceWrite): boolean {
    if (write.op === "delete") return this.delete(write.before.name, write.before);
    return this.put(
      write.slice.name,
      write.slice.object,
      write.op === "create" ? null : write.before,
    );
  }

  /** @returns Whether it was taken: not over another version than the writer knew. */
  put(name: string, object: JsonObject, before: OwnSlice | null): boolean {
    if (this.slices.get(name)?.resourceVersion !== before?.resourceVersion) return false;
    const metadata = isJsonObject(object["metadata"]) ? object["metadata"] : {};
    const resourceVersion = `${++this.#version}`;
    const read = readOwnSlice({ ...object, metadata: { ...metadata, resourceVersion } });
    if (read === null) throw new Error(`BUG: slice ${name} cannot be read`);
    this.slices.set(name, read);
    return true;
  }

  delete(name: string, before: OwnSlice): boolean {
    if (this.slices.get(name)?.resourceVersion !== before.resourceVersion) return false;
    return this.slices.delete(name);
  }
}

function readyOf(object: JsonObject): readonly (readonly [string, boolean])[] {
  const { endpoints } = object;
  if (!Array.isArray(endpoints)) return [];
  return endpoints.flatMap((one: unknown) => {
    if (!isJsonObject(one) || !Array.isArray(one["addresses"])) return [];
    const { conditions } = one;
    return [
      [String(one["addresses"][0]), isJsonObject(conditions) && conditions["ready"] === true],
    ];
  });
}

export class Desk {
  readonly services: Services;
  /** Clusters that have not told everything to this writer yet. */
  readonly incomplete = new Set<string>();
  readonly #slices: SimSlices;
  /** As its watch told: it may be behind. */
  #cache = new Map<string, OwnSlice>();

  constructor(slices: SimSlices) {
    this.#slices = slices;
    this.services = new Services({
      now: () => 0,
      clusterName: () => "app",
      lostMs: () => null,
      isIncomplete: (cluster) => this.incomplete.has(cluster),
      areAllTold: () => this.incomplete.size === 0,
      derivedUid: () => "uid-derived",
    });
    this.look();
  }

  /** Its watch has told everything. */
  look(): void {
    this.#cache = new Map(this.#slices.slices);
  }

  tell(cluster: string, op: "put" | "delete", record: CalicoRecord): void {
    this.services.onRecords(cluster === "app" ? null : cluster, [{ op, record }]);
  }

  /** One request for a Service. @returns Whether there was anything to do. */
  step(key: string): boolean {
    const held = [...this.#cache.values()].filter(
      ({ namespace, service }) => `${namespace}/${service}` === key,
    );
    const filling = this.services.filling(key, held);
    const [write] = planFilling(filling, held, this.services);
    if (write === undefined) return false;
    const name = write.op === "delete" ? write.before.name : write.slice.name;
    this.#slices.write(write);
    // The answer, or what is read after a conflict.
    const now = this.#slices.slices.get(name);
    if (now === undefined) this.#cache.delete(name);
    else this.#cache.set(name, now);
    return true;
  }
}
