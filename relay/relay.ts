/** The relay of one cluster, wired: source → publisher → hub; access facts → remotes → readers. */
import type { AccessFacts } from "../shared/visibility/facts.ts";
import { ClusterServices } from "./cluster-services.ts";
import { KeptAccess, warnOfHeldBack } from "./access/kept-access.ts";
import type { RelayConfig } from "./config/relay-config.ts";
import { directSide } from "./direct-side.ts";
import type { DirectRemotes } from "./direct/direct-remotes.ts";
import { HubSession } from "./hub-session.ts";
import type { RelayIdentity } from "./hub-session.ts";
import type { HeadQuestion } from "./hub/head-questions.ts";
import { NODE_PORTS } from "./hub/relay-ports.ts";
import type { RelayPorts } from "./hub/relay-ports.ts";
import type { Logger } from "./lib/log.ts";
import { makeFolder } from "./lib/make-folder.ts";
import { openFeed } from "./open-feed.ts";
import { openIdentity } from "./open-identity.ts";
import { remotesOf } from "./open-remotes.ts";
import { everyRecord, OwnCluster } from "./own-cluster.ts";
import type { Feed } from "./feed/feed.ts";
import type { FeedNet } from "./feed/frames.ts";
import { PeerFeedNet } from "./peers/feed-net.ts";
import { PathSide } from "./path-side.ts";
import { offerOf } from "./peers/offer.ts";
import { Peers } from "./peers/peers.ts";
import { ExportFile } from "./publish/export-file.ts";
import type { Publisher } from "./publish/publisher.ts";
import type { ResourceWriter } from "./resources/resource-writer.ts";
import type { Source } from "./source/source.ts";
import type { RelaySplice } from "./relay-splice.ts";
import { statusOf } from "./relay-status.ts";
import type { RelayStatus } from "./status.ts";
import type { Remotes } from "./view/remotes.ts";
import { OwnAddresses } from "./view/served.ts";

/** How long other relays are still asked when the hub has been heard. */
const ASK_BESIDE_HUB_MS = 10_000;

export class Relay {
  readonly config: RelayConfig;
  readonly credentials: RelayIdentity;
  readonly own: OwnCluster;
  readonly remotes: Remotes;
  readonly source: Source;
  readonly services: ClusterServices;
  /** The splice that serves Felix, when it is configured. */
  splice: RelaySplice | null = null;
  /** The cluster's other relays, when there are any. */
  peers: Peers | null = null;
  /** What this relay does about the cluster's custom resources; `null`: nothing. */
  resources: ResourceWriter | null = null;
  /** RCCs that this relay reads itself; `null` without a folder of them. */
  readonly directs: DirectRemotes | null;
  readonly #path: PathSide;
  readonly #log: Logger;
  readonly #access: KeptAccess;
  readonly #ports: RelayPorts;
  readonly #session: HubSession;
  /** `null`: it always has its own sockets at the hub. */
  readonly feed: Feed | null;
  readonly #startedMs: number;
  #areViewsOpen = false;
  /** Facts of which all remotes are there: in the middle of following newer ones some are not. */
  #followed: AccessFacts | null = null;
  #cancelAsking: (() => void) | null = null;

  /** For a relay that is a member, or has a token to become one; `open` checks that. */
  constructor(
    config: RelayConfig,
    source: Source,
    log: Logger,
    credentials: RelayIdentity,
    ports = NODE_PORTS,
    net: FeedNet | null = null,
  ) {
    this.#ports = ports;
    this.#startedMs = ports.now();
    this.config = config;
    this.source = source;
    this.#log = log;
    this.credentials = credentials;
    this.#access = new KeptAccess(config.state, ports, log);
    this.feed = net && openFeed(net, this, this.#access, ports, log, () => this.#report());
    const hubPorts = this.feed?.ports ?? ports;
    const { exportPolicy: policy } = config;
    this.own = new OwnCluster({
      source,
      stateDir: config.state,
      withdrawalHoldMs: config.withdrawalHoldSeconds * 1000,
      ports,
      log,
      exports: policy === undefined ? null : new ExportFile(policy, ports, log),
      publisher: () => this.#session.publisher,
      onHealth: () => this.#report(),
      onListed: () => this.#onListed(),
      onServices: () => this.services.update(),
      onFillable: (id, object) => this.services.onFillable(id, object),
      onChanges: (changes, isOfAddresses) => {
        this.remotes.shared.onLocal(changes);
        if (isOfAddresses && this.own.isListed) this.#onAddresses();
      },
    });
    this.#session = new HubSession({
      hub: config.hub ?? "",
      joinToken: config.joinToken,
      credentials,
      local: this.own.published,
      ports: hubPorts,
      log,
      accessVersion: () => this.#access.facts?.accessVersion ?? 0,
      onAccess: (facts) => this.#onAccess(facts),
      onHeads: () => this.splice?.look(),
      review: (channel, missing) => this.own.review(channel, missing),
      onMember: (publisher) => this.#onMember(publisher),
    });
    const live = { access: this.#access, publisher: () => this.#session.publisher };
    this.directs = directSide({ config, ports, log, relay: this, facts: () => live.access.facts });
    this.remotes = remotesOf(config, {
      directs: this.directs ?? undefined,
      headers: () => credentials.headers(),
      log,
      onState: () => this.#report(),
      ports: hubPorts,
    });
    this.#path = new PathSide({ config, ports, log, relay: this, onReport: () => this.#report() });
    this.services = new ClusterServices(this, ports, live);
  }

