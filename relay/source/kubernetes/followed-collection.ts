/**
 * One collection of an API server: which of its objects live, and what a reflector sees of them as
 * changes of records. What a complete list does not show is gone. [SRC1]
 */
import type { EncodedChange } from "../../../shared/record/encoding.ts";
import type { DeleteCause } from "../../../shared/record/record.ts";
import type { JsonObject } from "../../kube/kube-object.ts";
import type { Collection } from "../convert/converters.ts";
import { idFromJson } from "../record-store.ts";
import type { RecordStore } from "../record-store.ts";
import type { ObjectEvent, ReflectorOwner } from "./reflector-run.ts";

/** How long a right to read is waited for. */
const REFUSED_GRACE_MS = 10_000;

export interface CollectionPorts {
  readonly store: RecordStore;
  /** See `ReflectorOwner`. */
  path(collection: Collection): Promise<string>;
  pathIsGone(collection: Collection): void;
  listed(collection: Collection): void;
  forbidden(collection: Collection): void;
  emit(changes: readonly EncodedChange[]): void;
  /** Monotonic ms. */
  now(): number;
}

export class FollowedCollection implements ReflectorOwner {
  readonly collection: Collection;
  readonly #ports: CollectionPorts;
  /** Ids of live objects, with a record or not: what a list must show, and what health counts. */
  readonly #live = new Set<string>();
  /** Those that the list under way has not shown yet. */
  #unseen: Set<string> | null = null;
  #isForbidden = false;
  #refusedMs: number | null = null;

  constructor(collection: Collection, ports: CollectionPorts) {
    this.collection = collection;
    this.#ports = ports;
  }

  path(): Promise<string> {
    return this.#ports.path(this.collection);
  }

  pathIsGone(): void {
    this.#ports.pathIsGone(this.collection);
  }

  beginList(): void {
    this.#unseen = new Set(this.#live);
  }

  put(objects: readonly JsonObject[]): void {
    this.#emit(objects.flatMap((object) => this.#upsert(object)));
  }

  observed(events: readonly ObjectEvent[]): void {
    this.#emit(
      events.flatMap((event) => {
        if (event.type === "put") return this.#upsert(event.object);
        const id = idFromJson(this.collection.kind, event.object);
        return id === null ? [] : this.#remove(id, "observed");
      }),
    );
  }

  sweep(): void {
    const gone = [...(this.#unseen ?? [])];
    this.#unseen = null;
    this.#emit(gone.flatMap((id) => this.#remove(id, "inferred")));
  }

  listed(): void {
    this.#isForbidden = false;
    this.#ports.listed(this.collection);
  }

  /**
   * The account may not list it; what is known of it stays. An optional collection is waited for no
   * longer; not at once, for a server that starts may not know its roles yet. [MCS1]
   */
  forbidden(): void {
    this.#isForbidden = true;
    this.#ports.forbidden(this.collection);
    if (this.collection.isOptional !== true) return;
    const nowMs = this.#ports.now();
    this.#refusedMs ??= nowMs;
    if (nowMs - this.#refusedMs >= REFUSED_GRACE_MS) this.#ports.listed(this.collection);
  }

  get isForbidden(): boolean {
    return this.#isForbidden;
  }

  count(): number {
    return this.#live.size;
  }

  has(object: JsonObject): boolean {
    return this.#live.has(idFromJson(this.collection.kind, object) ?? "");
  }

  #upsert(json: JsonObject): readonly EncodedChange[] {
    const { kind } = this.collection;
    // Items of a typed list carry neither.
    const object = { apiVersion: "v1", kind, ...json };
    const { id, changes } = this.#ports.store.upsert(this.collection, object);
    if (id !== null) {
      this.#live.add(id);
      this.#unseen?.delete(id);
    }
    return changes;
  }

  #remove(id: string, cause: DeleteCause): readonly EncodedChange[] {
    this.#live.delete(id);
    return this.#ports.store.remove(id, cause);
  }

  #emit(changes: readonly EncodedChange[]): void {
    if (changes.length > 0) this.#ports.emit(changes);
  }
}
