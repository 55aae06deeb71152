/**
 * Which of one cluster's exports are imported, where it has more than it may have: the oldest. An
 * import takes an address of the reader's Service range, so no other cluster decides how many.
 * Follows from the exports alone: a restart gives the same places, and a new export, the youngest,
 * takes none away. [MCS11]
 */

interface Export {
  readonly key: string;
  readonly createdMs: number;
}

export class ImportPlaces {
  readonly #limit: number;
  readonly #known = new Map<string, Export>();
  /** The oldest, sorted; more than `limit` of them where others are in `#rest`. */
  readonly #oldest: Export[] = [];
  readonly #rest = new Map<string, Export>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Exports that could be imported. */
  get size(): number {
    return this.#known.size;
  }

  /** Whether it is one of the cluster's exports, and among the oldest. */
  has(key: string): boolean {
    const known = this.#known.get(key);
    return known !== undefined && !this.#isOver(known);
  }

  /** Whether it is one of the cluster's exports, and not among the oldest. */
  isOver(key: string): boolean {
    const known = this.#known.get(key);
    return known !== undefined && this.#isOver(known);
  }

  /** @returns Others that have a place now, or have lost it. */
  put(key: string, createdMs: number): readonly string[] {
    if (this.#known.get(key)?.createdMs === createdMs) return [];
    const before = this.#known.has(key) ? this.delete(key) : [];
    const made = { key, createdMs };
    this.#known.set(key, made);
    const last = this.#oldest.at(-1);
    if (this.#rest.size > 0 && last !== undefined && isOlder(last, made)) {
      this.#rest.set(key, made);
      return before;
    }
    const at = this.#indexOf(made);
    this.#oldest.splice(at, 0, made);
    const pushed = at < this.#limit ? this.#oldest[this.#limit] : undefined;
    if (this.#oldest.length > 2 * this.#limit) {
      const young = this.#oldest.pop();
      if (young !== undefined) this.#rest.set(young.key, young);
    }
    return pushed === undefined ? before : [...before, pushed.key];
  }

  /** @returns Others that have a place now. */
  delete(key: string): readonly string[] {
    const known = this.#known.get(key);
    if (known === undefined) return [];
    this.#known.delete(key);
    if (this.#rest.delete(key)) return [];
    const at = this.#indexOf(known);
    this.#oldest.splice(at, 1);
    this.#refill();
    const next = at < this.#limit ? this.#oldest[this.#limit - 1] : undefined;
    return next === undefined ? [] : [next.key];
  }

  /** Sorted once in as many deletions as there are places. */
  #refill(): void {
    if (this.#rest.size === 0 || this.#oldest.length > this.#limit) return;
    const sorted = [...this.#rest.values()].toSorted((a, b) => (isOlder(a, b) ? -1 : 1));
    for (const one of sorted.slice(0, this.#limit)) {
      this.#rest.delete(one.key);
      this.#oldest.push(one);
    }
  }

  #isOver(one: Export): boolean {
    const last = this.#oldest[this.#limit - 1];
    return last !== undefined && isOlder(last, one);
  }

  /** Of the first that is not older. */
  #indexOf(one: Export): number {
    let [low, high] = [0, this.#oldest.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#oldest[middle];
      if (other !== undefined && isOlder(other, one)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Of two made in the same second the name decides. */
function isOlder(a: Export, b: Export): boolean {
  return a.createdMs === b.createdMs ? a.key < b.key : a.createdMs < b.createdMs;
}
