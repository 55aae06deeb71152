/** What the remotes add to Felix's stream: every change encoded once, for all connections. */
import type { LabelMode } from "../../../shared/visibility/facts.ts";
import type { Remotes } from "../../view/remotes.ts";
import type { ServedChange } from "../../view/serving.ts";
import { felixValue, natPool } from "../../felix/felix-values.ts";
import type { FelixValue } from "../../felix/felix-values.ts";
import type { PoolMode } from "../../felix/pool-mode.ts";
import { encodeUpdate } from "../wire/encode.ts";
import { UPDATE_TYPE } from "../wire/messages.ts";

export interface RemoteUpdate {
  readonly key: string;
  /** An element of `MsgKVs`. */
  readonly encoded: Uint8Array;
  readonly isPut: boolean;
  /** A put of a key that was not there before. */
  readonly isNew: boolean;
}

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
  }

  #publish(updates: readonly RemoteUpdate[]): void {
    if (updates.length > 0) for (const listener of this.#listeners) listener(updates);
  }

  *snapshot(): Generator<readonly RemoteUpdate[]> {
    for (const part of this.#remotes.servedParts())
      yield part().flatMap(
        ({ rcc, held }) => this.#encode({ rcc, op: "put", held, isNew: true }) ?? [],
      );
  }

  find(key: string): Uint8Array | null {
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

/** A pool of another cluster as an element of `MsgKVs`, a new one or its deletion. */
export function poolElement(op: "put" | "delete", cidr: string, mode?: PoolMode): Uint8Array {
  return updateOf(natPool(cidr, mode), op, true).encoded;
}

function updateOf(felix: FelixValue, op: "put" | "delete", isNew: boolean): RemoteUpdate {
  const { key } = felix;
  const value = op === "put" ? Buffer.from(JSON.stringify(felix.value)) : null;
  const updateType =
    op === "delete" ? UPDATE_TYPE.deleted : isNew ? UPDATE_TYPE.new : UPDATE_TYPE.updated;
  const update = { key, value, revision: "", v3ResourceVersion: "", ttlNs: 0, updateType };
  return { key, encoded: encodeUpdate(update), isPut: op === "put", isNew: op === "put" && isNew };
}
