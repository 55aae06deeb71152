/**
 * Both kinds of custom resources, each followed under the CRD that is there now: another CRD of the
 * same name is another collection. [CRD7]
 */
import type { Transport } from "../kube/transport.ts";
import { ReflectorRun } from "../source/kubernetes/reflector-run.ts";
import { Collection } from "./collection.ts";
import { adviceFor, readDefinition } from "./kube-api.ts";
import type { KubeApi } from "./kube-api.ts";
import type { Definition, Seen } from "./plan.ts";
import type { Problems } from "./problems.ts";
import { KINDS, PLURALS } from "./resource.ts";
import type { Kind } from "./resource.ts";

interface Following {
  readonly uid: string;
  readonly collection: Collection;
  readonly run: ReflectorRun;
}

export class Followed {
  readonly #transport: Transport & KubeApi;
  readonly #problems: Problems;
  readonly #stopping: AbortSignal;
  readonly #onChange: () => void;
  readonly #definitions = new Map<Kind, Definition>();
  readonly #following = new Map<Kind, Following>();
  #isStopped = false;

  constructor(
    transport: Transport & KubeApi,
    problems: Problems,
    stopping: AbortSignal,
    onChange: () => void,
  ) {
    this.#transport = transport;
    this.#problems = problems;
    this.#stopping = stopping;
    this.#onChange = onChange;
  }

  stop(): void {
    this.#isStopped = true;
    for (const { run } of this.#following.values()) run.stop();
    this.#following.clear();
  }

  /** Reads the CRDs, and begins or ends what follows from them. */
  async look(): Promise<void> {
    const read = await Promise.all(
      KINDS.map(async (kind) => {
        const { definition, problem } = await readDefinition(this.#transport, kind, this.#stopping);
        return { kind, definition, problem };
      }),
    );
    if (this.#isStopped) return;
    for (const { kind, definition, problem } of read) {
      this.#problems.set(`crd ${kind}`, problem);
      this.#definitions.set(kind, definition);
      // One that cannot be read now is followed on.
      if (definition.kind === "unknown") continue;
      const uid = definition.kind === "served" ? definition.uid : null;
      const known = this.#following.get(kind);
      if (known?.uid === uid) continue;
      known?.run.stop();
      this.#following.delete(kind);
      if (uid !== null) this.#following.set(kind, this.#follow(kind, uid));
    }
    this.#tellFailures();
  }

  /** Both are listed, and nothing is wrong with their watches. */
  get areFollowed(): boolean {
    return KINDS.every((kind) => {
      const following = this.#following.get(kind);
      return following !== undefined && following.collection.resources !== null;
    });
  }

  seen(): Readonly<Record<Kind, Seen>> {
    const of = (kind: Kind): Seen => ({
      definition: this.#definitions.get(kind) ?? { kind: "unknown" },
      resources: this.#following.get(kind)?.collection.resources ?? null,
    });
    return { rcc: of("rcc"), grant: of("grant") };
  }

  collection(kind: Kind): Collection | null {
    return this.#following.get(kind)?.collection ?? null;
  }

  #follow(kind: Kind, uid: string): Following {
    const collection = new Collection(kind, () => this.#onChange());
    const transport = this.#transport;
    const run = new ReflectorRun({ owner: collection, transport, random: Math.random });
    return { uid, collection, run };
  }

  #tellFailures(): void {
    for (const kind of KINDS) {
      const failure = this.#following.get(kind)?.run.state.failure ?? "";
      const status = Number(/^\d{3}/.exec(failure)?.[0] ?? 0);
      const what = `${PLURALS[kind]} cannot be followed: ${failure}${adviceFor(status)}`;
      this.#problems.set(`watch ${kind}`, failure === "" ? null : what);
    }
  }
}
