/**
 * The calls of one instance of an Origin to the Mesh: they may be lost, and die with the instance.
 */
import type { ClusterNote, OriginFacts, RangeClaim } from "../../shared/visibility/facts.ts";
import type { ClusterHealth } from "../../shared/visibility/health.ts";
import type { Origin } from "../../worker/origin/origin.ts";
import type { MeshPort } from "../../worker/origin/ports.ts";

/** The Mesh as an Origin reaches it. */
export interface MeshEnd {
  facts(uid: string): Promise<OriginFacts | null>;
  claim(uid: string, claims: readonly RangeClaim[]): Promise<OriginFacts | null>;
  note(uid: string, note: ClusterNote): Promise<OriginFacts | null>;
  /** `null`: in this run nobody takes it. */
  health(uid: string, health: ClusterHealth): Promise<void> | null;
  /** Its version of the cluster's facts, without a call. */
  version(uid: string): number;
  wallMs(): number;
}

/** Runs an event in the instance that there is. */
type RunEvent = (work: (origin: Origin) => unknown) => unknown;

export class OriginMeshCalls implements MeshPort {
  readonly #uid: string;
  readonly #mesh: MeshEnd;
  readonly #event: RunEvent;
  #isPulling = false;
  #calls = 0;
  #isEnded = false;

  constructor(uid: string, mesh: MeshEnd, event: RunEvent) {
    this.#uid = uid;
    this.#mesh = mesh;
    this.#event = event;
  }

  /** No answer is awaited. */
  get isIdle(): boolean {
    return !this.#isPulling && this.#calls === 0;
  }

  /** The instance has ended: no answer reaches it. */
  end(): void {
    this.#isEnded = true;
  }

  pullFacts(): void {
    if (this.#isPulling) return;
    this.#isPulling = true;
    const answered = (facts: OriginFacts | null, error: string | null): void => {
      if (this.#isEnded) return;
      this.#isPulling = false;
      this.#event((origin) => {
        if (facts !== null) origin.onAnswer(facts);
        else if (error === null) origin.onUnknown();
        else origin.onPullFailed(error);
      });
    };
    this.#mesh.facts(this.#uid).then(
      (facts) => answered(facts, null),
      (error: unknown) => answered(null, String(error)),
    );
  }

  claimRanges(claims: readonly RangeClaim[]): void {
    this.#ask(
      () => this.#mesh.claim(this.#uid, claims),
      (origin, error) => origin.onClaimFailed(claims, error),
    );
  }

  note(note: ClusterNote): void {
    this.#ask(
      () => this.#mesh.note(this.#uid, note),
      (origin, error) => origin.onNoteFailed(error),
    );
  }

  tellHealth(health: ClusterHealth): void {
    this.#mesh.health(this.#uid, health)?.catch(() => {
      if (!this.#isEnded) this.#event((origin) => origin.onHealth("failed"));
    });
  }

  /** Asks the Mesh for something whose answer are the cluster's facts. */
  #ask(
    call: () => Promise<OriginFacts | null>,
    failed: (origin: Origin, error: string) => void,
  ): void {
    this.#calls++;
    const answered = (work: (origin: Origin) => unknown): void => {
      if (this.#isEnded) return;
      this.#calls--;
      this.#event(work);
    };
    call().then(
      (facts) => answered((origin) => facts !== null && origin.onAnswer(facts)),
      (error: unknown) => answered((origin) => failed(origin, String(error))),
    );
  }
}
