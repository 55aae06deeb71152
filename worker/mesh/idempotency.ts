/**
 * Answers to requests that had an `Idempotency-Key`, for a day: a request that is repeated with its
 * key is not made again. Answers may hold secrets; they come sealed, and cannot be opened with what
 * is kept here. [API62]
 */
import type { CallNames } from "./calls-by-name.ts";
import type { Mesh } from "./mesh.ts";

export type Begun =
  | { readonly kind: "new" }
  /** The key was used for another request. */
  | { readonly kind: "other" }
  | { readonly kind: "running" }
  | { readonly kind: "done"; readonly status: number; readonly sealed: string };

export interface IdempotencyCalls {
  begin(id: string, request: string): Promise<Begun>;
  end(id: string, status: number, sealed: string): Promise<void>;
  /** It failed, and may be made again. */
  forget(id: string): Promise<void>;
}

export const IDEMPOTENCY_CALLS: CallNames<IdempotencyCalls> = {
  begin: true,
  end: true,
  forget: true,
};

const KEPT_MS = 86_400_000;
/** One that has not ended by then never will: the hub ended meanwhile. */
const RUNNING_MS = 60_000;
/** The oldest go. */
const MOST_ROWS = 500;

export class Idempotency implements IdempotencyCalls {
  readonly #mesh: Mesh;

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  async begin(id: string, request: string): Promise<Begun> {
    const { store, environment } = this.#mesh;
    const atMs = environment.clock.now();
    return store.transaction((): Begun => {
      this.#forgetOld(atMs);
      const known = store.get("idempotency", id);
      const isOver = known?.answer === null && atMs - known.atMs >= RUNNING_MS;
      if (known === undefined || isOver) {
        store.put("idempotency", id, { request, atMs, answer: null });
        return { kind: "new" };
      }
      if (known.request !== request) return { kind: "other" };
      return known.answer === null ? { kind: "running" } : { kind: "done", ...known.answer };
    });
  }

  async end(id: string, status: number, sealed: string): Promise<void> {
    const { store } = this.#mesh;
    const known = store.get("idempotency", id);
    if (known !== undefined) store.put("idempotency", id, { ...known, answer: { status, sealed } });
  }

  async forget(id: string): Promise<void> {
    this.#mesh.store.delete("idempotency", id);
  }

  #forgetOld(nowMs: number): void {
    const { store } = this.#mesh;
    const rows = store.list("idempotency").toSorted(([, a], [, b]) => b.atMs - a.atMs);
    for (const [index, [id, { atMs }]] of rows.entries())
      if (nowMs - atMs >= KEPT_MS || index >= MOST_ROWS - 1) store.delete("idempotency", id);
  }
}
