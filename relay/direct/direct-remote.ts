/**
 * One remote that this relay reads itself: its datastore as any cluster's source, admitted as the
 * hub would, into the log that its view follows. Wires; what decides has a name of its own.
 * [DIR5] [DIR7]
 */
import { CHANNELS, channelOf } from "../../shared/record/channel.ts";
import { hashKey } from "../../shared/record/encoding.ts";
import type { EncodedChange, EncodedRecord } from "../../shared/record/encoding.ts";
import { kindOfKey } from "../../shared/record/key-name.ts";
import type { RelayPorts } from "../hub/relay-ports.ts";
import type { ServerIdentity } from "../kube/server-identity.ts";
import type { Logger } from "../lib/log.ts";
import { makeFolder } from "../lib/make-folder.ts";
import { OwnCluster } from "../own-cluster.ts";
import type { Source } from "../source/source.ts";
import { summariseReadable } from "../source/source-health.ts";
import type { SourceHealth } from "../source/source-health.ts";
import type { Feed, FeedHandlers } from "../view/feed.ts";
import type { RemoteView } from "../view/remote-view.ts";
import { NOTHING_CLAIMED } from "./claims.ts";
import { readClaims, writeClaims } from "./claims-file.ts";
import { DirectLog } from "./direct-log.ts";
import type { DirectChange } from "./direct-log.ts";
import { followsSome, forbiddenIn, UNREAD } from "./following.ts";
import type { LocalSide } from "./local-side.ts";
import { clusterGuidIn, isOfAddresses } from "./record-kinds.ts";
import { RemoteAdmission } from "./remote-admission.ts";
import { sameClusterBy } from "./same-cluster.ts";
import type { SameBy } from "./same-cluster.ts";
import { sweep } from "./sweep.ts";

export interface DirectRemoteOptions {
  readonly rcc: string;
  /** Of this remote. */
  readonly folder: string;
  readonly withdrawalHoldMs: number;
  readonly ports: RelayPorts;
  readonly log: Logger;
  readonly local: LocalSide;
}

export class DirectRemote {
  readonly admission = new RemoteAdmission();
  readonly #options: DirectRemoteOptions;
  #own: OwnCluster | null = null;
  #feed: { readonly log: DirectLog; readonly handlers: FeedHandlers } | null = null;
  #guid: string;
  #without: ReadonlySet<string> = new Set();
  #isComplete = false;
  /** What it holds of kinds that the account may not list may be outdated. */
  #isUnsure = false;
  #server: ServerIdentity | null = null;
  #sameBy: SameBy = null;
  /** What it holds is of another cluster, until a list of this one is complete. */
  #isOther = false;
  #isRefused = false;
  #lostMs: number;
  #didFollow = false;

  constructor(options: DirectRemoteOptions) {
    this.#options = options;
    this.#lostMs = options.ports.now();
    makeFolder(options.folder, "--state");
    const stored = readClaims(options.folder);
    this.#guid = stored?.guid ?? "";
    if (stored !== null) this.admission.set(stored.claimed);
  }

  get own(): OwnCluster | null {
    return this.#own;
  }

  /** By what the remote is the cluster that has the RCC; `null`: it is another one. */
  get sameBy(): SameBy {
    return this.#sameBy;
  }

