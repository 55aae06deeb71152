/**
 * The relay of one cluster: source → publisher → home socket; access facts → remotes → whoever serves them. This file wires and decides
 * nothing that has a name of its own elsewhere.
 */
import { makeFolder } from "./lib/make-folder.ts";
import { PROTOCOL_VERSIONS } from "../shared/protocol/version.ts";
import type { EncodedChange } from "../shared/record/encoding.ts";
import type { CalicoRecord } from "../shared/record/record.ts";
import { MAX_TOLD_POOLS } from "../shared/visibility/facts.ts";
import type { AccessFacts, ClusterReport } from "../shared/visibility/facts.ts";
import type { RelayConfig } from "./config/relay-config.ts";
import { Credentials } from "./hub/credentials.ts";
import { Home } from "./publish/home.ts";
import { joinUntilDecided } from "./hub/join-until-decided.ts";
import { NODE_PORTS, nodePortsBy } from "./hub/relay-ports.ts";
import { routeTo } from "./hub/route.ts";
import type { Logger } from "./lib/log.ts";
import { Peers } from "./peers/peers.ts";
import { LocalState } from "./publish/local-state.ts";
import { OwnPools } from "./publish/own-pools.ts";
import type { Obeyed } from "./publish/withdrawals/withdrawal-guard.ts";
import { Withdrawals } from "./publish/withdrawals/withdrawals.ts";
import { HealthWatch } from "./source/health-watch.ts";
import { SourceProblems } from "./source/problems.ts";
import type { Source } from "./source/source.ts";
import { KeptAccess } from "./access/kept-access.ts";
import { sourceStatus } from "./status.ts";
import type { RelayStatus } from "./status.ts";
import { VERSION } from "./lib/version.ts";
import { Remotes } from "./view/remotes.ts";
import { OwnAddresses } from "./view/served.ts";

const STANDBY = "another relay of this cluster publishes; this one stands by";
/** How long other relays are still asked when the hub, which has it all, has been heard. */
const ASK_BESIDE_HUB_MS = 10_000;

/** Who this relay is to the hub. */
export type RelayIdentity = Pick<Credentials, "membership" | "headers" | "join" | "correctClock"> &
  Partial<Pick<Credentials, "skewMs">>;

export class Relay {
  readonly config: RelayConfig;
  readonly local = new LocalState();
  readonly remotes: Remotes;
  readonly source: Source;
  /** What serves Felix, when it is configured. */
  splice: { canServe(): Promise<boolean> } | null = null;
  /** The cluster's other relays, when there are any. */
  peers: Peers | null = null;
  readonly #log: Logger;
  readonly #access: KeptAccess;
  readonly #credentials: RelayIdentity;
  readonly #ports: typeof NODE_PORTS;
  readonly withdrawals: Withdrawals;
  /** How well the source follows; `health.summary()` is what the hub may be told. */
  readonly health: HealthWatch;
  readonly #problems: SourceProblems;
  readonly #ownPools = new OwnPools();
  readonly #abort = new AbortController();
  readonly #startedMs: number;
  #home: Home | null = null;
  #isListed = false;
  #message: string | null = null;
  #hubLostMs: number | null = null;
  /** Not while other relays are asked for them. */
  #areViewsOpen = false;
  #cancelAsking: (() => void) | null = null;
  readonly #localListeners = new Set<(changes: readonly EncodedChange[]) => void>();
  #listedWaiters: (() => void)[] = [];

