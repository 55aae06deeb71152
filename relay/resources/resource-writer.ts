/**
 * Mirrors the cluster's custom resources to the hub, and how they stand back into their status,
 * while this relay holds the Lease for it. One turn at a time; what each does is decided by
 * `plan.ts` and `status.ts` from what is known then, so that a writer that is killed between two
 * requests leaves nothing that the next does not take up. [CRD6] [CRD8] [CRD9]
 */
import type { OwnState } from "../../shared/api/own.ts";
import type { EdgeReport } from "../../shared/visibility/facts.ts";
import type { DirectReport } from "../direct/direct-report.ts";
import type { LeaseHolder } from "../kube/lease-holder.ts";
import type { Transport } from "../kube/transport.ts";
import type { Logger } from "../lib/log.ts";
import { Followed } from "./followed.ts";
import type { KubeApi } from "./kube-api.ts";
import { syncWithHub } from "./own-api.ts";
import type { AskHub } from "./own-api.ts";
import { notTaken, planWrites, writeId } from "./plan.ts";
import type { Plan, Refused } from "./plan.ts";
import { Problems } from "./problems.ts";
import { StatusWriter } from "./status-writer.ts";

export interface ResourceWriterOptions {
  readonly transport: Transport & KubeApi;
  readonly lease: Pick<LeaseHolder, "isHeld" | "holder" | "start" | "stop">;
  readonly log: Pick<Logger, "warn" | "info">;
  readonly askHub: AskHub;
  /** Of this relay's views. */
  reports(): readonly EdgeReport[];
  /** Of the RCCs that this relay reads itself. */
  directs(): readonly DirectReport[];
  now(): number;
  wallMs(): number;
}

/** What a relay says of its custom resources. */
export interface ResourcesStatus {
  readonly isWriter: boolean;
  /** Who holds the Lease; empty: nobody, as far as is known. */
  readonly holder: string;
  /** What is wrong, and what to do about it. */
  readonly problems: readonly string[];
  /** `rcc/db`: of the cluster, at the hub, and of no CRD that is there. */
  readonly left: readonly string[];
  /** Requests that changed something, at the hub and of status, since the start. */
  readonly hubWrites: number;
  readonly statusWrites: number;
}

/** Changes that come together are one turn. */
const DEBOUNCE_MS = 50;
/** Between looks at the hub and at the CRDs while nothing is known to change. */
const LOOK_MS = 30_000;
/** The same while the hub or the API server does not answer as it should. */
const RETRY_MS = 3_000;
/** A problem with the Lease that was not told for so long is over. */
const LEASE_TOLD_MS = 15_000;
/** Requests of one turn: more objects than a cluster may have. */
const MOST_ROUNDS = 100;

export class ResourceWriter {
  readonly #options: ResourceWriterOptions;
  readonly #stopping = new AbortController();
  readonly #problems: Problems;
  readonly #statuses: StatusWriter;
  #followed: Followed | null = null;
  #hub: OwnState | null = null;
  #refused = new Map<string, Refused>();
  #plan: Plan = { writes: [], verdicts: new Map(), left: [] };
  #hubWrites = 0;
  #leaseProblemMs = 0;
  #lookDueMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> | null = null;
  #isAgain = false;

  constructor(options: ResourceWriterOptions) {
    this.#options = options;
    this.#problems = new Problems(options.log);
    this.#statuses = new StatusWriter(options, this.#problems, this.#stopping.signal);
  }

  start(): void {
    this.#options.lease.start();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    this.#followed?.stop();
    await this.#turn;
    await this.#options.lease.stop();
  }

