/** The shell of `lease.ts`: reads, writes and gives back one Lease of an API server. */
import { errorText } from "../../shared/lib/error-text.ts";
import { parseJson } from "../../shared/lib/parse-json.ts";
import { FieldProblem, isJsonObject, objectAt, textAt } from "./kube-object.ts";
import type { JsonObject } from "./kube-object.ts";
import {
  isHeld,
  LEASE_RETRY_MS,
  LEASE_SECONDS,
  leaseSeen,
  leaseTaken,
  nextLeaseStep,
  releaseStep,
  UNSEEN,
} from "./lease.ts";
import type { LeaseState, LeaseStep, LeaseView } from "./lease.ts";
import type { KubeWriter, Transport } from "./transport.ts";
import { describeFailure } from "./watch-event.ts";

export interface LeaseOptions {
  readonly transport: Pick<Transport, "get"> & KubeWriter;
  readonly namespace: string;
  readonly name: string;
  /** This program, unlike any other that may hold the Lease. */
  readonly identity: string;
  now(): number;
  wallMs(): number;
  /** Another holds it, or this one does. */
  onChange(isHeld: boolean): void;
  onProblem(message: string): void;
}

/** Longest wait for one request. */
const REQUEST_MS = 5_000;

export class LeaseHolder {
  readonly #options: LeaseOptions;
  readonly #path: string;
  #state: LeaseState = UNSEEN;
  #timer: NodeJS.Timeout | undefined;
  #wasHeld = false;
  #isStopped = false;
  #round: Promise<void> = Promise.resolve();
  #problem = "";

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`;
  }

  get isHeld(): boolean {
    return !this.#isStopped && isHeld(this.#state, this.#options.now());
  }

  /** Who holds it, as far as is known; empty: nobody. */
  get holder(): string {
    return this.#state.view?.holder ?? "";
  }

  /** Why nothing is known of it now; empty: it is known. */
  get problem(): string {
    return this.#problem;
  }

  start(): void {
    this.#round = this.#run();
  }

  /** Gives the Lease back, so that another need not wait. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#round;
    const step = releaseStep(this.#state, this.#options.identity, this.#options.wallMs());
    if (step !== null) await this.#write(step).catch(() => undefined);
  }

  async #run(): Promise<void> {
    try {
      await this.#read();
      const options = this.#options;
      const [nowMs, wallMs] = [options.now(), options.wallMs()];
      const step = nextLeaseStep(this.#state, options.identity, nowMs, wallMs);
      if (step.kind !== "wait") await this.#write(step);
      this.#problem = "";
    } catch (error) {
      this.#problem = `the Lease ${this.#options.name}: ${errorText(error)}`;
      this.#options.onProblem(this.#problem);
    }
    this.#tell();
    if (!this.#isStopped)
      this.#timer = setTimeout(() => (this.#round = this.#run()), LEASE_RETRY_MS);
  }

  #tell(): void {
    const { isHeld: held } = this;
    if (held === this.#wasHeld) return;
    this.#wasHeld = held;
    this.#options.onChange(held);
  }

  async #read(): Promise<void> {
    const { transport, name } = this.#options;
    const path = `${this.#path}/${name}`;
    const { status, body } = await transport.get(path, AbortSignal.timeout(REQUEST_MS));
    if (status !== 200 && status !== 404) throw new Error(describeFailure(status, body));
    this.#state = leaseSeen(
      this.#state,
      status === 404 ? null : readLease(body),
      this.#options.now(),
    );
  }

  async #write(step: LeaseStep): Promise<void> {
    if (step.kind === "wait") return;
    const { transport, name, namespace, identity } = this.#options;
    const isNew = step.kind === "create";
    const lease = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name, namespace, ...(isNew ? {} : { resourceVersion: step.resourceVersion }) },
      spec: step.spec,
    };
    const beganMs = this.#options.now();
    const { status, body } = await transport.send(
      isNew ? "POST" : "PUT",
      isNew ? this.#path : `${this.#path}/${name}`,
      lease,
      AbortSignal.timeout(REQUEST_MS),
    );
    // Another was faster: it is read again.
    if (status === 409) return;
    if (status !== 200 && status !== 201) throw new Error(describeFailure(status, body));
    if (step.spec.holderIdentity === identity) this.#state = leaseTaken(readLease(body), beganMs);
  }
}

/** @throws Error for what is no Lease. */
function readLease(body: string): LeaseView {
  const parsed = parseJson(body);
  if (!parsed.ok || !isJsonObject(parsed.value)) throw new Error("the answer is no Lease");
  const metadata = objectAt(parsed.value, "metadata", "metadata");
  const spec = objectAt(parsed.value, "spec", "spec");
  return {
    holder: textAt(spec, "holderIdentity", "spec.holderIdentity"),
    durationSeconds: numberAt(spec, "leaseDurationSeconds", LEASE_SECONDS),
    renewTime: textAt(spec, "renewTime", "spec.renewTime"),
    acquireTime: textAt(spec, "acquireTime", "spec.acquireTime"),
    transitions: numberAt(spec, "leaseTransitions", 0),
    resourceVersion: textAt(metadata, "resourceVersion", "metadata.resourceVersion"),
  };
}

function numberAt(spec: JsonObject, field: string, otherwise: number): number {
  const value = spec[field] ?? otherwise;
  if (typeof value !== "number") throw new FieldProblem(`spec.${field}`, "must be a number");
  return value;
}
