/** One remote of this cluster: facts of it, its view, the socket that fills it, what is served. */
import { toHex } from "../../shared/lib/bytes.ts";
import type { DownReason } from "../hub/link.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { EdgeReport, LabelMode, Remote } from "../../shared/visibility/facts.ts";
import type { RelayPorts } from "../hub/relay-ports.ts";
import type { Logger } from "../lib/log.ts";
import type { RemoteBounds } from "./bounds.ts";
import { connectionStatusOf } from "./connection-status.ts";
import { lacksRoutes, overlayReport } from "./overlay-report.ts";
import type { RoutesReport } from "./overlay-report.ts";
import type { HeldRecord, ViewChange } from "./held-records.ts";
import { headerOf, modeOf, neededOf, unnamed } from "./remote-facts.ts";
import type { FactsPosition } from "./remote-facts.ts";
import { RemoteLatency } from "./remote-latency.ts";
import { RemoteView } from "./remote-view.ts";
import type { Served } from "./served.ts";
import { putsOf, Serving } from "./serving.ts";
import type { ServedChange } from "./serving.ts";
import { ViewFile } from "./view-file.ts";
import type { ViewOnDisk } from "./views-folder.ts";
import { DIRECT_MESH } from "./feed.ts";
import type { DirectFeeds, Feed } from "./feed.ts";
import { Watcher } from "./watcher.ts";

/** If the hub stays silent this long after start, a complete view file counts as loaded. */
const HEAR_MS = 5_000;

/** Until the hub is asked again after an excess. */
const ASK_AGAIN_MS = 60_000;

const RESCOPED = "what is not in the scope of the grant is served no longer";
const UNSCOPED = "the grant has no scope any more: it shows all";

export interface ServedRemotePorts {
  readonly ports: RelayPorts;
  /** `ws://…/v1/connect/watch/<uid>` of an origin. */
  watchUrl(originUid: string): string;
  headers(): Promise<Readonly<Record<string, string>>>;
  /** Of remotes that are read directly. */
  readonly directs?: DirectFeeds | undefined;
  readonly log: Logger;
  onState(): void;
  /** The most that is taken of this remote; without it, the defaults of the options. */
  readonly bounds?: RemoteBounds | undefined;
  /** The part of a record that is to be served. */
  served(record: CalicoRecord): Served;
  onServed(changes: readonly ServedChange[]): void;
}

/** Amounts that a connection had to transfer, and records on disk before. */
export interface Transfer {
  readonly rcc: string;
  readonly changes: number;
  readonly bytes: number;
  readonly loaded: number;
}

export class ServedRemote {
  readonly #ports: ServedRemotePorts;
  readonly #path: string;
  readonly view: RemoteView;
  readonly serving: Serving;
  readonly #latency: RemoteLatency;
  #remote: Remote;
  #feed: Feed | null = null;
  #cancelAskAgain: (() => void) | null = null;
  #wasInSync = false;
  readonly #openedMs: number;
  /** The origin's log was heard since the start, or cannot be: nothing newer is to be had. */
  #isHeard = false;

  /** @param remote `undefined`: the facts name none; what there is, is in the file. */
  constructor(
    rcc: string,
    remote: Remote | undefined,
    facts: FactsPosition,
    path: string,
    ports: ServedRemotePorts,
  ) {
    this.#ports = ports;
    this.#path = path;
    this.#openedMs = ports.ports.now();
    this.#latency = new RemoteLatency(ports.ports);
    const bound = remote ?? unnamed(rcc, { uid: "", name: rcc });
    const header = headerOf(bound, facts);
    this.view = new RemoteView(new ViewFile(path), header, undefined, ports.bounds);
    // Nothing is served of what the facts do not show, also where an earlier process did not come
    // to it, or another relay's file shows more. [SCP4]
    if (bound.state === "granted" && this.view.needsNarrowing(bound.scope, false))
      this.view.rescope(header);
    const { originUid, originName } = this.view.header;
    this.#remote = remote ?? unnamed(rcc, { uid: originUid, name: originName });
    this.serving = new Serving(rcc, ports);
    const { damage } = this.view;
    if (damage !== null)
      ports.log.warn({ rcc, damage }, "the view file was damaged; the hub sends what is missing");
  }

  serveLoaded(): void {
    this.serving.onChanges(putsOf(this.view.records()));
  }

  /** It is read by this relay itself, without a hub. */
  get isDirect(): boolean {
    return this.view.header.meshId === DIRECT_MESH;
  }

  /** What fills the view now. */
  get feed(): Feed | null {
    return this.#feed;
  }

  get isGranted(): boolean {
    return this.#remote.state === "granted";
  }

