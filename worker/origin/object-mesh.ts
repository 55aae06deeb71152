/** Calls of an Origin's object to its Mesh; their answers are events of the Origin. */
import type { ClusterNote, OriginFacts, RangeClaim } from "../../shared/visibility/facts.ts";
import type { ClusterHealth } from "../../shared/visibility/health.ts";
import type { MeshCalls } from "../ports.ts";
import type { Origin } from "./origin.ts";
import type { MeshPort } from "./ports.ts";

/** The Mesh, and the UID of the Origin that asks it. */
export interface MeshEnd {
  readonly mesh: MeshCalls;
  readonly originUid: string;
}

export class ObjectMesh implements MeshPort {
  readonly #waitUntil: (work: Promise<unknown>) => void;
  readonly #end: () => MeshEnd | null;
  readonly #origin: () => Origin;
  #isPulling = false;

  /** @param end `null` before the object knows which Origin it is. */
  constructor(
    waitUntil: (work: Promise<unknown>) => void,
    end: () => MeshEnd | null,
    origin: () => Origin,
  ) {
    this.#waitUntil = waitUntil;
    this.#end = end;
    this.#origin = origin;
  }

  pullFacts(): void {
    this.#waitUntil(this.pull());
  }

  claimRanges(claims: readonly RangeClaim[]): void {
    this.#ask(
      ({ mesh, originUid }) => mesh.claimRanges(originUid, claims),
      (error) => this.#origin().onClaimFailed(claims, error),
    );
  }

  note(note: ClusterNote): void {
    this.#ask(
      ({ mesh, originUid }) => mesh.noteCluster(originUid, note),
      (error) => this.#origin().onNoteFailed(error),
    );
  }

  tellHealth(health: ClusterHealth): void {
    const end = this.#end();
    if (end === null) return;
    this.#waitUntil(
      end.mesh.noteHealth(end.originUid, health).catch(() => this.#origin().onHealth("failed")),
    );
  }

  /** Reads the cluster's facts, unless that is under way. */
  async pull(): Promise<void> {
    const end = this.#end();
    if (end === null || this.#isPulling) return;
    this.#isPulling = true;
    const answer = await settled(() => end.mesh.pullFacts(end.originUid));
    this.#isPulling = false;
    if (answer.kind === "failed") this.#origin().onPullFailed(answer.error);
    else if (answer.facts === null) this.#origin().onUnknown();
    else this.#origin().onAnswer(answer.facts);
  }

  /** Asks for something whose answer are the cluster's facts. */
  #ask(ask: (end: MeshEnd) => Promise<OriginFacts | null>, failed: (error: string) => void): void {
    const end = this.#end();
    if (end === null) return;
    this.#waitUntil(
      settled(() => ask(end)).then((answer) => {
        if (answer.kind === "failed") failed(answer.error);
        else if (answer.facts !== null) this.#origin().onAnswer(answer.facts);
      }),
    );
  }
}

type Answer =
  | { readonly kind: "facts"; readonly facts: OriginFacts | null }
  | { readonly kind: "failed"; readonly error: string };

async function settled(call: () => Promise<OriginFacts | null>): Promise<Answer> {
  try {
    return { kind: "facts", facts: await call() };
  } catch (error) {
    return { kind: "failed", error: String(error) };
  }
}