  /** The Lease was taken or lost. */
  onLease(isHeld: boolean): void {
    if (isHeld) {
      this.#problems.set("lease", null);
      const { transport } = this.#options;
      this.#followed ??= new Followed(transport, this.#problems, this.#stopping.signal, () =>
        this.wake(),
      );
      this.look();
    } else {
      this.#followed?.stop();
      this.#followed = null;
      // Others write now: what the hub holds is read again.
      this.#hub = null;
      this.#refused.clear();
      this.#statuses.forget();
    }
  }

  onLeaseProblem(message: string): void {
    const advice = /\b40[13]\b/.test(message) ? "; deploy/relay/crds/rbac.yaml has the right" : "";
    this.#leaseProblemMs = this.#options.now();
    this.#problems.set("lease", `nobody writes custom resources: ${message}${advice}`);
  }

  /** Something here has changed. */
  wake(): void {
    this.#schedule(DEBOUNCE_MS);
  }

  /** Something at the hub may have changed. */
  look(): void {
    this.#lookDueMs = 0;
    this.#schedule(DEBOUNCE_MS);
  }

  status(): ResourcesStatus {
    const { lease } = this.#options;
    // It is told every few seconds while it lasts.
    if (this.#options.now() - this.#leaseProblemMs > LEASE_TOLD_MS)
      this.#problems.set("lease", null);
    return {
      isWriter: lease.isHeld,
      holder: lease.holder,
      problems: this.#problems.all,
      left: this.#plan.left,
      hubWrites: this.#hubWrites,
      statusWrites: this.#statuses.writes,
    };
  }

  #schedule(ms: number): void {
    if (this.#stopping.signal.aborted || this.#followed === null) return;
    if (this.#turn !== null) {
      this.#isAgain = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#turn = this.#take().finally(() => {
        this.#turn = null;
        const isAgain = this.#isAgain;
        this.#isAgain = false;
        this.#schedule(isAgain ? DEBOUNCE_MS : this.#waitMs());
      });
    }, ms);
  }

  #waitMs(): number {
    const lookMs = this.#lookDueMs - this.#options.now();
    const statusMs = this.#statuses.dueMs - this.#options.now();
    return Math.max(DEBOUNCE_MS, Math.min(lookMs, statusMs));
  }

  async #take(): Promise<void> {
    const followed = this.#followed;
    if (followed === null || !this.#options.lease.isHeld) return;
    if (this.#options.now() >= this.#lookDueMs) {
      await followed.look();
      // What was refused may be possible now.
      this.#refused.clear();
      await this.#sync([]);
    }
    await this.#write(followed);
    await this.#writeStatuses(followed);
  }

  async #write(followed: Followed): Promise<void> {
    // A hub that says yes and does not do it is asked again later.
    for (let round = 0; round < MOST_ROUNDS; round++) {
      if (this.#hub === null) return;
      let plan = this.#planned(followed, this.#hub);
      // A CRD that is deleted takes its objects with it, and they are not to be deleted here: the
      // API server has marked it before the first of them went.
      if (plan.writes.some(({ op }) => op.startsWith("delete"))) {
        await followed.look();
        if (!followed.areFollowed) this.#lookDueMs = this.#options.now() + RETRY_MS;
        plan = this.#planned(followed, this.#hub);
      }
      this.#plan = plan;
      if (plan.writes.length === 0 || !this.#options.lease.isHeld) break;
      if (!(await this.#sync(plan.writes))) break;
    }
    const { left, verdicts } = this.#plan;
    this.#problems.set("not taken", notTaken(verdicts));
    this.#problems.set(
      "left",
      left.length === 0
        ? null
        : `${left.length} objects of this cluster stay at the hub, for they vanished with their CRD (${left.slice(0, 3).join(", ")}): apply them again, or delete them there with --managed-by cluster`,
    );
  }

  #planned(followed: Followed, hub: OwnState): Plan {
    return planWrites({ seen: followed.seen(), hub, refused: this.#refused });
  }

  /** @returns Whether the hub has answered. */
  async #sync(writes: Plan["writes"]): Promise<boolean> {
    const outcome = await syncWithHub(this.#options.askHub, writes);
    const nowMs = this.#options.now();
    if (!outcome.ok) {
      this.#lookDueMs = nowMs + RETRY_MS;
      this.#problems.set("hub", outcome.message);
      return false;
    }
    this.#problems.set("hub", null);
    const { results, ...state } = outcome.answer;
    this.#hub = state;
    for (const [i, write] of outcome.sent.entries()) {
      const result = results[i];
      if (result?.ok === false) {
        const { status, code, detail } = result;
        const refused = { write: JSON.stringify(write), status, code, detail };
        this.#refused.set(writeId(write), refused);
      } else {
        this.#hubWrites++;
        this.#refused.delete(writeId(write));
      }
    }
    const areWell = this.#followed?.areFollowed === true;
    this.#lookDueMs = nowMs + (areWell ? LOOK_MS : RETRY_MS);
    return true;
  }

  async #writeStatuses(followed: Followed): Promise<void> {
    const reports = new Map(this.#options.reports().map((report) => [report.rcc, report]));
    const directs = new Map(this.#options.directs().map((report) => [report.rcc, report]));
    const hubProblem = this.#problems.of("hub");
    await this.#statuses.write(followed, (resource, id) => ({
      verdict: this.#plan.verdicts.get(id) ?? null,
      hub: this.#hub,
      hubProblem,
      report: resource.kind === "rcc" ? (reports.get(resource.name) ?? null) : null,
      direct: resource.kind === "rcc" ? (directs.get(resource.name) ?? null) : null,
    }));
  }
}
