/**
 * Writes ServiceImports and the Services that they are routed by, and the conditions of this
 * cluster's ServiceExports, in turns of the loop of all that is written. Slices are
 * `slice-writer.ts`'s. [MCS6] [MCS8] [MCS9]
 */
import type { ExportedReport, ToldCondition } from "../../../shared/api/services.ts";
import type { JsonObject } from "../../kube/kube-object.ts";
import { APP_MANAGED_BY, MULTICLUSTER_SERVICE, OUR_MANAGER } from "../../kube/service-labels.ts";
import type { Transport } from "../../kube/transport.ts";
import { positionOf } from "../../kube/watch-event.ts";
import { ReflectorRun } from "../../source/kubernetes/reflector-run.ts";
import type { Services } from "../services.ts";
import type { KubeApi } from "../slice-api.ts";
import type { DeskQueue, Sent, Turn, WriteLoop } from "../write-loop.ts";
import { FollowedObjects, idOf, metadataOf, textOf } from "../followed-objects.ts";
import { isOurs } from "./import-objects.ts";
import { derivedKey } from "./imports.ts";
import { McsApi } from "./mcs-api.ts";
import { planImport } from "./plan-import.ts";
import type { ImportStep, ObjectKind } from "./plan-import.ts";
import { SettledWrites } from "./settled-writes.ts";
import { conditionsOf, exportConditions } from "./statuses.ts";
import type { Condition, Unexportable } from "./statuses.ts";

/** Between looks for a Service that an export lacks. */
const TICK_MS = 10_000;
const NO_EXPORTS =
  "the API server has no ServiceExport (multicluster.x-k8s.io): nothing is exported until its CRD is installed";
const NO_IMPORTS =
  "the API server has no ServiceImport (multicluster.x-k8s.io): nothing is imported until its CRD is installed";

export interface ImportWriterOptions {
  readonly services: Services;
  readonly transport: Transport & KubeApi;
  readonly loop: WriteLoop;
  /** Local Services and what the cluster may see are known. */
  readonly isReady: () => boolean;
  /** Every cluster that may be seen has told its Services once. */
  readonly areAllTold: () => boolean;
  /** A grant of this cluster names Services. */
  readonly isAsked: () => boolean;
  readonly wallMs: () => number;
}

export class ImportWriter {
  readonly #options: ImportWriterOptions;
  readonly #queue: DeskQueue;
  readonly #stopping = new AbortController();
  readonly #api: McsApi;
  readonly #stores: Readonly<Record<ObjectKind, FollowedObjects<JsonObject>>>;
  /** `namespace/name` of a derived Service → that of its import. */
  readonly #names = new Map<string, string>();
  readonly #settled = new SettledWrites();
  readonly #lacking = new Set<string>();
  #runs: Readonly<Record<ObjectKind, ReflectorRun>> | null = null;
  #ticker: NodeJS.Timeout | undefined;
  #writes = 0;

