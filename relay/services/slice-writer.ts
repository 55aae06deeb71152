/**
 * Writes the EndpointSlices of federated Services into the cluster, while this relay holds the
 * Lease for it. One write at a time; each is planned from what is there and what is to be at that
 * moment, so that a writer that is killed between two leaves nothing behind that the next does not
 * take up. [SVC20] [SVC23] [SVC25] [SVC30]
 */
import { backoffMs } from "../../shared/lib/backoff.ts";
import { errorText } from "../../shared/lib/error-text.ts";
import type { LeaseHolder } from "../kube/lease-holder.ts";
import type { Transport } from "../kube/transport.ts";
import type { Logger } from "../lib/log.ts";
import { ReflectorRun } from "../source/kubernetes/reflector-run.ts";
import type { ServiceName } from "./federated-service.ts";
import { OwnSlices } from "./own-slices.ts";
import { planWrites } from "./plan-writes.ts";
import type { SliceWrite } from "./plan-writes.ts";
import type { Filling, Services } from "./services.ts";
import { SliceApi } from "./slice-api.ts";
import type { KubeApi, WriteOutcome } from "./slice-api.ts";
import { WriteQueue } from "./write-queue.ts";

const BACKOFF = { baseMs: 500, capMs: 30_000 };
/** Between looks at Endpoints that are in the way. */
const FOREIGN_MS = 10_000;
/** And at those of Services where none were. */
const NOT_FOREIGN_MS = 300_000;
/** Between looks at Services that change by time alone. */
const TICK_MS = 1_000;

export type WriteCondition =
  | { readonly kind: "written" }
  | { readonly kind: "failing"; readonly message: string }
  | { readonly kind: "foreign"; readonly message: string };

interface WrittenService {
  condition: WriteCondition;
  failures: number;
  /** For the Service of that UID: one that was made anew is looked at anew. */
  foreign: { readonly uid: string; readonly isThere: boolean; readonly lookedMs: number } | null;
  /** Reason and message of the last Event. */
  warned: string;
  /** By cluster: from the source's change to the answer of the API server, on two clocks. */
  readonly lagMs: Map<string, number>;
}

export interface SliceWriterOptions {
  readonly services: Services;
  readonly transport: Transport & KubeApi;
  readonly lease: Pick<LeaseHolder, "isHeld" | "holder" | "start" | "stop">;
  readonly log: Pick<Logger, "warn">;
  /** Local Services and what the cluster may see are known: before, nothing is swept. */
  isReady(): boolean;
  now(): number;
  wallMs(): number;
}

export class SliceWriter {
  readonly #options: SliceWriterOptions;
  readonly #queue = new WriteQueue();
  readonly #stopping = new AbortController();
  readonly #api: SliceApi;
  readonly #own: OwnSlices;
  readonly #state = new Map<string, WrittenService>();
  #run: ReflectorRun | null = null;
  #timer: NodeJS.Timeout | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #turn: Promise<void> | null = null;
  #writes = 0;

  constructor(options: SliceWriterOptions) {
    this.#options = options;
    this.#api = new SliceApi(options.transport, this.#stopping.signal);
    this.#own = new OwnSlices(
      (key) => this.#add([key]),
      () => this.wake(),
    );
    options.services.subscribe((keys) => this.#add(keys));
  }

  /** Requests that changed something, since the start. */
  get writes(): number {
    return this.#writes;
  }

  /** Services that wait for a write. */
  get waiting(): number {
    return this.#queue.size;
  }

  get isWriter(): boolean {
    return this.#options.lease.isHeld;
  }

  get holder(): string {
    return this.#options.lease.holder;
  }

  condition(key: string): WriteCondition | null {
    return this.#state.get(key)?.condition ?? null;
  }

  lagMs(key: string, cluster: string): number | null {
    return this.#state.get(key)?.lagMs.get(cluster) ?? null;
  }

  start(): void {
    const { transport, lease } = this.#options;
    this.#run = new ReflectorRun({ owner: this.#own, transport, random: Math.random });
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    lease.start();
  }

