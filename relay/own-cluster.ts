/**
 * This cluster's own side, from its source to whoever publishes and serves it: what a source infers
 * to be gone may be held, pools that are not the cluster's own stay out, and the rest is the local
 * state. Wires; what decides has a name of its own in `relay/source` and `relay/publish`.
 */
import { kindOfKey } from "../shared/record/key-name.ts";
import type { Channel } from "../shared/record/channel.ts";
import type { EncodedChange } from "../shared/record/encoding.ts";
import type { CalicoRecord } from "../shared/record/record.ts";
import { MAX_TOLD_POOLS } from "../shared/visibility/facts.ts";
import type { ClusterReport } from "../shared/visibility/facts.ts";
import { MAX_HOLDS } from "../shared/visibility/withdrawal-order.ts";
import type { RelayPorts } from "./hub/relay-ports.ts";
import type { Logger } from "./lib/log.ts";
import type { JsonObject } from "./kube/kube-object.ts";
import type { PublishedState } from "./publish/differences.ts";
import type { ExportFile } from "./publish/export-file.ts";
import { exportReportOf } from "./publish/export-policy.ts";
import type { ExportPolicy } from "./publish/export-policy.ts";
import { Exported } from "./publish/exported.ts";
import { LocalState } from "./publish/local-state.ts";
import { SummaryKeeper } from "./publish/overlay-summary.ts";
import { OwnPools } from "./publish/own-pools.ts";
import type { Publisher } from "./publish/publisher.ts";
import type { Obeyed } from "./publish/withdrawals/obeyed.ts";
import { Withdrawals } from "./publish/withdrawals/withdrawals.ts";
import { HealthWatch } from "./source/health-watch.ts";
import { SourceProblems } from "./source/problems.ts";
import type { Source } from "./source/source.ts";
import { sourceStatus } from "./source/source-status.ts";
import type { SourceStatus } from "./source/source-status.ts";
import { roundedError } from "./view/remote-latency.ts";
import type { Remotes } from "./view/remotes.ts";

type LocalListener = (changes: readonly EncodedChange[]) => void;

/** What a relay says of its export policy. [EXP4] */
export interface ExportStatus {
  readonly summary: string;
  /** Why the file does not count as it is now; `null`: it does. */
  readonly problem: string | null;
  /** Records that leave the cluster. */
  readonly records: number;
}

export interface OwnClusterOptions {
  readonly source: Source;
  readonly stateDir: string;
  readonly withdrawalHoldMs: number;
  readonly ports: RelayPorts;
  readonly log: Logger;
  /** The owner's veto; absent or `null`: there is none. */
  readonly exports?: ExportFile | null;
  /** `null`: the relay has not joined; the local state is what its publisher will begin with. */
  publisher(): Publisher | null;
  /** Where there is no publisher: a key of an earlier process goes after all. */
  onWithdrawn?(channel: Channel, keyHash: Uint8Array): void;
  onHealth(): void;
  onListed(): void;
  /** Services and the endpoints behind them are known. */
  onServices(): void;
  /** See `SourceSink`. */
  onFillable(id: string, object: JsonObject | null): void;
  /**
   * After changes are in the local state.
   * @param isOfAddresses A pool, a node or a setting is among them, held or not.
   */
  onChanges(changes: readonly EncodedChange[], isOfAddresses: boolean): void;
}

export class OwnCluster {
  readonly local = new LocalState();
  /** What of `local` leaves the cluster. */
  readonly published: PublishedState;
  readonly pools = new OwnPools();
  /** What the cluster says of itself for routes to it. */
  readonly summary = new SummaryKeeper(this);
  readonly withdrawals: Withdrawals;
  /** How well the source follows; `health.summary()` is what the hub may be told. */
  readonly health: HealthWatch;
  readonly #options: OwnClusterOptions;
  readonly #exported: Exported | null;
  readonly #problems: SourceProblems;
  readonly #listeners = new Set<LocalListener>();
  #isListed = false;
  #areServicesListed = false;
  #listedWaiters: (() => void)[] = [];

  constructor(options: OwnClusterOptions) {
    const { source, ports, log } = options;
    this.#options = options;
    const { exports = null } = options;
    this.#exported = exports && new Exported(this.local, exports.policy);
    this.published = this.#exported ?? this.local;
    this.#problems = new SourceProblems(log);
    this.health = new HealthWatch(source, ports, log, () => options.onHealth());
    this.withdrawals = new Withdrawals({
      stateDir: options.stateDir,
      local: this.local,
      holdMs: options.withdrawalHoldMs,
      isListed: () => this.#isListed,
      ports,
      log,
      onObeyed: (obeyed) => this.#obey(obeyed),
      // Without a hub there is nobody to tell.
      onHeld: () => {
        if (ports.hubTime !== undefined) options.onHealth();
      },
    });
  }

  /** Every kind of the source was listed once. */
  get isListed(): boolean {
    return this.#isListed;
  }

  /** Services and EndpointSlices were listed once. */
  get areServicesListed(): boolean {
    return this.#areServicesListed;
  }

