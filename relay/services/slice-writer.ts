/**
 * Writes the EndpointSlices of federated Services into the cluster, in turns of the loop of all
 * that is written. [SVC20] [SVC23] [SVC25] [SVC26]
 */
import { errorText } from "../../shared/lib/error-text.ts";
import type { Transport } from "../kube/transport.ts";
import type { Logger } from "../lib/log.ts";
import { ReflectorRun } from "../source/kubernetes/reflector-run.ts";
import type { ServiceName } from "./federated-service.ts";
import { OwnSlices } from "./own-slices.ts";
import { planFilling } from "./plan-filling.ts";
import type { SliceWrite } from "./plan-writes.ts";
import type { Services } from "./services.ts";
import { SliceApi } from "./slice-api.ts";
import type { KubeApi } from "./slice-api.ts";
import type { DeskQueue, Sent, Turn, WriteLoop } from "./write-loop.ts";

/** Between looks at Endpoints that are in the way. */
const FOREIGN_MS = 10_000;
/** And at those of Services where none were. */
const NOT_FOREIGN_MS = 300_000;
/** Between looks at Services that change by time alone. */
const TICK_MS = 1_000;

const NOT_READY =
  "Services of this cluster, or which other clusters it may see, are not known yet to this relay";

export type WriteCondition =
  | { readonly kind: "written" }
  | { readonly kind: "failing"; readonly message: string }
  | { readonly kind: "foreign"; readonly message: string };

interface WrittenService {
  /** Endpoints that are in the way, and how that ends; empty: none are. */
  blocked: string;
  /** For the Service of that UID: one that was made anew is looked at anew. */
  foreign: { readonly uid: string; readonly isThere: boolean; readonly lookedMs: number } | null;
  /** Reason and message of the last Event. */
  warned: string;
  /** It could not be written: once more later. */
  isUntold: boolean;
  /** By cluster: from the source's change to the answer of the API server, on two clocks. */
  readonly lagMs: Map<string, number>;
}

export interface SliceWriterOptions {
  readonly services: Services;
  readonly transport: Transport & KubeApi;
  readonly loop: WriteLoop;
  readonly log: Pick<Logger, "warn">;
  /** Local Services and what the cluster may see are known: before, nothing is swept. */
  isReady(): boolean;
  now(): number;
  wallMs(): number;
}

export class SliceWriter {
  readonly #options: SliceWriterOptions;
  readonly #queue: DeskQueue;
  readonly #stopping = new AbortController();
  readonly #api: SliceApi;
  readonly #own: OwnSlices;
  readonly #state = new Map<string, WrittenService>();
  #run: ReflectorRun | null = null;
  #ticker: NodeJS.Timeout | undefined;
  #writes = 0;

