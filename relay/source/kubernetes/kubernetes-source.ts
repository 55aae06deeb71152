/**
 * A Kubernetes API server as a cluster's source: one reflector a collection, one store of records
 * for all of them, because a key may have parents in two collections (ClusterConfig). `listed` is
 * said when the last collection has listed. [SRC2] [SRC30]
 */
import type { Random } from "../../../shared/lib/clock.ts";
import { COLLECTIONS, SERVICE_COLLECTIONS } from "../convert/converters.ts";
import type { CalicoGroup, Collection } from "../convert/converters.ts";
import { describeFailure } from "../../kube/watch-event.ts";
import { RecordStore } from "../record-store.ts";
import { Listing } from "../listing.ts";
import type { ClusterPolicies, RemoteReading, Source, SourceSink } from "../source.ts";
import { chooseGroup, groupFromEnv } from "./calico-group.ts";
import type { CollectionReading } from "../source-health.ts";
import { collectionState } from "./collection-state.ts";
import { listPolicies } from "./list-policies.ts";
import { FollowedCollection } from "./followed-collection.ts";
import type { CollectionPorts } from "./followed-collection.ts";
import { ReflectorRun } from "./reflector-run.ts";
import { KubeTransport } from "../../kube/transport.ts";
import type { Transport } from "../../kube/transport.ts";
import { chooseMcsVersion } from "../../kube/mcs-group.ts";
import type { McsVersion } from "../../kube/mcs-group.ts";
import type { ChosenAccess } from "../../kube/access/select-access.ts";

export interface KubernetesOptions {
  readonly kubeconfig?: string;
  /** Instead of a kubeconfig, see `TransportOptions`. */
  readonly access?: () => Promise<ChosenAccess>;
  /** Follows nothing but Services, when they are asked for. */
  readonly onlyServices?: boolean;
  /** It is a direct remote. */
  readonly remote?: RemoteReading;
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
  readonly objects: FollowedCollection;
  readonly run: ReflectorRun;
}

export class KubernetesSource implements Source {
  readonly #transport: Transport;
  readonly #random: Random;
  readonly #silentMs: number | undefined;
  readonly #onlyServices: boolean;
  readonly #remote: RemoteReading | undefined;
  readonly #groupOverride: CalicoGroup | null;
  readonly #stopping = new AbortController();
  #followed: readonly Followed[] = [];
  #services: readonly Followed[] = [];
  #sink: SourceSink | null = null;
  #group: Promise<CalicoGroup> | null = null;
  /** Of ServiceExports; `null`: to be asked. */
  #mcs: McsVersion | null = null;

  /** @throws when `CALICO_API_GROUP` names no group of Calico's. */
  constructor(options: KubernetesOptions) {
    this.#groupOverride = groupFromEnv(options.env["CALICO_API_GROUP"]);
    this.#onlyServices = options.onlyServices === true;
    this.#remote = options.remote;
    this.#random = options.random ?? Math.random;
    this.#silentMs = options.silentMs;
    this.#transport = new KubeTransport({
      ...(options.kubeconfig !== undefined && { kubeconfig: options.kubeconfig }),
      ...(options.access !== undefined && { access: options.access }),
      env: options.env,
      requestIdleMs: options.requestIdleMs ?? 30_000,
      watchIdleMs: options.watchIdleMs ?? 150_000,
    });
  }

  start(sink: SourceSink): void {
    this.#sink = sink;
    if (this.#onlyServices) return;
    const followed = COLLECTIONS.filter(({ kind }) => this.#remote?.without.has(kind) !== true);
    this.#followed = this.#follow(followed, sink, () => sink.listed());
  }

  /** Apart from the others: an account may lack the right, and they go on. [SVC3] */
  followServices(): void {
    const sink = this.#sink;
    if (sink === null || this.#services.length > 0 || this.#stopping.signal.aborted) return;
    this.#services = this.#follow(SERVICE_COLLECTIONS, sink, () => sink.servicesListed?.());
  }

  servicesHealth(): ReturnType<Source["health"]> {
    return { collections: this.#services.map(readingOf) };
  }

  /** @param listed See `SourceSink`. */
  #follow(
    collections: readonly Collection[],
    sink: SourceSink,
    listed: () => void,
  ): readonly Followed[] {
    const listing = new Listing(collections, this.#remote !== undefined, listed);
    const ports: CollectionPorts = {
      store: new RecordStore(sink),
      path: (collection) => this.#pathOf(collection),
      pathIsGone: ({ group }) => {
        if (group === "calico") this.#group = null;
        if (group === "mcs") this.#mcs = null;
      },
      listed: ({ kind }) => listing.listed(kind),
      forbidden: ({ kind }) => listing.forbidden(kind),
      emit: (changes) => sink.apply(changes),
      now: () => performance.now(),
    };
    return collections.map((collection) => {
      const owner = new FollowedCollection(collection, ports);
      const run = new ReflectorRun({
        owner,
        transport: this.#transport,
        random: this.#random,
        silentMs: this.#silentMs,
      });
      return { objects: owner, run };
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const { run } of [...this.#followed, ...this.#services]) run.stop();
    // Whatever was under way finds itself stopped when it comes back.
    await Promise.resolve();
  }

  health(): ReturnType<Source["health"]> {
    return { collections: this.#followed.map(readingOf) };
  }

  async policies(): Promise<ClusterPolicies> {
    return listPolicies(this.#transport, await this.#calicoGroup(), this.#stopping.signal);
  }

  async #pathOf({ group, plural }: Collection): Promise<string> {
    if (group === "core") return `/api/v1/${plural}`;
    if (group === "mcs") return `/apis/${await this.#mcsVersion()}/${plural}`;
    if (group !== "calico") return `/apis/${group}/${plural}`;
    return `/apis/${await this.#calicoGroup()}/${plural}`;
  }

  /** Asked once; again after a 404, or after an answer that was none. */
  #calicoGroup(): Promise<CalicoGroup> {
    if (this.#groupOverride !== null) return Promise.resolve(this.#groupOverride);
    if (this.#group !== null) return this.#group;
    const asked = this.#ask(chooseGroup);
    this.#group = asked;
    asked.catch(() => {
      if (this.#group === asked) this.#group = null;
    });
    return asked;
  }

  async #mcsVersion(): Promise<McsVersion> {
    this.#mcs ??= await this.#ask(chooseMcsVersion);
    return this.#mcs;
  }

  async #ask<T>(choose: (body: string) => T | null): Promise<T> {
    const { status, body } = await this.#transport.get("/apis", this.#stopping.signal);
    if (status !== 200) throw new Error(`GET /apis: ${describeFailure(status, body)}`);
    const chosen = choose(body);
    if (chosen === null) throw new Error("GET /apis: the answer is not a list of API groups");
    return chosen;
  }
}

function readingOf({ objects, run }: Followed): CollectionReading {
  const { collection, isForbidden } = objects;
  return {
    name: nameOf(collection),
    objects: objects.count(),
    ...collectionState(run.state, performance.now()),
    ...(isForbidden && { forbiddenKind: collection.kind }),
  };
}

function nameOf({ plural, group }: Collection): string {
  return group === "calico" ? `${plural} (Calico)` : plural;
}
