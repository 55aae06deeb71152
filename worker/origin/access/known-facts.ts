/** The facts of a cluster that its Origin holds, and whether the Mesh has confirmed them. */
import type { OriginFacts } from "../../../shared/visibility/facts.ts";

export class KnownFacts {
  #facts: OriginFacts | null;
  /**
   * The Mesh has answered since this instance started: until then nothing is sent to any reader.
   * [VIS4]
   */
  #isFresh = false;

  constructor(stored: OriginFacts | null) {
    // fault: stale-access-after-restart
    this.#facts = stored;
  }

  get facts(): OriginFacts | null {
    return this.#facts;
  }

  get isFresh(): boolean {
    return this.#isFresh;
  }

  get isRemoved(): boolean {
    return this.#facts?.removed === true;
  }

  /** Whether facts are of the same mesh, and newer than those that are held. [VIS3] */
  compare(facts: OriginFacts): "newer" | "known" | "other-mesh" {
    const known = this.#facts;
    if (known === null) return "newer";
    if (known.meshId !== facts.meshId) return "other-mesh";
    return isNewer(facts, known) ? "newer" : "known";
  }

  replace(facts: OriginFacts): void {
    this.#facts = facts;
  }

  /** The Mesh has answered. */
  confirm(): void {
    this.#isFresh = true;
  }

  /** A peer knows of newer facts: the Mesh must be asked. */
  doubt(): void {
    this.#isFresh = false;
  }
}

/** A restore of the hub is told under the number that the facts had before. [BAK4] */
function isNewer(facts: OriginFacts, known: OriginFacts): boolean {
  // fault: older-access-accepted
  return facts.accessVersion === known.accessVersion
    ? facts.unconfirmedRestore !== known.unconfirmedRestore
    : facts.accessVersion > known.accessVersion;
}