  get labelMode(): LabelMode {
    return modeOf(this.#remote);
  }

  /** Whether Felix may be told that this is all there is, see `Remotes.areLoaded`. */
  get isLoaded(): boolean {
    if (!this.view.isLoaded || lacksRoutes(this.#remote, this.view)) return false;
    const hasWaited = this.#ports.ports.now() - this.#openedMs >= HEAR_MS;
    return this.#isHeard || (this.view.damage === null && hasWaited);
  }

  isComplete(channel: Parameters<RemoteView["health"]>[0]): boolean {
    const isTold = this.#feed !== null && (this.#feed.wasTold?.(channel) ?? true);
    const { wasComplete, isPutBack } = this.view.health(channel);
    return isTold && wasComplete && !isPutBack;
  }

  /** Since when it is not heard; `null`: it is. */
  get lostMs(): number | null {
    return this.#feed === null ? this.#openedMs : this.#feed.lostMs;
  }

  /** The record that is served under its own key. */
  servedAt(key: string): HeldRecord | null {
    const held = this.view.at(key);
    return held === null ? null : this.serving.shown(held);
  }

  /**
   * Brings the view in line with the facts.
   * @param isNewer They are newer than those before.
   * @param connect Whether to open the socket.
   */
  follow(remote: Remote, facts: FactsPosition, isNewer: boolean, connect: boolean): void {
    const isOther = this.#remote.origin.uid !== remote.origin.uid;
    const isRelabelled = modeOf(this.#remote) !== modeOf(remote);
    this.#remote = remote;
    if (remote.state !== "granted") return;
    const isRescoped = this.view.needsNarrowing(remote.scope, isNewer || remote.heldBack === true);
    // Before it is narrowed: what is on its way is of another log, and shows more.
    if (isOther || isRescoped) this.disconnect();
    // First: what is narrowed then is told once more, and with other labels.
    if (isRelabelled) this.serving.serveAgain(this.view.records());
    if (isRescoped) this.#rescope(facts);
    else this.view.rebind(headerOf(remote, facts));
    // The hub would send more than is held back here.
    if (remote.heldBack === true) this.disconnect();
    else if (connect && this.#feed === null)
      this.#connect(isRescoped ? facts.accessVersion : neededOf(remote, facts));
  }

  report(conflicts: number, told: RoutesReport): EdgeReport {
    const health = this.view.health("identity");
    return {
      rcc: this.#remote.rcc,
      origin: this.#remote.origin,
      connectionStatus: connectionStatusOf(this.isGranted, this.#feed, this.view),
      endpoints: this.serving.endpoints,
      refused: this.serving.refused,
      ...(conflicts === 0 ? {} : { conflicts }),
      ...(this.view.excess === null ? {} : { overLimit: this.view.excess }),
      ...overlayReport(this.#remote, this.view, told),
      digest: health.verified === null ? null : toHex(health.verified.digest),
      revision: health.cursor?.revision ?? 0,
      ...this.#latency.report(),
      ...this.#latency.lag(),
    };
  }

  transfer(): Transfer {
    return {
      rcc: this.#remote.rcc,
      ...(this.#feed?.transferred ?? { changes: 0, bytes: 0 }),
      loaded: this.view.loadedRecords,
    };
  }

  /** Its file as it is on disk, and how far it is. */
  onDisk(): ViewOnDisk {
    return {
      rcc: this.#remote.rcc,
      originUid: this.view.header.originUid,
      path: this.#path,
      isLoaded: this.view.isLoaded,
      revision: this.view.cursors().reduce((sum, { revision }) => sum + revision, 0),
    };
  }

  /** Nothing of it is served any more, and its file goes. */
  withdraw(): void {
    this.disconnect();
    const { rcc } = this.#remote;
    const records = this.view.size;
    this.serving.withdraw(this.view.records());
    this.view.withdraw();
    this.#ports.log.info({ rcc, records }, "withdrawn");
  }

  disconnect(): void {
    this.#cancelAskAgain?.();
    this.#cancelAskAgain = null;
    this.#feed?.stop();
    this.#feed = null;
  }

  stop(): void {
    this.disconnect();
    this.view.close();
  }

  #rescope(facts: FactsPosition): void {
    const { rcc, scope } = this.#remote;
    this.view.rescope(headerOf(this.#remote, facts), (changes) => this.serving.onChanges(changes));
    this.#ports.log.info({ rcc, scope }, scope === undefined ? UNSCOPED : RESCOPED);
  }

  /** @param accessVersion Facts that the hub must know. */
  #connect(accessVersion: number): void {
    this.#cancelAskAgain?.();
    this.#cancelAskAgain = null;
    const feed = this.#newFeed(accessVersion);
    this.#feed = feed;
    feed.start();
  }

  #newFeed(accessVersion: number): Feed {
    const { rcc, origin } = this.#remote;
    const { log, directs, ports } = this.#ports;
    const handlers = {
      onChanges: (changes: readonly ViewChange[]) => this.serving.onChanges(changes),
      onState: () => this.#onState(feed),
      onSeen: (seenMs: number) => this.#latency.onApplied(seenMs),
      onExcess: () => this.#onExcess(accessVersion),
      onDown: (reason: DownReason | null, message: string) => {
        this.#isHeard ||= this.view.damage === null;
        log.info({ rcc, reason }, `watch of ${origin.name} is down: ${message}`);
      },
    };
    const feed =
      this.isDirect && directs !== undefined
        ? directs.feedOf(rcc, this.view, handlers)
        : new Watcher(
            this.view,
            this.#ports.watchUrl(origin.uid),
            () => this.#ports.headers(),
            handlers,
            ports,
            accessVersion,
          );
    return feed;
  }

  /**
   * What came is not taken, and what is there stays. Later the hub is asked again from where the
   * view stands: by then it may fit. [VIE25]
   */
  #onExcess(accessVersion: number): void {
    const { rcc } = this.#remote;
    const { excess } = this.view;
    this.#ports.log.warn({ rcc, excess }, "OverReaderLimit: nothing more is taken of this remote");
    this.disconnect();
    this.#wasInSync = false;
    const again = (): void => this.#connect(accessVersion);
    this.#cancelAskAgain = this.#ports.ports.after(ASK_AGAIN_MS, again);
    this.#ports.onState();
  }

  #onState(feed: Feed): void {
    const { rcc } = this.#remote;
    const isInSync = this.view.isInSync && feed.isTold;
    if (isInSync && !this.#wasInSync)
      this.#ports.log.info(
        { rcc, ...feed.transferred, loaded: this.view.loadedRecords },
        "Sending in-sync update",
      );
    this.#wasInSync = isInSync;
    this.#isHeard ||= isInSync;
    this.#ports.onState();
  }
}
