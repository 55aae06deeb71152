/** The slices of ours in the API server, as its watch and our own writes tell them. */
import type { JsonObject } from "../kube/kube-object.ts";
import { positionOf } from "../kube/watch-event.ts";
import { MANAGED_BY, OUR_MANAGER } from "../kube/service-labels.ts";
import type { ObjectEvent, ReflectorOwner } from "../source/kubernetes/reflector-run.ts";
import { isBefore } from "../source/kubernetes/silent-watch.ts";
import { readOwnSlice } from "./own-slice.ts";
import type { OwnSlice } from "./own-slice.ts";

export class OwnSlices implements ReflectorOwner {
  readonly query = { labelSelector: `${MANAGED_BY}=${OUR_MANAGER}` };
  readonly #onChange: (key: string) => void;
  readonly #onListed: () => void;
  /** By `namespace/name` of the slice. */
  readonly #slices = new Map<string, OwnSlice>();
  /** Version below which a watch tells of the past: that of our own last write. */
  readonly #written = new Map<string, string>();
  #unseen: Set<string> | null = null;
  #isListed = false;

  /** @param onChange Hears `namespace/name` of a Service whose slices somebody has changed. */
  constructor(onChange: (key: string) => void, onListed: () => void) {
    this.#onChange = onChange;
    this.#onListed = onListed;
  }

  get isListed(): boolean {
    return this.#isListed;
  }

  /** `namespace/name` of the Services that have any. */
  keys(): readonly string[] {
    return [...new Set([...this.#slices.values()].map(keyOf))];
  }

  of(key: string): readonly OwnSlice[] {
    return [...this.#slices.values()].filter((slice) => keyOf(slice) === key);
  }

  /** What the API server answered to a write or a read of one slice; `null`: it is gone. */
  set(namespace: string, name: string, slice: OwnSlice | null): void {
    const id = `${namespace}/${name}`;
    if (slice === null) this.#slices.delete(id);
    else {
      this.#slices.set(id, slice);
      this.#written.set(id, slice.resourceVersion);
    }
  }

  path(): Promise<string> {
    return Promise.resolve("/apis/discovery.k8s.io/v1/endpointslices");
  }

  pathIsGone(): void {
    // Every server has it.
  }

  beginList(): void {
    this.#unseen = new Set(this.#slices.keys());
  }

  put(objects: readonly JsonObject[]): void {
    for (const object of objects) this.#put(object);
  }

  observed(events: readonly ObjectEvent[]): void {
    for (const { type, object } of events)
      if (type === "put") this.#put(object);
      else this.#remove(object);
  }

  sweep(): void {
    for (const id of this.#unseen ?? []) {
      const slice = this.#slices.get(id);
      this.#slices.delete(id);
      if (slice !== undefined) this.#onChange(keyOf(slice));
    }
    this.#unseen = null;
  }

  listed(): void {
    this.#isListed = true;
    this.#onListed();
  }

  count(): number {
    return this.#slices.size;
  }

  has(object: JsonObject): boolean {
    const slice = readOwnSlice(object);
    return slice !== null && this.#slices.has(idOf(slice));
  }

  #put(object: JsonObject): void {
    const slice = readOwnSlice(object);
    if (slice === null) return;
    const id = idOf(slice);
    this.#unseen?.delete(id);
    if (isBefore(slice.resourceVersion, this.#written.get(id) ?? "")) return;
    const before = this.#slices.get(id);
    if (before?.resourceVersion === slice.resourceVersion) return;
    this.#slices.set(id, slice);
    this.#onChange(keyOf(slice));
    if (before !== undefined && keyOf(before) !== keyOf(slice)) this.#onChange(keyOf(before));
  }

  #remove(object: JsonObject): void {
    const slice = readOwnSlice(object);
    if (slice === null) return;
    const id = idOf(slice);
    // A slice that was made anew since is another one.
    if (isBefore(positionOf(object), this.#written.get(id) ?? "")) return;
    this.#written.delete(id);
    if (this.#slices.delete(id)) this.#onChange(keyOf(slice));
  }
}

function idOf({ namespace, name }: OwnSlice): string {
  return `${namespace}/${name}`;
}

function keyOf({ namespace, service }: OwnSlice): string {
  return `${namespace}/${service}`;
}
