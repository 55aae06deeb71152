/** What the remotes add to Felix's stream: every change encoded once, for all connections. */
import type { LabelMode } from "../../../shared/visibility/facts.ts";
import { keyOf } from "../../../shared/record/key.ts";
import type { PoolFeed } from "./pool-order.ts";
import { updateOf } from "./remote-update.ts";
import type { RemoteUpdate } from "./remote-update.ts";
import type { RouteChange, RouteItem } from "../../view/route-items.ts";
import type { Remotes } from "../../view/remotes.ts";
import type { ServedChange } from "../../view/serving.ts";
import { felixValue } from "../../felix/felix-values.ts";
import type { FelixValue } from "../../felix/felix-values.ts";
import { blockValue, nodeValues } from "../../felix/overlay-values.ts";

export interface RemoteFeed {
  /**
   * What there is, each as new, in parts that are read when they are taken; changes meanwhile are
   * told to who has subscribed.
   */
  snapshot(): Iterator<readonly RemoteUpdate[]>;
  /** What a remote has under a key now, as an element of `MsgKVs`. */
  find(key: string): Uint8Array | null;
  subscribe(listener: (updates: readonly RemoteUpdate[]) => void): () => void;
}

export class RemotesFeed implements RemoteFeed {
  readonly #remotes: Remotes;
  readonly #listeners = new Set<(updates: readonly RemoteUpdate[]) => void>();

  constructor(remotes: Remotes) {
    this.#remotes = remotes;
    remotes.subscribe((changes) => {
      if (this.#listeners.size === 0) return;
      this.#publish(changes.flatMap((change) => this.#encode(change) ?? []));
    });
    remotes.routes.subscribe((changes) => {
      if (this.#listeners.size > 0) this.#publish(changes.flatMap(routeUpdates));
    });
  }

  #publish(updates: readonly RemoteUpdate[]): void {
    if (updates.length > 0) for (const listener of this.#listeners) listener(updates);
  }

  *snapshot(): Generator<readonly RemoteUpdate[]> {
    for (const part of this.#remotes.servedParts())
      yield part().flatMap(
        ({ rcc, held }) => this.#encode({ rcc, op: "put", held, isNew: true }) ?? [],
      );
    yield [...this.#remotes.routes.items()].flatMap((after) =>
      routeUpdates({ before: null, after }),
    );
  }

  find(key: string): Uint8Array | null {
    if (key.startsWith(BLOCKS)) return this.#findBlock(key);
    for (const rcc of this.#remotes.names()) {
      // Only what is renamed to this remote can be its.
      if (!key.includes(`/${rcc}_`)) continue;
      // The first one: a name behind it may look the same.
      const original = key.replace(`/${rcc}_`, "/");
      const held = this.#remotes.servedAt(rcc, original);
      const update = held && this.#encode({ rcc, op: "put", held, isNew: false });
      if (update && update.key === key) return update.encoded;
    }
    return null;
  }

  /** Blocks keep their CIDR as their key. */
  #findBlock(key: string): Uint8Array | null {
    for (const item of this.#remotes.routes.items())
      if (item.kind === "block" && keyOf(item.block) === key)
        return routeUpdates({ before: null, after: item })[0]?.encoded ?? null;
    return null;
  }

  subscribe(listener: (updates: readonly RemoteUpdate[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #encode(change: ServedChange): RemoteUpdate | null {
    return encode(change, this.#remotes.labelMode(change.rcc));
  }
}

function encode({ rcc, op, held, isNew }: ServedChange, mode: LabelMode): RemoteUpdate | null {
  // Pools are decided on together, whoever has them (`NatPools`), and each connection orders them
  // (`PoolOrder`).
  if (held.record.kind === "IPPool") return null;
  const felix = felixValue(rcc, held.record, mode);
  return felix && updateOf(felix, op, isNew);
}

const BLOCKS = "/calico/ipam/v2/assignment/";

/** What Felix has of a node or block goes and comes key by key. */
function routeUpdates({ before, after }: RouteChange): RemoteUpdate[] {
  const [had, has] = [valuesOf(before), valuesOf(after)];
  const gone = had.filter(({ key }) => !has.some((value) => value.key === key));
  return [
    ...gone.map((value) => updateOf(value, "delete", false)),
    ...has.map((value) => updateOf(value, "put", !had.some(({ key }) => key === value.key))),
  ];
}

function valuesOf(item: RouteItem | null): readonly FelixValue[] {
  if (item === null) return [];
  if (item.kind === "node") return nodeValues(item.rcc, item.node, item.vteps);
  const value = blockValue(item.rcc, item.block, item.vteps);
  return value === null ? [] : [value];
}

/** The pools that Felix is given, and which of them there are routes to. */
export function poolFeed({ pools, routes }: Pick<Remotes, "pools" | "routes">): PoolFeed {
  return {
    get delivered() {
      return pools.delivered;
    },
    isRouted: (cidr) => routes.isRouted(cidr),
    subscribe: (listener) => {
      const ends = [pools.subscribe(() => listener()), routes.subscribe(() => listener())];
      return () => ends.forEach((end) => end());
    },
  };
}
