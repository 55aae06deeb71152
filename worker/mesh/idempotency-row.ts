/** What a Mesh object keeps of a request that had an `Idempotency-Key`. [API62] */

/** Id: a hash of who asks and of the key. */
export interface IdempotencyRow {
  /** Hash of method, path and body. */
  readonly request: string;
  readonly atMs: number;
  /** `null` while it is under way. */
  readonly answer: { readonly status: number; readonly sealed: string } | null;
}