  constructor(options: SliceWriterOptions) {
    this.#options = options;
    this.#api = new SliceApi(options.transport, this.#stopping.signal);
    this.#queue = options.loop.join({
      name: "slices",
      isReady: () => this.#own.isListed && options.isReady(),
      plan: (key) => this.#plan(key),
    });
    this.#own = new OwnSlices(
      (key) => this.#queue.add([key]),
      () => this.wake(),
    );
    options.services.subscribe((keys) => this.#queue.add(keys));
  }

  /** Requests that changed something, since the start. */
  get writes(): number {
    return this.#writes;
  }

  get isWriter(): boolean {
    return this.#options.loop.isWriter;
  }

  get holder(): string {
    return this.#options.loop.holder;
  }

  /** Why it is not known who writes; empty: it is. */
  get leaseProblem(): string {
    return this.#options.loop.leaseProblem;
  }

  /** Why nothing at all is written now, whoever holds the Lease; empty: nothing is in the way. */
  get waitsFor(): string {
    const failure = this.#run?.state.failure ?? "";
    if (!this.#own.isListed)
      return `the EndpointSlices that are there already are not known yet${failure === "" ? "" : `: ${failure}`}`;
    return this.#options.isReady() ? "" : NOT_READY;
  }

  /** `null`: it had no turn yet. */
  condition(key: string): WriteCondition | null {
    const failure = this.#queue.failure(key);
    if (failure !== null) return { kind: "failing", message: failure };
    const state = this.#state.get(key);
    if (state === undefined) return null;
    const message = state.blocked;
    return message === "" ? { kind: "written" } : { kind: "foreign", message };
  }

  lagMs(key: string, cluster: string): number | null {
    return this.#state.get(key)?.lagMs.get(cluster) ?? null;
  }

  start(): void {
    const { transport } = this.#options;
    const owner = this.#own.followed;
    this.#run = new ReflectorRun({ owner, transport, random: Math.random });
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  /** After the loop, which ends what is under way. */
  stop(): void {
    clearInterval(this.#ticker);
    this.#run?.stop();
    this.#stopping.abort();
  }

  /** Looks at everything: the Lease was taken, or something has become known. */
  wake(): void {
    this.#queue.add([...this.#options.services.keys(), ...this.#own.keys()]);
  }

  #tick(): void {
    const nowMs = this.#options.now();
    const due = [...this.#state].flatMap(([key, { foreign }]) =>
      foreign?.isThere === true && nowMs - foreign.lookedMs >= FOREIGN_MS ? [key] : [],
    );
    const untold = [...this.#state].flatMap(([key, { isUntold }]) => (isUntold ? [key] : []));
    this.#queue.add([...due, ...untold, ...this.#options.services.timedKeys()]);
  }

  async #plan(key: string): Promise<Turn> {
    const { services } = this.#options;
    const held = this.#own.of(key);
    const filling = services.filling(key, held);
    if (filling.kind === "refused") await this.#warn(key, filling.read.service, filling.read);
    if (filling.kind === "filled" && (await this.#isForeign(key, filling.read.service)))
      return { kind: "blocked" };
    const [write] = planFilling(filling, held, services);
    if (write !== undefined) return { kind: "write", send: () => this.#send(key, write) };
    const isGone = filling.kind === "none";
    if (isGone) this.#state.delete(key);
    else this.#stateOf(key).blocked = "";
    return { kind: "written", isGone };
  }

  async #send(key: string, write: SliceWrite): Promise<Sent> {
    const outcome = await this.#api.write(namespaceOf(key), write);
    if (outcome.kind === "failed") return outcome;
    const name = write.op === "delete" ? write.before.name : write.slice.name;
    this.#own.set(namespaceOf(key), name, outcome.slice);
    if (outcome.kind === "written") {
      this.#writes++;
      if (write.op !== "delete" && write.slice.changedMs > 0)
        this.#stateOf(key).lagMs.set(
          write.slice.cluster,
          Math.max(0, this.#options.wallMs() - write.slice.changedMs),
        );
    }
    return { kind: "known" };
  }

  async #isForeign(key: string, service: ServiceName): Promise<boolean> {
    const state = this.#stateOf(key);
    const nowMs = this.#options.now();
    const { foreign } = state;
    const validMs = foreign?.isThere === true ? 0 : NOT_FOREIGN_MS;
    if (foreign?.uid !== service.uid || nowMs - foreign.lookedMs >= validMs)
      state.foreign = {
        uid: service.uid,
        isThere: await this.#api.hasForeignEndpoints(service),
        lookedMs: nowMs,
      };
    if (state.foreign?.isThere !== true) return false;
    const message = `Endpoints ${key} would be mirrored beside the federated slices: end it with \`kubectl label endpoints -n ${service.namespace} ${service.name} endpointslice.kubernetes.io/skip-mirror=true\`, or delete it`;
    state.blocked = message;
    await this.#warn(key, service, { reason: "ForeignEndpoints", message });
    return true;
  }

  async #warn(
    key: string,
    service: ServiceName,
    { reason, message }: { readonly reason: string; readonly message: string },
  ): Promise<void> {
    const state = this.#stateOf(key);
    const text = `${service.uid} ${reason} ${message}`;
    const isNew = state.warned !== text;
    if (!isNew && !state.isUntold) return;
    state.warned = text;
    if (isNew) this.#options.log.warn({ service: key, reason }, message);
    state.isUntold = false;
    try {
      await this.#api.warn(service, reason, message, this.#options.wallMs());
    } catch (error) {
      state.isUntold = true;
      const what = `no Event could be written: ${errorText(error)}`;
      if (isNew) this.#options.log.warn({ service: key }, what);
    }
  }

  #stateOf(key: string): WrittenService {
    const known = this.#state.get(key) ?? {
      blocked: "",
      foreign: null,
      warned: "",
      isUntold: false,
      lagMs: new Map(),
    };
    this.#state.set(key, known);
    return known;
  }
}

function namespaceOf(key: string): string {
  return key.slice(0, key.indexOf("/"));
}
