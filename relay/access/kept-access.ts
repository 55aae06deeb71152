/**
 * The access facts of a running relay: older facts are ignored, and a disk that
 * takes nothing is tried again until it does. [VIE3] [VIE15]
 */
import { AccessState } from "./access-state.ts";
import type { AccessFacts } from "../../shared/visibility/facts.ts";
import type { NODE_PORTS } from "../hub/relay-ports.ts";
import type { Logger } from "../lib/log.ts";

const SAVE_AGAIN_MS = 5_000;

export class KeptAccess {
  readonly #state: AccessState;
  readonly #ports: Pick<typeof NODE_PORTS, "after">;
  readonly #log: Logger;
  #cancelSave: (() => void) | null = null;
  #isHeard = false;

  constructor(stateDir: string, ports: Pick<typeof NODE_PORTS, "after">, log: Logger) {
    this.#state = new AccessState(stateDir);
    this.#ports = ports;
    this.#log = log;
  }

  get facts(): AccessFacts | null {
    return this.#state.facts;
  }

  /** Why the facts are not on disk; `null` when they are. */
  get writeError(): string | null {
    return this.#state.writeError;
  }

  /** The hub was heard since the start: what its disk has may be of long ago. */
  get isHeard(): boolean {
    return this.#isHeard;
  }

  /** Of the hub. Answers as `keep` does. */
  hear(facts: AccessFacts): boolean {
    this.#isHeard = true;
    return this.keep(facts);
  }

  /** Answers whether these facts hold from now on. */
  keep(facts: AccessFacts): boolean {
    const change = this.#state.keep(facts);
    if (change.kind === "older") {
      this.#log.warn(
        { held: change.held, got: facts.accessVersion },
        "older access facts: ignored",
      );
      return false;
    }
    if (this.writeError !== null) this.#saveLater();
    return true;
  }

  stop(): void {
    this.#cancelSave?.();
  }

  #saveLater(): void {
    this.#log.error(
      { error: this.writeError },
      "access facts cannot be written: they hold until this relay ends, and are written when the disk takes them",
    );
    this.#cancelSave?.();
    this.#cancelSave = this.#ports.after(SAVE_AGAIN_MS, () => {
      this.#cancelSave = null;
      if (!this.#state.save()) this.#saveLater();
      else this.#log.info("access facts are on disk now");
    });
  }
}

/** Says which remotes are held back. [BAK4] */
export function warnOfHeldBack({ remotes, unconfirmedRestore }: AccessFacts, log: Logger): void {
  const heldBack = remotes.filter((remote) => remote.heldBack).map(({ rcc }) => rcc);
  if (heldBack.length === 0) return;
  const restoredAt = new Date(unconfirmedRestore ?? 0).toISOString();
  log.warn(
    { heldBack, restoredAt },
    "the hub was restored to a state that shows more of these remotes than was granted since: they stay as they were until `catwalk mesh confirm-restore`",
  );
}