  /** For a relay that is a member, or has a token to become one; `open` checks that. */
  constructor(
    config: RelayConfig,
    source: Source,
    log: Logger,
    credentials: RelayIdentity,
    ports = NODE_PORTS,
  ) {
    this.#ports = ports;
    this.#startedMs = ports.now();
    this.config = config;
    this.source = source;
    this.#log = log;
    this.#problems = new SourceProblems(log);
    this.#credentials = credentials;
    this.#access = new KeptAccess(config.state, ports, log);
    this.health = new HealthWatch(source, ports, log, () => this.#report());
    this.withdrawals = new Withdrawals({
      stateDir: config.state,
      local: this.local,
      holdMs: config.withdrawalHoldSeconds * 1000,
      ports,
      log,
      onObeyed: (obeyed) => this.#obey(obeyed),
    });
    this.remotes = new Remotes(
      {
        stateDir: config.state,
        watchUrl: (uid) => socketUrl(this.#hubUrl(), `/v1/connect/watch/${uid}`),
        headers: () => this.#credentials.headers(),
        log,
        onState: () => this.#report(),
        ports,
      },
      new OwnAddresses({ pods: [], nodes: [] }, []),
    );
  }

  /** Opens the state folder and the identity. @throws Error that says what to do when there is neither a membership nor a join token. */
  static async open(config: RelayConfig, source: Source, log: Logger): Promise<Relay> {
    makeFolder(config.state, "--state");
    const route =
      config.hub === undefined ? null : routeTo(config.hub, { caFile: config.hubCaFile });
    const credentials = await Credentials.open(
      config.identity ?? config.state,
      route === null ? {} : { route },
    );
    if (credentials.membership === null && config.joinToken === undefined)
      throw new Error(
        "this relay has not joined a mesh and has no join token: make one with `catwalk cluster add NAME` (or `catwalk cluster token NAME` for a cluster that exists) and start with --join-token",
      );
    if (route === null) throw new Error("hub: --hub URL is needed (or CATWALK_HUB)");
    const relay = new Relay(config, source, log, credentials, nodePortsBy(route));
    relay.peers = Peers.of(config, credentials, relay.#offer, log);
    return relay;
  }

  /** What other relays of the cluster are given. */
  get #offer() {
    return {
      facts: () => this.#access.facts,
      views: () => this.remotes.files(),
      view: (rcc: string) => this.remotes.file(rcc),
    };
  }

  /** Starts everything; what was on disk is served at once, or once other relays were asked for what was not. */
  start(): void {
    if (this.peers === null) this.#openViews();
    else void this.#askPeers(this.peers);
    this.source.start({
      apply: (changes) => this.#onSource(changes),
      listed: () => this.#onListed(),
      problem: (problem) => this.#problems.add(problem),
      solved: (object) => this.#problems.solved(object),
    });
    this.health.start();
    void this.#joinAndConnect();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#access.stop();
    this.withdrawals.stop();
    this.health.stop();
    this.#cancelAsking?.();
    this.#home?.stop();
    this.remotes.stop();
    await Promise.all([this.source.stop(), this.peers?.stop()]);
  }

  /** Meanwhile the cluster's own is served and published: only the remotes wait, and Felix for in-sync no longer than it does for them anyway. */
  async #askPeers(peers: Peers): Promise<void> {
    await peers.ask(
      () => this.#access.facts,
      (facts) => {
        // The hub knows better, and perhaps of another mesh.
        if (this.#access.facts === null) this.#access.take(facts);
      },
    );
    this.#cancelAsking?.();
    if (!this.#abort.signal.aborted) this.#openViews();
  }

  #openViews(): void {
    this.#areViewsOpen = true;
    if (this.#isListed) this.#refreshOwnAddresses();
    const facts = this.#access.facts;
    if (facts !== null) this.remotes.followFacts(facts, this.#mayConnect(facts));
  }

  /** To the hub that these facts are of, once it knows this relay. */
  #mayConnect(facts: AccessFacts): boolean {
    return this.#home !== null && facts.meshId === this.#credentials.membership?.meshId;
  }

  /** Listens to the cluster's own changes; answers how to stop. */
  subscribeLocal(listener: (changes: readonly EncodedChange[]) => void): () => void {
    this.#localListeners.add(listener);
    return () => this.#localListeners.delete(listener);
  }

  /** Resolves when the source has listed everything once. */
  whenListed(): Promise<void> {
    return this.#isListed
      ? Promise.resolve()
      : new Promise((resolve) => this.#listedWaiters.push(resolve));
  }

  /** A loaded, even stale, view of every granted remote; or the wait for it is over. Losing the hub never makes it false. [VIE6] */
  get isViewLoaded(): boolean {
    const waitedMs = this.#ports.now() - this.#startedMs;
    if (waitedMs > this.config.inSyncWaitSeconds * 1000) return true;
    return this.#areViewsOpen && this.#access.facts !== null && this.remotes.areLoaded;
  }

  /**
   * Whether a Felix that connects now gets a complete local stream and a loaded, even stale, view. A relay without a splice is ready when its source has
   * been listed. [VIE6]
   */
  async isReady(): Promise<boolean> {
    return (
      this.isViewLoaded && (this.splice === null ? this.#isListed : await this.splice.canServe())
    );
  }

  get clusterName(): string | null {
    return this.#credentials.membership?.cluster.name ?? null;
  }

  status(): RelayStatus {
    const { membership } = this.#credentials;
    return {
      version: VERSION,
      protocols: PROTOCOL_VERSIONS,
      cluster: membership?.cluster.name ?? null,
      mesh: membership?.mesh ?? null,
      hub: this.#home === null ? "not-joined" : this.#home.isOpen ? "connected" : "down",
      hubAgeSeconds: this.#hubAgeSeconds(),
      message:
        this.#home?.stopped ?? this.#message ?? (this.#home?.isStandby === true ? STANDBY : null),
      clockSkewSeconds: Math.round((this.#credentials.skewMs ?? 0) / 1000),
      accessVersion: this.#access.facts?.accessVersion ?? 0,
      diskProblem: this.#access.writeError ?? this.remotes.writeError,
      source: {
        ...sourceStatus(this.health.health()),
        listed: this.#isListed,
        records: this.local.size,
        problems: this.#problems.all,
        poolsNotOwn: this.#ownPools.notOwn().map(({ cidr }) => cidr),
      },
      withdrawals: this.withdrawals.report(),
      publisher: this.#home?.publisher.status() ?? null,
      remotes: this.remotes.reports(),
      pools: this.remotes.pools.report(),
      transfers: this.remotes.transfers(),
      peers: this.peers?.report ?? null,
    };
  }

  #hubAgeSeconds(): number | null {
    if (this.#home?.isOpen === true) return 0;
    return this.#hubLostMs === null
      ? null
      : Math.round((this.#ports.now() - this.#hubLostMs) / 1000);
  }

  async #joinAndConnect(): Promise<void> {
    const { joinToken } = this.config;
    const isMember =
      joinToken === undefined ||
      (await joinUntilDecided(this.#credentials, this.#hubUrl(), joinToken, {
        log: this.#log,
        signal: this.#abort.signal,
        onRefused: (message) => (this.#message = message),
      }));
    if (!isMember) return;
    let wasUp = false;
    const home = new Home({
      url: socketUrl(this.#hubUrl(), "/v1/connect/home"),
      local: this.local,
      ports: this.#ports,
      headers: () => this.#credentials.headers(),
      onRefused: (status, date) => this.#onRefused(status, date),
      accessVersion: () => this.#access.facts?.accessVersion ?? 0,
      onAccess: (facts) => this.#onAccess(facts),
      review: (channel, missing) => this.withdrawals.review(channel, missing),
      onUp: () => {
        this.#message = null;
        wasUp = true;
        const { isStandby } = home;
        this.#log.info({ hub: this.config.hub, isStandby }, "connected to the hub");
        if (isStandby) this.#log.info(STANDBY);
      },
      onDown: (reason, message) => {
        this.#message = message;
        if (wasUp) this.#hubLostMs = this.#ports.now();
        wasUp = false;
        if (home.stopped === null)
          this.#log.warn({ reason }, `the hub is not reachable: ${message}; what is served stays`);
        else
          this.#log.error({ reason }, `publishing has stopped: ${message}; what is served stays`);
      },
    });
    this.#home = home;
    this.#report();
    if (this.#isListed) home.publisher.onListed();
    home.start();
    const facts = this.#access.facts;
    if (this.#areViewsOpen && facts !== null && this.#mayConnect(facts))
      this.remotes.followFacts(facts, true);
  }

  /** A token of a wrong clock is refused with 401; the hub's answer tells the right time, and the next attempt uses it. [CRE8] */
  #onRefused(status: number, date: string | undefined): void {
    const skewMs = status === 401 ? this.#credentials.correctClock(date) : null;
    if (skewMs !== null)
      this.#log.warn(
        { skewSeconds: Math.round(skewMs / 1000) },
        "this machine's clock differs from the hub's: corrected for the hub's tokens",
      );
  }

  #onAccess(heard: AccessFacts): void {
    if (!this.#access.take(heard)) return;
    this.#refreshOwnAddresses();
    const facts = this.#access.facts ?? heard;
    this.#warnOfHeldBack(facts);
    if (this.#areViewsOpen) this.remotes.followFacts(facts, true);
    else
      this.#cancelAsking ??= this.#ports.after(ASK_BESIDE_HUB_MS, () => this.peers?.stopAsking());
  }

  #warnOfHeldBack({ remotes, unconfirmedRestore }: AccessFacts): void {
    const heldBack = remotes.filter((remote) => remote.heldBack).map(({ rcc }) => rcc);
    if (heldBack.length === 0) return;
    const restoredAt = new Date(unconfirmedRestore ?? 0).toISOString();
    this.#log.warn(
      { heldBack, restoredAt },
      "the hub was restored to a state that shows more of these remotes than was granted since: they stay as they were until `catwalk mesh confirm-restore`",
    );
  }

  #onSource(changes: readonly EncodedChange[]): void {
    this.#problems.lookAtLabels(changes);
    this.#obey(this.withdrawals.take(changes));
  }

  /** What is held is neither published nor, here, told as gone. [PUB3] */
  #obey({ changes: seen, withdrawn }: Obeyed): void {
    for (const { channel, keyHash } of withdrawn)
      this.#home?.publisher.withdraw(channel, [keyHash]);
    const changes = this.#ownPools.publishable(seen, () => this.local.records());
    // Told first: a deletion is told with the record that is still there.
    for (const listener of this.#localListeners) listener(changes);
    if (this.#home === null) for (const change of changes) this.local.applyChange(change);
    else this.#home.publisher.onSource(changes);
    this.remotes.shared.onLocal(changes);
    const touchesAddresses = seen.some((change) =>
      change.op === "put"
        ? change.record.kind === "IPPool" || change.record.kind === "Node"
        : change.key.includes("/ipam/") || change.key.includes("/nodes/"),
    );
    if (!touchesAddresses || !this.#isListed) return;
    this.#refreshOwnAddresses();
    this.#report();
  }

  #onListed(): void {
    this.#isListed = true;
    this.#refreshOwnAddresses();
    this.#report();
    this.#home?.publisher.onListed();
    for (const resolve of this.#listedWaiters) resolve();
    this.#listedWaiters = [];
  }

  #refreshOwnAddresses(): void {
    const ranges = this.#access.facts?.ranges ?? { pods: [], nodes: [] };
    this.remotes.shared.setRanges(ranges.shared ?? [], () => this.#allRecords());
    this.remotes.pools.setLocal(this.#ownPools.all());
    this.remotes.setOwnAddresses(new OwnAddresses(ranges, this.#localRecords()));
  }

  *#allRecords(): Generator<{ readonly rcc: string | null; readonly record: CalicoRecord }> {
    for (const record of this.#localRecords()) yield { rcc: null, record };
    for (const { rcc, held } of this.remotes.served()) yield { rcc, record: held.record };
  }

  #report(): void {
    this.#home?.report(this.remotes.reports(), this.#clusterReport());
  }

  #clusterReport(): ClusterReport {
    const pools = this.#ownPools.own();
    return {
      pools: pools.slice(0, MAX_TOLD_POOLS),
      poolCount: pools.length,
      withheldPools: this.remotes.pools.withheld.slice(0, MAX_TOLD_POOLS),
      source: this.health.summary(),
    };
  }

  *#localRecords(): Generator<CalicoRecord> {
    for (const { record } of this.local.records()) yield record;
  }

  #hubUrl(): string {
    return this.config.hub as string;
  }
}

function socketUrl(hub: string, path: string): string {
  const url = new URL(path, hub);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.toString();
}
