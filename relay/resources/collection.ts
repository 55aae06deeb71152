/** The custom resources of one kind under one CRD, as the API server's watch tells them. */
import type { JsonObject } from "../kube/kube-object.ts";
import type { ObjectEvent, ReflectorOwner } from "../source/kubernetes/reflector-run.ts";
import { isBefore } from "../source/kubernetes/silent-watch.ts";
import { GROUP, PLURALS, readResource } from "./resource.ts";
import type { Kind, Resource } from "./resource.ts";

export class Collection implements ReflectorOwner {
  readonly query = {};
  readonly #kind: Kind;
  readonly #onChange: () => void;
  readonly #resources = new Map<string, Resource>();
  #unseen: Set<string> | null = null;
  #isListed = false;
  #isGone = false;

  constructor(kind: Kind, onChange: () => void) {
    this.#kind = kind;
    this.#onChange = onChange;
  }

  /** `null`: they were not listed yet. */
  get resources(): readonly Resource[] | null {
    return this.#isListed ? [...this.#resources.values()] : null;
  }

  /** As the API server answered to a write of its status. */
  replace(object: JsonObject): void {
    const resource = readResource(this.#kind, object);
    if (resource !== null && this.#resources.has(resource.name))
      this.#resources.set(resource.name, resource);
  }

  path(): Promise<string> {
    return Promise.resolve(`/apis/${GROUP}/v1/${PLURALS[this.#kind]}`);
  }

  /** A server that starts may not serve its CRDs yet: then nothing is known, and nothing gone. */
  pathIsGone(): void {
    this.#isGone = true;
  }

  beginList(): void {
    this.#unseen = new Set(this.#resources.keys());
  }

  put(objects: readonly JsonObject[]): void {
    for (const object of objects) this.#put(object);
  }

  observed(events: readonly ObjectEvent[]): void {
    for (const { type, object } of events)
      if (type === "put") this.#put(object);
      else {
        const resource = readResource(this.#kind, object);
        if (resource !== null) this.#resources.delete(resource.name);
      }
    this.#onChange();
  }

  sweep(): void {
    if (!this.#isGone) for (const name of this.#unseen ?? []) this.#resources.delete(name);
    this.#unseen = null;
  }

  listed(): void {
    this.#isListed = !this.#isGone;
    this.#isGone = false;
    this.#onChange();
  }

  count(): number {
    return this.#resources.size;
  }

  has(object: JsonObject): boolean {
    const resource = readResource(this.#kind, object);
    return resource !== null && this.#resources.has(resource.name);
  }

  #put(object: JsonObject): void {
    const resource = readResource(this.#kind, object);
    if (resource === null) return;
    this.#unseen?.delete(resource.name);
    // What our own write of a status was answered with may be newer than what the watch brings.
    const known = this.#resources.get(resource.name)?.resourceVersion ?? "";
    if (isBefore(resource.resourceVersion, known)) return;
    this.#resources.set(resource.name, resource);
  }
}
