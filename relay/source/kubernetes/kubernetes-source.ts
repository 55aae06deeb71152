/**
 * A Kubernetes API server as a cluster's source: one reflector a collection, one store of records for all of them, because a key may
 * have parents in two collections (ClusterConfig). `listed` is said when the last collection has listed. [SRC2] [SRC30]
 */
import type { Random } from "../../../shared/lib/clock.ts";
import type { DeleteCause, RecordChange } from "../../../shared/record/record.ts";
import { COLLECTIONS } from "../convert/converters.ts";
import type { CalicoGroup, Collection } from "../convert/converters.ts";
import type { JsonObject } from "../../kube/kube-object.ts";
import { idFromJson, RecordStore } from "../record-store.ts";
import type { ClusterPolicies, Source, SourceSink } from "../source.ts";
import { chooseGroup, groupFromEnv } from "./calico-group.ts";
import { collectionState } from "./collection-state.ts";
import { listPolicies } from "./list-policies.ts";
import { describeFailure, runReflector } from "./run-reflector.ts";
import type { ReflectorOwner, ReflectorRun } from "./run-reflector.ts";
import { KubeTransport } from "../../kube/transport.ts";
import type { Transport } from "../../kube/transport.ts";

export interface KubernetesOptions {
  readonly kubeconfig?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly random?: Random;
  /** No byte of an answer for so long: the request is given up. */
  readonly requestIdleMs?: number;
  /** No byte of a watch for so long: it is opened anew. */
  readonly watchIdleMs?: number;
  /** No event or bookmark of a watch for so long: it is looked at. */
  readonly silentMs?: number;
}

interface Followed {
  readonly collection: Collection;
  readonly run: ReflectorRun;
  readonly objects: () => number;
}

export class KubernetesSource implements Source {
  readonly #transport: Transport;
  readonly #random: Random;
  readonly #silentMs: number | undefined;
  readonly #groupOverride: CalicoGroup | null;
  readonly #stopping = new AbortController();
  #followed: readonly Followed[] = [];
  #group: Promise<CalicoGroup> | null = null;

  /** @throws when `CALICO_API_GROUP` names no group of Calico's. */
  constructor(options: KubernetesOptions) {
    this.#groupOverride = groupFromEnv(options.env["CALICO_API_GROUP"]);
    this.#random = options.random ?? Math.random;
    this.#silentMs = options.silentMs;
    this.#transport = new KubeTransport({
      ...(options.kubeconfig !== undefined && { kubeconfig: options.kubeconfig }),
      env: options.env,
      requestIdleMs: options.requestIdleMs ?? 30_000,
      watchIdleMs: options.watchIdleMs ?? 150_000,
    });
  }

  start(sink: SourceSink): void {
    const store = new RecordStore(sink);
    const unlisted = new Set(COLLECTIONS.map(({ kind }) => kind));
    const listed = (kind: string): void => {
      if (unlisted.delete(kind) && unlisted.size === 0) sink.listed();
    };
    this.#followed = COLLECTIONS.map((collection) =>
      this.#follow(collection, store, sink, () => listed(collection.kind)),
    );
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const { run } of this.#followed) run.stop();
    // Whatever was under way finds itself stopped when it comes back.
    await Promise.resolve();
  }

  health(): ReturnType<Source["health"]> {
    return {
      collections: this.#followed.map(({ collection, run, objects }) => ({
        name: nameOf(collection),
        objects: objects(),
        ...collectionState(run.state(), performance.now()),
      })),
    };
  }

  async policies(): Promise<ClusterPolicies> {
    return listPolicies(this.#transport, await this.#calicoGroup(), this.#stopping.signal);
  }

  #follow(
    collection: Collection,
    store: RecordStore,
    sink: SourceSink,
    listed: () => void,
  ): Followed {
    const { kind } = collection;
    // Ids of live objects, with a record or not: what a list must show, and what health counts.
    const known = new Set<string>();
    let unseen: Set<string> | null = null;
    const put = (json: JsonObject): readonly RecordChange[] => {
      // Items of a typed list carry neither.
      const { id, changes } = store.upsert(collection, { apiVersion: "v1", kind, ...json });
      if (id !== null) {
        known.add(id);
        unseen?.delete(id);
      }
      return changes;
    };
    const remove = (id: string, cause: DeleteCause): readonly RecordChange[] => {
      known.delete(id);
      return store.remove(id, cause);
    };
    const emit = (changes: readonly RecordChange[]): void => {
      if (changes.length > 0) sink.apply(changes);
    };
    const owner: ReflectorOwner = {
      path: () => this.#pathOf(collection),
      pathIsGone: () => {
        if (collection.group === "calico") this.#group = null;
      },
      hasObjects: () => known.size > 0,
      beginList: () => {
        unseen = new Set(known);
      },
      put: (objects) => emit(objects.flatMap(put)),
      observed: (events) =>
        emit(
          events.flatMap((event) => {
            if (event.type === "put") return put(event.object);
            const id = idFromJson(kind, event.object);
            return id === null ? [] : remove(id, "observed");
          }),
        ),
      sweep: () => {
        const gone = unseen ?? [];
        unseen = null;
        emit([...gone].flatMap((id) => remove(id, "inferred")));
      },
      listed,
      count: () => known.size,
      has: (object) => known.has(idFromJson(kind, object) ?? ""),
    };
    return {
      collection,
      run: runReflector(owner, this.#transport, this.#random, this.#silentMs),
      objects: () => known.size,
    };
  }

  async #pathOf({ group, plural }: Collection): Promise<string> {
    if (group === "core") return `/api/v1/${plural}`;
    return `/apis/${await this.#calicoGroup()}/${plural}`;
  }

  /** Asked once; again after a 404, or after an answer that was none. */
  #calicoGroup(): Promise<CalicoGroup> {
    if (this.#groupOverride !== null) return Promise.resolve(this.#groupOverride);
    if (this.#group !== null) return this.#group;
    const asked = this.#askForGroup();
    this.#group = asked;
    asked.catch(() => {
      if (this.#group === asked) this.#group = null;
    });
    return asked;
  }

  async #askForGroup(): Promise<CalicoGroup> {
    const { status, body } = await this.#transport.get("/apis", this.#stopping.signal);
    if (status !== 200) throw new Error(`GET /apis: ${describeFailure(status, body)}`);
    const group = chooseGroup(body);
    if (group === null) throw new Error("GET /apis: the answer is not a list of API groups");
    return group;
  }
}

function nameOf({ plural, group }: Collection): string {
  return group === "core" ? plural : `${plural} (Calico)`;
}
