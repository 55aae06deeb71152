/** Objects of one kind in the API server, as its watch and our own writes tell them. */
import { isJsonObject } from "../../kube/kube-object.ts";
import type { JsonObject } from "../../kube/kube-object.ts";
import { positionOf } from "../../kube/watch-event.ts";
import type { ObjectEvent, ReflectorOwner } from "../../source/kubernetes/reflector-run.ts";
import { isBefore } from "../../source/kubernetes/silent-watch.ts";

export interface FollowedOptions {
  path(): Promise<string>;
  pathIsGone?(): void;
  readonly labelSelector?: string;
  /** Hears `namespace/name` of what somebody has changed. */
  onChange(id: string): void;
  onListed(): void;
}

export class FollowedObjects implements ReflectorOwner {
  readonly query: Readonly<Record<string, string>>;
  readonly #options: FollowedOptions;
  /** By `namespace/name`. */
  readonly #objects = new Map<string, JsonObject>();
  /** Version below which a watch tells of the past: that of our own last write. */
  readonly #written = new Map<string, string>();
  #unseen: Set<string> | null = null;
  #isListed = false;

  constructor(options: FollowedOptions) {
    this.#options = options;
    const { labelSelector } = options;
    this.query = labelSelector === undefined ? {} : { labelSelector };
  }

  get isListed(): boolean {
    return this.#isListed;
  }

  ids(): readonly string[] {
    return [...this.#objects.keys()];
  }

  get(id: string): JsonObject | null {
    return this.#objects.get(id) ?? null;
  }

  /** What the API server answered to a write or a read; `null`: it is gone. */
  set(id: string, object: JsonObject | null): void {
    if (object === null) this.#objects.delete(id);
    else {
      this.#objects.set(id, object);
      this.#written.set(id, positionOf(object));
    }
  }

  path(): Promise<string> {
    return this.#options.path();
  }

  pathIsGone(): void {
    this.#options.pathIsGone?.();
  }

  beginList(): void {
    this.#unseen = new Set(this.#objects.keys());
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
      this.#objects.delete(id);
      this.#options.onChange(id);
    }
    this.#unseen = null;
  }

  listed(): void {
    this.#isListed = true;
    this.#options.onListed();
  }

  count(): number {
    return this.#objects.size;
  }

  has(object: JsonObject): boolean {
    return this.#objects.has(idOf(object));
  }

  #put(object: JsonObject): void {
    const id = idOf(object);
    this.#unseen?.delete(id);
    const position = positionOf(object);
    if (isBefore(position, this.#written.get(id) ?? "")) return;
    const before = this.#objects.get(id);
    if (before !== undefined && positionOf(before) === position) return;
    this.#objects.set(id, object);
    this.#options.onChange(id);
  }

  #remove(object: JsonObject): void {
    const id = idOf(object);
    // What was made anew since is another one.
    if (isBefore(positionOf(object), this.#written.get(id) ?? "")) return;
    this.#written.delete(id);
    if (this.#objects.delete(id)) this.#options.onChange(id);
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