  get #isSelf(): boolean {
    return this.#sameBy !== null;
  }

  setServer(server: ServerIdentity | null): void {
    this.#server = server;
    this.#checkSelf();
  }

  /** What says how it is reached is not complete, or is again. */
  setRefused(isRefused: boolean): void {
    if (this.#isRefused === isRefused) return;
    this.#isRefused = isRefused;
    this.#feed?.handlers.onState();
  }

  /** How well it is followed, by collection. */
  get health(): SourceHealth {
    return this.#own?.health.health() ?? UNREAD;
  }

  /**
   * Reads from this from now on. What is held stays until the new list is complete.
   * @param without Kinds that the source does not follow.
   */
  open(source: Source, without: ReadonlySet<string>): void {
    const { ports, log, folder, withdrawalHoldMs, rcc } = this.#options;
    this.#without = without;
    void this.#own?.stop();
    this.#isComplete = false;
    this.admission.forgetAll();
    this.#feed?.log.begin();
    const isNow = (): boolean => this.#own === own;
    const own: OwnCluster = new OwnCluster({
      source,
      stateDir: folder,
      withdrawalHoldMs,
      ports,
      log: log.child({ rcc }),
      publisher: () => null,
      onHealth: () => isNow() && this.#onHealth(),
      onServices: () => undefined,
      onFillable: () => undefined,
      onListed: () => isNow() && this.#complete(),
      onChanges: (changes) => isNow() && this.#onChanges(changes),
      onWithdrawn: (channel, keyHash) =>
        isNow() && this.#feed?.log.write([{ op: "delete", channel, keyHash }]),
    });
    this.#own = own;
    own.start();
  }

  async stop(): Promise<void> {
    const own = this.#own;
    this.#own = null;
    this.#feed = null;
    await own?.stop();
  }

  feedOf(view: RemoteView, handlers: FeedHandlers): Feed {
    const { ports } = this.#options;
    const epoch = `direct-${Math.floor(ports.random() * 2 ** 48).toString(36)}`;
    const log = new DirectLog(view, epoch, {
      onChanges: (changes) => handlers.onChanges(changes),
      onExcess: () => handlers.onExcess?.(),
    });
    const feed = { log, handlers };
    const isAttached = (): boolean => this.#feed === feed;
    const { isOpen, isTold, isRefused, lostMs } = this.#states(isAttached);
    return {
      get isOpen() {
        return isOpen();
      },
      get isTold() {
        return isTold();
      },
      get isRefused() {
        return isRefused();
      },
      get lostMs() {
        return lostMs();
      },
      get transferred() {
        return { changes: log.changes, bytes: log.bytes };
      },
      start: () => {
        this.#feed = feed;
        this.#isComplete = false;
        this.#replay();
        this.#complete();
        handlers.onState();
      },
      stop: () => {
        if (isAttached()) this.#feed = null;
      },
    };
  }

  /** Whose the local addresses are, or who this cluster is, has changed. */
  onLocal(): void {
    this.#checkSelf();
    this.admission.forgetRefusedClaims();
    if (this.#own !== null) this.#claim(this.#own.local.records());
    if (!this.#isComplete) this.#complete();
  }

  #states(isAttached: () => boolean) {
    const isOpen = () => isAttached() && followsSome(this.health);
    const isWhole = () => this.#isComplete && !this.#isUnsure;
    return {
      isOpen,
      isTold: () =>
        isAttached() && isWhole() && summariseReadable(this.health).state === "following",
      isRefused: () => this.#isRefused || this.#isSelf,
      lostMs: () => (isOpen() ? null : this.#lostMs),
    };
  }

  #onHealth(): void {
    const follows = followsSome(this.health);
    if (this.#didFollow && !follows) this.#lostMs = this.#options.ports.now();
    this.#didFollow = follows;
    this.#feed?.handlers.onState();
  }

  #onChanges(changes: readonly EncodedChange[]): void {
    const puts = changes.filter((change) => change.op === "put");
    for (const { record } of puts) this.#onGuid(clusterGuidIn(record));
    this.#claim(puts);
    this.#write(changes);
    if (this.#isComplete) this.#feed?.handlers.onState();
  }

  #onGuid(guid: string): void {
    if (guid === "" || guid === this.#guid) return;
    const { log, rcc } = this.#options;
    if (this.#guid !== "") {
      log.warn({ rcc, guid, before: this.#guid }, "the remote is another cluster now");
      this.admission.set(NOTHING_CLAIMED);
      this.#isOther = true;
    }
    this.#guid = guid;
    this.#store();
    this.#checkSelf();
  }

  /** A cluster that is its own remote would take itself for somebody else. [DIR9] */
  #checkSelf(): void {
    const wasSelf = this.#isSelf;
    const { local } = this.#options;
    this.#sameBy = sameClusterBy(local, { guid: this.#guid || null, server: this.#server });
    if (this.#isSelf === wasSelf) return;
    if (this.#isSelf) this.#feed?.log.write([...this.#allHeld()]);
    else this.#replay();
    this.#feed?.handlers.onState();
  }

  *#allHeld(): Generator<DirectChange> {
    for (const channel of CHANNELS)
      for (const keyHash of this.#feed?.log.keys(channel) ?? [])
        yield { op: "delete", channel, keyHash };
  }

  #claim(records: Iterable<EncodedRecord>): void {
    const { local, rcc } = this.#options;
    if (!local.isListed) return;
    const asking: EncodedRecord[] = [];
    for (const encoded of records) if (isOfAddresses(encoded.record)) asking.push(encoded);
    if (!this.admission.claimFor(asking, () => local.holders(rcc))) return;
    this.#store();
    const waiting = [...this.admission.refused].flatMap((key) => this.#own?.local.byKey(key) ?? []);
    this.#write(waiting);
  }

  #store(): void {
    const { folder, log, rcc } = this.#options;
    try {
      writeClaims(folder, { guid: this.#guid, claimed: this.admission.claimed });
    } catch (error) {
      log.warn({ rcc, error: String(error) }, "its ranges cannot be written down");
    }
  }

  #replay(): void {
    this.#write(this.#own?.local.records() ?? []);
  }

  #write(changes: Iterable<EncodedChange>): void {
    if (this.#feed === null || this.#isSelf) return;
    const admitted: DirectChange[] = [];
    for (const change of changes) {
      const direct = this.#admitted(change);
      if (direct !== null) admitted.push(direct);
    }
    this.#feed.log.write(admitted);
  }

  #admitted(change: EncodedChange): DirectChange | null {
    if (change.op === "put") return this.admission.changeOf(change);
    const kind = kindOfKey(change.key);
    this.admission.forget(change.key);
    if (kind === null) return null;
    return { op: "delete", channel: channelOf(kind), keyHash: hashKey(change.key) };
  }

  /** All is listed here and there: what the view holds besides goes, but what is held back. */
  #complete(): void {
    const [own, feed] = [this.#own, this.#feed];
    const { local } = this.#options;
    if (own === null || feed === null || !own.isListed || !local.isListed) return;
    this.#claim(own.local.records());
    if (this.#isSelf) return;
    const forbidden = forbiddenIn(this.health).flatMap(({ forbiddenKind }) => forbiddenKind ?? []);
    const isOther = this.#isOther;
    const kinds = { forbidden: new Set(forbidden), without: this.#without, isOther };
    const otherwise = this.admission.otherwise(own.local);
    const { staying, isUnsure } = sweep(own, feed.log, this.admission, kinds);
    this.#isUnsure = isUnsure;
    this.#isComplete = feed.log.complete(own.local, otherwise, staying);
    this.#isOther &&= !this.#isComplete;
    feed.handlers.onState();
  }
}