  start(): void {
    this.#options.source.start({
      apply: (changes) => {
        this.#problems.checkLabels(changes);
        this.#obey(this.withdrawals.judgeChanges(changes));
      },
      listed: () => this.#onListed(),
      problem: (problem) => this.#problems.report(problem),
      solved: (object) => this.#problems.solved(object),
      servicesListed: () => {
        this.#areServicesListed = true;
        this.#options.onServices();
      },
      fillable: (id, object) => this.#options.onFillable(id, object),
    });
    this.health.start();
    this.#options.exports?.follow((policy) => this.#onPolicy(policy));
  }

  stop(): Promise<void> {
    this.withdrawals.stop();
    this.health.stop();
    this.#options.exports?.stop();
    return this.#options.source.stop();
  }

  /** Listens to changes, a deletion before its record goes; answers how to stop. */
  subscribe(listener: LocalListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when the source has listed everything once. */
  whenListed(): Promise<void> {
    return this.#isListed
      ? Promise.resolve()
      : new Promise((resolve) => this.#listedWaiters.push(resolve));
  }

  /**
   * See `PublisherPorts`. What is there and is kept back was not lost: it is never held. [EXP3]
   */
  review(channel: Channel, missing: readonly Uint8Array[]): ReadonlySet<string> {
    const lost = missing.filter((keyHash) => this.local.get(keyHash) === undefined);
    return this.withdrawals.review(channel, lost);
  }

  /** `null`: everything may leave. */
  exportStatus(): ExportStatus | null {
    const { exports = null } = this.#options;
    if (exports === null || this.#exported === null) return null;
    const { summary } = exportReportOf(exports.policy);
    return { summary, problem: exports.problem, records: this.#exported.size };
  }

  *records(): Generator<CalicoRecord> {
    for (const { record } of this.local.records()) yield record;
  }

  status(): SourceStatus {
    return {
      ...sourceStatus(this.health.health()),
      listed: this.#isListed,
      records: this.local.size,
      problems: this.#problems.all,
      poolsNotOwn: this.pools.notOwn().map(({ cidr }) => cidr),
    };
  }

  /** What the hub is told of the cluster. @param withheld Pools that Felix is not given. */
  report(
    withheld: ClusterReport["withheldPools"],
    serviceRanges: readonly string[] = [],
  ): ClusterReport {
    const { exports = null } = this.#options;
    const pools = this.pools.own();
    const withdrawals = this.withdrawals.held();
    const held = withdrawals.reduce((sum, { keys }) => sum + keys, 0);
    const time = this.#options.ports.hubTime?.now() ?? null;
    return {
      ...(held === 0 ? {} : { held, withdrawals: withdrawals.slice(0, MAX_HOLDS) }),
      ...(time === null ? {} : { clockErrorMs: roundedError(time.errorMs) }),
      pools: pools.slice(0, MAX_TOLD_POOLS),
      poolCount: pools.length,
      withheldPools: withheld.slice(0, MAX_TOLD_POOLS),
      source: this.health.summary(),
      ...(exports === null ? {} : { exports: exportReportOf(exports.policy) }),
      ...(this.isListed
        ? { overlay: this.summary.with(serviceRanges) }
        : { unlisted: true as const }),
    };
  }

  /** Held deletions are neither published nor, here, told as gone. [PUB3] */
  #obey({ changes: seen, withdrawn }: Obeyed): void {
    const publisher = this.#options.publisher();
    for (const { channel, keyHash } of withdrawn) {
      publisher?.withdraw(channel, [keyHash]);
      this.#options.onWithdrawn?.(channel, keyHash);
    }
    const changes = this.pools.publishable(seen, () => this.local.records());
    // Told first: a deletion is told with the record that is still there.
    for (const listener of this.#listeners) listener(changes);
    if (publisher === null) for (const change of changes) this.published.applyChange(change);
    else publisher.onSource(changes);
    this.summary.onChanges(changes);
    this.#options.onChanges(changes, seen.some(isOfAddresses));
  }

  /** What is kept back from now on is withdrawn, and what no more is sent. [EXP3] */
  #onPolicy(policy: ExportPolicy): void {
    const publisher = this.#options.publisher();
    const changes = this.#exported?.setPolicy(policy) ?? [];
    if (publisher === null) for (const change of changes) this.published.applyChange(change);
    else publisher.onSource(changes);
    this.#options.onHealth();
  }

  #onListed(): void {
    this.#isListed = true;
    this.#options.onListed();
    for (const resolve of this.#listedWaiters) resolve();
    this.#listedWaiters = [];
  }
}

function isOfAddresses(change: EncodedChange): boolean {
  const kind = change.op === "put" ? change.record.kind : kindOfKey(change.key);
  return kind === "IPPool" || kind === "Node" || kind === "ClusterConfig";
}

/** The cluster's own, and what is served of others. */
export function* everyRecord(
  own: OwnCluster,
  remotes: Pick<Remotes, "served">,
): Generator<{ readonly rcc: string | null; readonly record: CalicoRecord }> {
  for (const record of own.records()) yield { rcc: null, record };
  for (const { rcc, held } of remotes.served()) yield { rcc, record: held.record };
}