  constructor(options: ImportWriterOptions) {
    this.#options = options;
    this.#api = new McsApi(options.transport, this.#stopping.signal);
    const { isReady } = options;
    this.#queue = options.loop.join({ name: "imports", isReady, plan: (id) => this.#turn(id) });
    const store = (kind: ObjectKind, labelSelector?: string): FollowedObjects<JsonObject> =>
      new FollowedObjects({
        path: () => this.#api.path(kind),
        pathIsGone: () => this.#api.forget(),
        ...(labelSelector === undefined ? {} : { labelSelector }),
        read: (object) => object,
        versionOf: positionOf,
        onChange: (id) => (kind === "derived" ? this.#onDerived(id) : this.#queue.add([id])),
        onListed: () => this.wake(),
      });
    const derived = store("derived", `${APP_MANAGED_BY}=${OUR_MANAGER}`);
    this.#stores = { export: store("export"), import: store("import"), derived };
    options.services.subscribe((keys) => this.#onKeys(keys));
  }

  /** Requests that changed something, since the start. */
  get writes(): number {
    return this.#writes;
  }

  /** Uid of a derived Service; `null`: it is not there. @param key Its `namespace/name`. */
  uidOf(key: string): string | null {
    const held = this.#stores.derived.get(key);
    return held === null ? null : textOf(metadataOf(held)["uid"]);
  }

  /** Why an import is not written; `null`: it is. @param id `namespace/name` of the Service. */
  problem(id: string): string | null {
    if (this.#isAbsent("import")) return NO_IMPORTS;
    const failure = this.#runs?.import.state.failure ?? "";
    if (!this.#stores.import.isListed && failure !== "") return `ServiceImports: ${failure}`;
    const held = this.#stores.import.get(id);
    if (held !== null && !isOurs(held))
      return `ServiceImport ${id} was made by somebody else, and is left to them`;
    return this.#queue.failure(id);
  }

  /** Conditions of an import, as the API server has them. @param id See `problem`. */
  conditions(id: string): readonly ToldCondition[] {
    return conditionsOf(this.#stores.import.get(id));
  }

  /** Those of this cluster's exports. */
  exports(): readonly ExportedReport[] {
    return this.#stores.export.ids().map((id) => {
      const [namespace = "", name = ""] = id.split("/");
      return { namespace, name, conditions: [...conditionsOf(this.#stores.export.get(id))] };
    });
  }

  /** Why exports have no conditions here; `null`: they have. */
  exportProblem(): string | null {
    const failure = this.#runs?.export.state.failure ?? "";
    // Without both kinds nobody asks for them.
    if (this.#isAbsent("export")) return this.#isAbsent("import") ? null : NO_EXPORTS;
    return !this.#stores.export.isListed && failure !== "" ? failure : null;
  }

  start(): void {
    const { transport } = this.#options;
    const run = (kind: ObjectKind): ReflectorRun =>
      new ReflectorRun({ owner: this.#stores[kind], transport, random: Math.random });
    this.#runs = { export: run("export"), import: run("import"), derived: run("derived") };
    this.#ticker = setInterval(() => this.#queue.add([...this.#lacking]), TICK_MS);
  }

  /** After the loop, which ends what is under way. */
  stop(): void {
    clearInterval(this.#ticker);
    for (const run of Object.values(this.#runs ?? {})) run.stop();
    this.#stopping.abort();
  }

  /** Looks at everything: the Lease was taken, or something has become known. */
  wake(): void {
    const { imports } = this.#options.services;
    this.#onKeys([...imports.keys(), ...this.#stores.derived.ids()]);
    this.#queue.add([...this.#stores.export.ids(), ...this.#stores.import.ids()]);
  }

  /** @param keys Of Services that are filled, derived ones among them. */
  #onKeys(keys: readonly string[]): void {
    for (const key of keys) {
      const known = this.#options.services.imports.nameOf(key);
      if (known !== null) this.#names.set(key, `${known.namespace}/${known.name}`);
    }
    this.#queue.add(keys.flatMap((key) => this.#idOf(key) ?? []));
  }

  #idOf(key: string): string | null {
    const known = this.#names.get(key);
    const held = this.#stores.derived.get(key);
    if (known !== undefined || held === null) return known ?? null;
    const { labels, namespace } = metadataOf(held);
    const name = (labels as JsonObject | undefined)?.[MULTICLUSTER_SERVICE];
    return `${textOf(namespace)}/${textOf(name)}`;
  }

  /** Slices wait for it. */
  #onDerived(key: string): void {
    this.#onKeys([key]);
    this.#options.services.touch([key]);
  }

  async #turn(id: string): Promise<Turn> {
    const conditions = await this.#conditionsOf(id);
    const apiVersion = await this.#api.version();
    const step = this.#plan(id, apiVersion, conditions);
    return step === null
      ? { kind: "written", isGone: false }
      : { kind: "write", send: () => this.#send(step) };
  }

  async #send(step: ImportStep): Promise<Sent> {
    const outcome = await this.#api.do(step);
    if (outcome.kind === "failed") return outcome;
    this.#onKnown(step, outcome.object, outcome.isRead);
    return { kind: "known" };
  }

  #onKnown(step: ImportStep, object: JsonObject | null, isRead: boolean): void {
    const id = idOf(step.object);
    this.#stores[step.kind].set(id, object);
    if (step.kind === "derived") this.#options.services.touch([id]);
    if (isRead) return;
    this.#writes++;
    this.#settled.wrote(step, object);
  }

  #plan(
    id: string,
    apiVersion: string,
    conditions: readonly Condition[] | null,
  ): ImportStep | null {
    const { services, wallMs } = this.#options;
    const [namespace = "", name = ""] = id.split("/");
    const key = derivedKey({ namespace, name });
    const { import: imports, export: exports, derived } = this.#stores;
    const held = { export: exports.get(id), import: imports.get(id), derived: derived.get(key) };
    const filling = services.filling(key, []);
    const { merged = null, exported = [] } = services.imports.of(key) ?? {};
    return planImport({
      apiVersion,
      ...held,
      conditions,
      merged,
      exported,
      hasImports: imports.isListed && derived.isListed && !this.#isAbsent("import"),
      hasEndpoints: filling.kind === "filled" && filling.slices.length > 0,
      isIncomplete: (cluster) => services.staysImported(cluster, key),
      isSettled: (step) => this.#settled.has(step, held[step.kind]),
      wallMs: wallMs(),
    });
  }

  /** `null`: of no export of this cluster. */
  async #conditionsOf(id: string): Promise<readonly Condition[] | null> {
    const { services } = this.#options;
    this.#lacking.delete(id);
    if (this.#stores.export.get(id) === null) return null;
    const [namespace = "", name = ""] = id.split("/");
    const why = await this.#whyNot(namespace, name);
    if (why === "NoService") this.#lacking.add(id);
    const imported = services.imports.of(derivedKey({ namespace, name }));
    const conflicts = this.#options.areAllTold() ? (imported?.merged.conflicts ?? []) : null;
    return exportConditions(why, this.#options.isAsked(), conflicts);
  }

  async #whyNot(namespace: string, name: string): Promise<Unexportable> {
    const local = this.#options.services.localService(namespace, name);
    if (local === null) return this.#api.whyNot(namespace, name);
    return local.federated ? "FederatedService" : null;
  }

  #isAbsent(kind: ObjectKind): boolean {
    return this.#runs?.[kind].state.phase.kind === "absent";
  }
}