  /** Ends after the write that is under way, and gives the Lease back. */
  async stop(): Promise<void> {
    clearInterval(this.#ticker);
    clearTimeout(this.#timer);
    this.#run?.stop();
    this.#queue.clear();
    await this.#turn;
    this.#stopping.abort();
    await this.#options.lease.stop();
  }

  /** Looks at everything: the Lease was taken, or something has become known. */
  wake(): void {
    this.#add([...this.#options.services.keys(), ...this.#own.keys()]);
  }

  #tick(): void {
    const nowMs = this.#options.now();
    const due = [...this.#state].flatMap(([key, { foreign }]) =>
      foreign?.isThere === true && nowMs - foreign.lookedMs >= FOREIGN_MS ? [key] : [],
    );
    this.#add([...due, ...this.#options.services.timedKeys()]);
  }

  #add(keys: readonly string[]): void {
    for (const key of keys) this.#queue.add(key, this.#options.now());
    this.#continue();
  }

  #continue(): void {
    const { lease } = this.#options;
    if (this.#turn !== null || this.#stopping.signal.aborted) return;
    if (!lease.isHeld || !this.#own.isListed || !this.#options.isReady()) return;
    clearTimeout(this.#timer);
    const next = this.#queue.next(this.#options.now());
    if (next.kind === "wait") this.#timer = setTimeout(() => this.#continue(), next.ms);
    if (next.kind !== "turn") return;
    this.#turn = this.#take(next.key)
      .catch((error: unknown) => this.#failed(next.key, errorText(error), 0))
      .finally(() => {
        this.#turn = null;
        this.#continue();
      });
  }

  async #take(key: string): Promise<void> {
    const { services } = this.#options;
    const nowMs = this.#options.now();
    const held = this.#own.of(key);
    const filling = services.filling(key, held);
    if (filling.kind === "refused") await this.#warn(key, filling.read.service, filling.read);
    if (filling.kind === "filled" && (await this.#isForeign(key, filling.read.service))) return;
    // Asked again: time has passed, and another may write now.
    if (!this.#options.lease.isHeld) return this.#queue.retry(key, nowMs);
    const [write] = plan(filling, held, services);
    if (write === undefined) {
      this.#stateOf(key).condition = { kind: "written" };
      this.#stateOf(key).failures = 0;
      if (filling.kind === "none") this.#forget(key);
      else this.#queue.done(key, this.#options.now());
      return;
    }
    this.#queue.spend();
    const outcome = await this.#api.write(namespaceOf(key), write);
    this.#onOutcome(key, write, outcome);
  }

  #onOutcome(key: string, write: SliceWrite, outcome: WriteOutcome): void {
    if (outcome.kind === "failed") {
      this.#failed(key, outcome.message, outcome.retryAfterSeconds);
      return;
    }
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
    this.#queue.again(key, this.#options.now());
  }

  #failed(key: string, message: string, retryAfterSeconds: number): void {
    const state = this.#stateOf(key);
    if (state.condition.kind !== "failing" || state.condition.message !== message)
      this.#options.log.warn({ service: key, message }, "its slices cannot be written now");
    state.condition = { kind: "failing", message };
    const waitMs = Math.max(
      retryAfterSeconds * 1_000,
      backoffMs(state.failures++, BACKOFF, Math.random),
    );
    this.#queue.retry(key, this.#options.now() + waitMs);
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
    state.condition = { kind: "foreign", message };
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
    if (state.warned === text) return;
    state.warned = text;
    this.#options.log.warn({ service: key, reason }, message);
    await this.#api
      .warn(service, reason, message, this.#options.wallMs())
      .catch((error: unknown) =>
        this.#options.log.warn({ service: key }, `no Event could be written: ${errorText(error)}`),
      );
  }

  #stateOf(key: string): WrittenService {
    const known = this.#state.get(key) ?? {
      condition: { kind: "written" },
      failures: 0,
      foreign: null,
      warned: "",
      lagMs: new Map(),
    };
    this.#state.set(key, known);
    return known;
  }

  #forget(key: string): void {
    this.#state.delete(key);
    this.#queue.forget(key);
  }
}

/** Of a Service that is filled from elsewhere no more, ours go. */
function plan(
  filling: Filling,
  held: Parameters<typeof planWrites>[0],
  services: Services,
): readonly SliceWrite[] {
  if (filling.kind === "waiting") return [];
  return filling.kind === "filled"
    ? planWrites(held, filling.slices, (cluster) => services.isIncomplete(cluster))
    : planWrites(held, [], () => false);
}

function namespaceOf(key: string): string {
  return key.slice(0, key.indexOf("/"));
}
