/** The slices of ours in the API server, by the Service that they are of. */
import { MANAGED_BY, OUR_MANAGER } from "../kube/service-labels.ts";
import { FollowedObjects } from "./followed-objects.ts";
import { readOwnSlice } from "./own-slice.ts";
import type { OwnSlice } from "./own-slice.ts";

export class OwnSlices {
  readonly followed: FollowedObjects<OwnSlice>;
  /** `namespace/name` of a Service → those of its slices. */
  readonly #ids = new Map<string, Set<string>>();

  /** @param onChange Hears `namespace/name` of a Service whose slices somebody has changed. */
  constructor(onChange: (key: string) => void, onListed: () => void) {
    this.followed = new FollowedObjects({
      path: () => Promise.resolve("/apis/discovery.k8s.io/v1/endpointslices"),
      labelSelector: `${MANAGED_BY}=${OUR_MANAGER}`,
      read: readOwnSlice,
      versionOf: ({ resourceVersion }) => resourceVersion,
      onChange: (id, now, before) => {
        this.#index(id, now, before);
        for (const key of new Set([now, before].flatMap((one) => (one ? [keyOf(one)] : []))))
          onChange(key);
      },
      onListed,
    });
  }

  get isListed(): boolean {
    return this.followed.isListed;
  }

  /** `namespace/name` of the Services that have any. */
  keys(): readonly string[] {
    return [...this.#ids.keys()];
  }

  of(key: string): readonly OwnSlice[] {
    return [...(this.#ids.get(key) ?? [])].flatMap((id) => this.followed.get(id) ?? []);
  }

  /** What the API server answered to a write or a read of one slice; `null`: it is gone. */
  set(namespace: string, name: string, slice: OwnSlice | null): void {
    const id = `${namespace}/${name}`;
    this.#index(id, slice, this.followed.get(id));
    this.followed.set(id, slice);
  }

  #index(id: string, now: OwnSlice | null, before: OwnSlice | null): void {
    if (before !== null) {
      const key = keyOf(before);
      const ids = this.#ids.get(key);
      ids?.delete(id);
      if (ids?.size === 0) this.#ids.delete(key);
    }
    if (now === null) return;
    const ids = this.#ids.get(keyOf(now)) ?? new Set();
    this.#ids.set(keyOf(now), ids.add(id));
  }
}

function keyOf({ namespace, service }: OwnSlice): string {
  return `${namespace}/${service}`;
}
