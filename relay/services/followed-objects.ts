/** Objects of one kind in the API server, as its watch and our own writes tell them. */
import { isJsonObject } from "../kube/kube-object.ts";
import type { JsonObject } from "../kube/kube-object.ts";
import { positionOf } from "../kube/watch-event.ts";
import type { ObjectEvent, ReflectorOwner } from "../source/kubernetes/reflector-run.ts";
import { isBefore } from "../source/kubernetes/silent-watch.ts";

export interface FollowedOptions<T> {
  path(): Promise<string>;
  pathIsGone?(): void;
  readonly labelSelector?: string;
  /** What is kept of an object; `null`: it is none of these. */
  read(object: JsonObject): T | null;
  versionOf(value: T): string;
  /**
   * Hears what somebody has changed.
   * @param id `namespace/name`.
   * @param now `null`: it is gone.
   */
  onChange(id: string, now: T | null, before: T | null): void;
  onListed(): void;
}

export class FollowedObjects<T> implements ReflectorOwner {
  readonly query: Readonly<Record<string, string>>;
  readonly #options: FollowedOptions<T>;
  /** By `namespace/name`. */
  readonly #values = new Map<string, T>();
  /** Version below which a watch tells of the past: that of our own last write. */
  readonly #written = new Map<string, string>();
  #unseen: Set<string> | null = null;
  #isListed = false;

  constructor(options: FollowedOptions<T>) {
    this.#options = options;
    const { labelSelector } = options;
    this.query = labelSelector === undefined ? {} : { labelSelector };
  }

  get isListed(): boolean {
    return this.#isListed;
  }

  ids(): readonly string[] {
    return [...this.#values.keys()];
  }

  get(id: string): T | null {
    return this.#values.get(id) ?? null;
  }

  /** What the API server answered to a write or a read; `null`: it is gone. */
  set(id: string, value: T | null): void {
    if (value === null) this.#values.delete(id);
    else {
      this.#values.set(id, value);
      this.#written.set(id, this.#options.versionOf(value));
    }
  }

  path(): Promise<string> {
    return this.#options.path();
  }

  pathIsGone(): void {
    this.#options.pathIsGone?.();
  }

  beginList(): void {
    this.#unseen = new Set(this.#values.keys());
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
    for (const id of this.#unseen ?? []) this.#drop(id);
    this.#unseen = null;
  }

  listed(): void {
    this.#isListed = true;
    this.#options.onListed();
  }

  count(): number {
    return this.#values.size;
  }

  has(object: JsonObject): boolean {
    return this.#values.has(idOf(object));
  }

  #put(object: JsonObject): void {
    const value = this.#options.read(object);
    if (value === null) return;
    const id = idOf(object);
    this.#unseen?.delete(id);
    const position = positionOf(object);
    if (isBefore(position, this.#written.get(id) ?? "")) return;
    const before = this.#values.get(id) ?? null;
    if (before !== null && this.#options.versionOf(before) === position) return;
    this.#values.set(id, value);
    this.#options.onChange(id, value, before);
  }

  #remove(object: JsonObject): void {
    const id = idOf(object);
    // What was made anew since is another one.
    if (isBefore(positionOf(object), this.#written.get(id) ?? "")) return;
    this.#written.delete(id);
    this.#drop(id);
  }

  #drop(id: string): void {
    const before = this.#values.get(id);
    if (before === undefined) return;
    this.#values.delete(id);
    this.#options.onChange(id, null, before);
  }
}

/** `namespace/name`; an object without either is called so too, and is nobody's. */
export function idOf(object: JsonObject): string {
  const metadata = metadataOf(object);
  return `${textOf(metadata["namespace"])}/${textOf(metadata["name"])}`;
}

export function metadataOf(object: JsonObject | null): JsonObject {
  const metadata = object?.["metadata"];
  return isJsonObject(metadata) ? metadata : {};
}

/** Total: whatever is no text is empty. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
