/** Several alarms on the one that a Durable Object has. */
export class Alarms<Name extends string> {
  readonly #set: (atMs: number) => void;
  readonly #due = new Map<Name, number>();

  /** @param set The object's own alarm; a later call replaces it. */
  constructor(set: (atMs: number) => void) {
    this.#set = set;
  }

  /** A later call of the same name replaces it. */
  set(name: Name, atMs: number): void {
    this.#due.set(name, atMs);
    this.#set(Math.min(...this.#due.values()));
  }

  /** The alarm rings: each owner looks what is due, and sets its own again. */
  rang(): void {
    this.#due.clear();
  }
}
