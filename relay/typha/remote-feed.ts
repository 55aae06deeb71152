/** What the remotes add to Felix's stream: every key/value encoded once, for all connections. */
import type { Remotes, ServedChange } from "../view/remotes.ts";
import { felixValue } from "./felix-values.ts";
import { encodeUpdate } from "./encode.ts";
import { UPDATE_TYPE } from "./messages.ts";

export interface RemoteUpdate {
  readonly key: string;
  /** An element of `MsgKVs`. */
  readonly encoded: Uint8Array;
}

export interface RemoteFeed {
  /** Present state, each as new. */
  snapshot(): Iterable<RemoteUpdate>;
  subscribe(listener: (updates: readonly RemoteUpdate[]) => void): () => void;
}

export class RemotesFeed implements RemoteFeed {
  readonly #current = new Map<string, Uint8Array>();
  readonly #listeners = new Set<(updates: readonly RemoteUpdate[]) => void>();

  constructor(remotes: Remotes) {
    for (const { rcc, held } of remotes.served()) this.#apply({ rcc, op: "put", held });
    remotes.subscribe((changes) => {
      const updates = changes.flatMap((change) => this.#apply(change) ?? []);
      if (updates.length > 0) for (const listener of this.#listeners) listener(updates);
    });
  }

  *snapshot(): Generator<RemoteUpdate> {
    for (const [key, encoded] of this.#current) yield { key, encoded };
  }

  subscribe(listener: (updates: readonly RemoteUpdate[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #apply({ rcc, op, held }: ServedChange): RemoteUpdate | null {
    const felix = felixValue(rcc, held.record);
    if (felix === null) return null;
    const { key } = felix;
    const encode = (value: Uint8Array | null, updateType: number): Uint8Array =>
      encodeUpdate({ key, value, revision: "", v3ResourceVersion: "", ttlNs: 0, updateType });
    if (op === "delete") {
      this.#current.delete(key);
      return { key, encoded: encode(null, UPDATE_TYPE.deleted) };
    }
    const value = Buffer.from(JSON.stringify(felix.value));
    const isKnown = this.#current.has(key);
    this.#current.set(key, encode(value, UPDATE_TYPE.new));
    return { key, encoded: encode(value, isKnown ? UPDATE_TYPE.updated : UPDATE_TYPE.new) };
  }
}
