/**
 * The access facts (what this cluster may see, and what is its own), as the mesh last said them:
 * kept on disk, so that a relay that starts while the hub is away serves what it was allowed to,
 * and no more. [VIE3]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { AccessFacts } from "../../shared/visibility/facts.ts";
import { writeFileAtomically } from "../lib/atomic-file.ts";
import { heldBackBy, holdBack } from "./hold-back.ts";
import { parseAccessFacts } from "../../shared/visibility/parse-facts.ts";

export type AccessChange =
  | { readonly kind: "newer"; readonly before: AccessFacts | null }
  | { readonly kind: "older"; readonly held: number };

export class AccessState {
  readonly #path: string;
  #facts: AccessFacts | null;
  #writeError: string | null = null;

  constructor(stateDir: string) {
    this.#path = join(stateDir, "access.json");
    this.#facts = read(this.#path);
  }

  get facts(): AccessFacts | null {
    return this.#facts;
  }

  /** Why the facts are not on disk; `null` when they are. */
  get writeError(): string | null {
    return this.#writeError;
  }

  /**
   * Keeps newer facts of the same mesh, or any of another mesh (the relay has joined anew); on disk
   * before it returns. [VIE2] A disk that takes nothing does not keep a withdrawal from being
   * obeyed: the facts hold in memory, and are to be saved again until they are. [VIE15]
   */
  keep(facts: AccessFacts): AccessChange {
    const before = this.#facts;
    if (
      before !== null &&
      before.meshId === facts.meshId &&
      facts.accessVersion < before.accessVersion
    ) {
      const held = heldBackBy(facts, before);
      if (held === before) return { kind: "older", held: before.accessVersion };
      this.#facts = held;
      this.save();
      return { kind: "newer", before };
    }
    this.#facts = holdBack(facts, before);
    this.save();
    return { kind: "newer", before };
  }

  /** Answers whether what is known is on disk now. */
  save(): boolean {
    try {
      // Also for a machine that loses its power: an older file would serve what was revoked since.
      writeFileAtomically(this.#path, JSON.stringify(this.#facts));
      this.#writeError = null;
    } catch (error) {
      this.#writeError = String(error);
    }
    return this.#writeError === null;
  }
}

/** A missing or unreadable file is no knowledge, which withdraws nothing. */
function read(path: string): AccessFacts | null {
  try {
    const parsed = parseAccessFacts(readFileSync(path, "utf8"));
    return parsed.ok ? parsed.value : null;
  } catch {
    return null;
  }
}
