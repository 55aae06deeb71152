/** What Felix's graph holds: the newest accepted value of every key. */
import type { FelixKey } from "./keys.ts";
import type { FelixValues, JsonKind } from "./shapes.ts";

interface Held {
  readonly key: FelixKey;
  readonly value: unknown;
}

type KeyOf<K extends FelixKey["kind"]> = Extract<FelixKey, { readonly kind: K }>;
export type ValueOf<K extends FelixKey["kind"]> = K extends JsonKind ? FelixValues[K] : string;

export class Objects {
  readonly #held = new Map<string, Held>();

  /** @param value Of the key's kind, see `ValueOf`. */
  set(key: FelixKey, value: unknown): void {
    this.#held.set(idOf(key), { key, value });
  }

  delete(key: FelixKey): void {
    this.#held.delete(idOf(key));
  }

  *of<K extends FelixKey["kind"]>(kind: K): Generator<readonly [KeyOf<K>, ValueOf<K>]> {
    for (const { key, value } of this.#held.values())
      if (key.kind === kind) yield [key as KeyOf<K>, value as ValueOf<K>];
  }

  get<K extends FelixKey["kind"]>(key: KeyOf<K>): ValueOf<K> | undefined {
    return this.#held.get(idOf(key))?.value as ValueOf<K> | undefined;
  }

  hostConfig(host: string, name: string): string | undefined {
    return this.get<"HostConfig">({ kind: "HostConfig", host, name });
  }
}

/** Keys of one object in other spellings (masked CIDR, escapes) are one. */
function idOf(key: FelixKey): string {
  return "net" in key ? `${key.kind} ${key.net.text}` : JSON.stringify(key);
}