  /**
   * Opens the state folder and the identity.
   * @throws Error that says what to do when there is neither a membership nor a join token.
   */
  static async open(config: RelayConfig, source: Source, log: Logger): Promise<Relay> {
    makeFolder(config.state, "--state");
    const { identity, credentials, ports } = await openIdentity(config);
    const net = credentials && PeerFeedNet.of(config, credentials, log);
    const relay = new Relay(config, source, log, identity, ports, net);
    if (credentials === null) return relay;
    const offer = offerOf(relay.remotes, relay.feed, () => relay.#access.facts);
    relay.peers = Peers.of(config, credentials, offer, net, log);
    return relay;
  }

  /**
   * Starts everything; what was on disk is served at once, or once other relays were asked for what
   * was not.
   */
  start(): void {
    if (this.peers === null) this.#openViews();
    else void this.#askPeers(this.peers);
    this.own.start();
    this.services.start();
    this.resources?.start();
    this.directs?.start();
    if (this.config.hub !== undefined)
      void this.#session.start().then(() => this.#connectRemotes());
  }

  async stop(): Promise<void> {
    this.#session.stop();
    this.feed?.stop();
    this.#access.stop();
    this.#cancelAsking?.();
    this.remotes.stop();
    this.#path.stop();
    await Promise.all([
      this.services.stop(),
      this.resources?.stop(),
      this.own.stop(),
      this.peers?.stop(),
      this.directs?.stop(),
    ]);
  }

  /**
   * A loaded, even stale, view of every granted remote; or the wait for it is over. Losing the hub
   * never makes it false. [VIE6]
   */
  get isViewLoaded(): boolean {
    const waitedMs = this.#ports.now() - this.#startedMs;
    if (waitedMs > this.config.inSyncWaitSeconds * 1000) return true;
    const { facts } = this.#access;
    const hasFacts = facts === null ? this.config.hub === undefined : this.#followed === facts;
    const areNamed = hasFacts && this.directs?.isFollowed !== false;
    return this.#areViewsOpen && areNamed && this.remotes.areLoaded;
  }

  /**
   * Whether a Felix that connects now gets all that is local and a loaded, even stale, view. [VIE6]
   */
  async isReady(): Promise<boolean> {
    return this.isViewLoaded && (await (this.splice?.canServe() ?? this.own.isListed));
  }

  get clusterName(): string | null {
    return this.credentials.membership?.cluster.name ?? null;
  }

  status(): RelayStatus {
    return statusOf(this, this.#session, this.#access);
  }

  /** Answered behind all access facts that the hub has now; `null`: it cannot be asked. */
  askHeads(): HeadQuestion | null {
    return this.#session.askHeads();
  }

  /**
   * Meanwhile the cluster's own is served and published: only the remotes wait, and Felix for
   * in-sync no longer than it does for them anyway.
   */
  async #askPeers(peers: Peers): Promise<void> {
    await peers.ask(
      () => this.#access.facts,
      (facts) => {
        // The hub knows better, and perhaps of another mesh.
        if (this.#access.facts === null) this.#access.keep(facts);
      },
    );
    this.#cancelAsking?.();
    if (!this.#session.isStopped) this.#openViews();
  }

  #openViews(): void {
    this.#areViewsOpen = true;
    if (this.own.isListed) this.#refreshOwnAddresses();
    const facts = this.#access.facts;
    if (facts !== null) this.#follow(facts, this.#mayConnect(facts));
  }

  #follow(facts: AccessFacts, connect: boolean): void {
    this.remotes.followFacts(facts, connect);
    this.#followed = facts;
    this.splice?.look();
  }

  /** To the hub that these facts are of, once it knows this relay. */
  #mayConnect(facts: AccessFacts): boolean {
    return this.#session.publisher !== null && facts.meshId === this.credentials.membership?.meshId;
  }

  #onMember(publisher: Publisher): void {
    this.#report();
    if (this.own.isListed) publisher.onListed();
    this.services.update();
  }

  #connectRemotes(): void {
    const facts = this.#access.facts;
    const isOpen = this.#areViewsOpen && !this.#session.isStopped;
    if (isOpen && facts !== null && this.#mayConnect(facts)) this.#follow(facts, true);
  }

  #onAccess(heard: AccessFacts): void {
    if (!this.#access.hear(heard)) return;
    this.#refreshOwnAddresses();
    this.services.update();
    this.resources?.look();
    const facts = this.#access.facts ?? heard;
    warnOfHeldBack(facts, this.#log);
    this.own.withdrawals.obey(facts.withdrawal);
    this.directs?.onMesh();
    this.#path.follow(facts);
    if (this.#areViewsOpen) this.#follow(facts, true);
    else
      this.#cancelAsking ??= this.#ports.after(ASK_BESIDE_HUB_MS, () => this.peers?.stopAsking());
  }

  #onListed(): void {
    this.#onAddresses();
    this.#session.publisher?.onListed();
  }

  #onAddresses(): void {
    this.#refreshOwnAddresses();
    // fault: own-addresses-reported
    this.#report();
  }

  #refreshOwnAddresses(): void {
    const ranges = this.#access.facts?.ranges ?? { pods: [], nodes: [] };
    this.remotes.shared.setRanges(ranges.shared ?? [], () => everyRecord(this.own, this.remotes));
    this.remotes.pools.setLocal(this.own.pools.all());
    const { serviceRanges } = this.config;
    this.remotes.setOwnAddresses(new OwnAddresses(ranges, this.own.records(), serviceRanges));
    this.directs?.onLocal();
  }

  #report(): void {
    this.splice?.look();
    this.resources?.wake();
    this.services.look();
    this.#session.report(() => ({
      edges: this.#path.reports(this.feed),
      cluster: this.own.report(this.remotes.pools.withheld, this.config.serviceRanges),
    }));
  }
}
