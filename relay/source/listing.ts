/**
 * When a source has listed all there is. What the account may not list keeps a cluster's own source
 * from saying so; of a direct remote it is left out, until it may be listed. [DIR14]
 */
export class Listing {
  readonly #count: number;
  readonly #mayLack: boolean;
  readonly #onListed: () => void;
  readonly #unlisted: Set<string>;
  readonly #forbidden = new Set<string>();
  #isListed = false;

  /** @param mayLack Whether it is a direct remote. @param onListed See `SourceSink.listed`. */
  constructor(kinds: readonly { readonly kind: string }[], mayLack: boolean, onListed: () => void) {
    this.#unlisted = new Set(kinds.map(({ kind }) => kind));
    this.#count = kinds.length;
    this.#mayLack = mayLack;
    this.#onListed = onListed;
  }

  listed(kind: string): void {
    const wasForbidden = this.#forbidden.delete(kind);
    this.#unlisted.delete(kind);
    if (wasForbidden || !this.#isListed) this.#tell();
  }

  forbidden(kind: string): void {
    if (!this.#mayLack) return;
    this.#forbidden.add(kind);
    this.#unlisted.delete(kind);
    if (!this.#isListed) this.#tell();
  }

  #tell(): void {
    // An account that may list nothing has seen nothing.
    if (this.#unlisted.size > 0 || this.#forbidden.size === this.#count) return;
    this.#isListed = true;
    this.#onListed();
  }
}
