/**
 * All remotes of this cluster: which are watched follows the access facts, what they hold goes,
 * filtered, to whoever serves it (the Typha splice, `/view`, `policy`). Only facts of the mesh that
 * a view came from withdraw it. [VIE2] [VIE4]
 */
import { WHOLE } from "../../shared/log/partition.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { AccessFacts, EdgeReport, LabelMode, Remote } from "../../shared/visibility/facts.ts";
import { NODE_PORTS } from "../hub/relay-ports.ts";
import type { RelayPorts } from "../hub/relay-ports.ts";
import type { Logger } from "../lib/log.ts";
import type { RemoteBounds } from "./bounds.ts";
import { DIRECT_MESH } from "./feed.ts";
import type { DirectFeeds } from "./feed.ts";
import type { HeldRecord } from "./held-records.ts";
import { NatPools } from "./nat-pools.ts";
import { RemoteRoutes } from "./remote-routes.ts";
import type { RemoteView } from "./remote-view.ts";
import type { OwnAddresses } from "./served.ts";
import type { FactsPosition } from "./remote-facts.ts";
import { ServedRemote } from "./served-remote.ts";
import type { Transfer } from "./served-remote.ts";
import type { ServedChange } from "./serving.ts";
import { SharedAddresses } from "./shared-addresses.ts";
import { viewPath, viewsOnDisk, viewsRoot } from "./views-folder.ts";
import type { ViewOnDisk } from "./views-folder.ts";
import { servedParts, servedRecords } from "./walk-served.ts";

type RemoteFacts = FactsPosition & Pick<AccessFacts, "remotes">;

export interface RemotesOptions {
  readonly stateDir: string;
  /** `ws://…/v1/connect/watch/<uid>` of an origin. */
  watchUrl(originUid: string): string;
  headers(): Promise<Readonly<Record<string, string>>>;
  readonly log: Logger;
  onState(): void;
  readonly ports?: RelayPorts;
  /** Of remotes that are read directly. */
  readonly directs?: DirectFeeds | undefined;
  /** What is taken of each remote at most. */
  readonly bounds?: RemoteBounds | undefined;
}

export class Remotes {
  readonly #options: RemotesOptions;
  readonly #ports: RelayPorts;
  readonly #remotes = new Map<string, ServedRemote>();
  readonly #listeners = new Set<(changes: readonly ServedChange[]) => void>();
  /** Which addresses of shared ranges two clusters have. */
  readonly shared = new SharedAddresses();
  /** Pools that Felix is given, so that it does not source-NAT towards them. */
  readonly pools = new NatPools();
  readonly routes: RemoteRoutes;
  #own: OwnAddresses;
  #facts: AccessFacts | null = null;

  /** @param own The cluster's own addresses, which no remote may claim. */
  constructor(options: RemotesOptions, own: OwnAddresses) {
    this.#options = options;
    this.#ports = options.ports ?? NODE_PORTS;
    this.#own = own;
    this.pools.setOwn(own);
    this.routes = new RemoteRoutes(this.#ports);
  }

  subscribe(listener: (changes: readonly ServedChange[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  *served(): Generator<{ readonly rcc: string; readonly held: HeldRecord }> {
    for (const part of this.servedParts()) yield* part();
  }

  /** See `walk-served.ts`. */
  servedParts(): ReturnType<typeof servedParts> {
    return servedParts(this.#remotes);
  }

  /** See `walk-served.ts`. */
  servedRecords(): ReturnType<typeof servedRecords> {
    return servedRecords(this.#remotes);
  }

  /** Those that this cluster may see. */
  *granted(): Generator<Pick<ServedRemote, "feed" | "view">> {
    for (const remote of this.#remotes.values()) if (remote.isGranted) yield remote;
  }

  names(): Iterable<string> {
    return this.#remotes.keys();
  }

  /** RCCs among them that this relay reads itself, or those of the mesh. */
  *namesOf(isDirect: boolean): Generator<string> {
    for (const [rcc, remote] of this.#remotes) if (remote.isDirect === isDirect) yield rcc;
  }

  /** CIDRs of a remote's pools. */
  poolsOf(rcc: string): string[] {
    const view = this.#remotes.get(rcc)?.view;
    if (view === undefined) return [];
    return [...view.recordsOf(["pools", WHOLE])].flatMap(({ record }) =>
      record.kind === "IPPool" ? [record.cidr] : [],
    );
  }

  /** How the labels of a remote are given to rules; of one that is gone, as they are. [TYP22] */
  labelMode(rcc: string): LabelMode {
    return this.#remotes.get(rcc)?.labelMode ?? "original";
  }

  servedAt(rcc: string, key: string): HeldRecord | null {
    return this.#remotes.get(rcc)?.servedAt(key) ?? null;
  }

  /**
   * Whether Felix may be told that this is all there is. What comes from disk may lack what an
   * earlier process told Felix, which would delete it and get it back a moment later: so the hub is
   * heard first, where it can be. Without it a whole file is enough; one that has lost its end
   * waits for the hub as long as anybody waits. [VIE14]
   */
  get areLoaded(): boolean {
    return [...this.#remotes.values()].every((remote) => !remote.isGranted || remote.isLoaded);
  }

  /**
   * Brings the set of remotes in line with the facts.
   * @param connect Whether to open sockets (not before the relay has joined).
   */
  followFacts(facts: AccessFacts, connect: boolean): void {
    const isNewer = this.#isNewer(facts);
    this.#facts = facts;
    // fault: reader-pools-kept
    this.pools.setReaders(facts.readerPools ?? []);
    // fault: nat-window
    this.routes.setOrders(facts.remotes);
    this.#follow(facts, isNewer, connect);
  }

  /** The same for all remotes that this relay reads itself. [DIR5] */
  followDirect(remotes: readonly Remote[]): void {
    this.#follow({ meshId: DIRECT_MESH, accessVersion: 0, remotes }, false, true);
  }

  #follow(facts: RemoteFacts, isNewer: boolean, connect: boolean): void {
    const wanted = new Map(facts.remotes.map((remote) => [remote.rcc, remote]));
    const isDirect = facts.meshId === DIRECT_MESH;
    const known = [...this.#remotes].flatMap(([rcc, one]) =>
      one.isDirect === isDirect ? [rcc] : [],
    );
    const root = viewsRoot(this.#options.stateDir, facts.meshId);
    const stored = viewsOnDisk(root).filter((rcc) => !this.#remotes.has(rcc));
    for (const rcc of [...known, ...stored]) {
      const remote = wanted.get(rcc);
      const served = this.#remotes.get(rcc) ?? this.#open(rcc, remote, facts);
      if (remote?.state === "granted") continue;
      if (served.view.header.meshId !== facts.meshId) {
        this.#options.log.warn(
          { rcc },
          "this view came from another mesh, which has not withdrawn it: kept",
        );
        continue;
      }
      // fault: withdrawn-forgotten
      this.#remotes.delete(rcc);
      // fault: withdrawn-served
      served.withdraw();
    }
    for (const remote of facts.remotes) {
      const served = this.#remotes.get(remote.rcc) ?? this.#open(remote.rcc, remote, facts);
      served.follow(remote, facts, isNewer, connect);
    }
    this.#options.onState();
  }

  /** The cluster's own addresses: what is refused and served is decided again. */
  setOwnAddresses(own: OwnAddresses): void {
    if (own.equals(this.#own)) return;
    this.#own = own;
    this.pools.setOwn(own);
    for (const { serving, view } of this.#remotes.values()) serving.decideAgain(view.records());
    // fault: own-addresses-told
    this.#options.onState();
  }

  reports(): EdgeReport[] {
    return [...this.#remotes].map(([rcc, remote]) =>
      remote.report(this.shared.conflictsOf(rcc), this.routes.report(rcc)),
    );
  }

  /** Amounts that the present connections had to transfer, and records that were on disk before. */
  transfers(): Transfer[] {
    return [...this.#remotes.values()].map((remote) => remote.transfer());
  }

  /** Why a view is not all on disk; `null` when each is. */
  get writeError(): string | null {
    for (const { view } of this.#remotes.values())
      if (view.writeError !== null) return view.writeError;
    return null;
  }

  /** The files of the remotes that this cluster may see now, and how far each is. */
  files(): ViewOnDisk[] {
    return [...this.#remotes.keys()].flatMap((rcc) => this.file(rcc) ?? []);
  }

  file(rcc: string): ViewOnDisk | null {
    const remote = this.#remotes.get(rcc);
    return remote?.isGranted === true && !remote.isDirect ? remote.onDisk() : null;
  }

  /** The view of an origin that this cluster may see; `null`: there is none. */
  viewOf(originUid: string): RemoteView | null {
    for (const { isGranted, view } of this.#remotes.values())
      if (isGranted && view.header.originUid === originUid) return view;
    return null;
  }

  /** Whether everything of a channel came once since this relay began: its file may be old. */
  isComplete(rcc: string, channel: Channel): boolean {
    return this.#remotes.get(rcc)?.isComplete(channel) === true;
  }

  /** Since when a remote is not heard, in this relay's ms; `null`: it is, or there is none. */
  lostMs(rcc: string): number | null {
    return this.#remotes.get(rcc)?.lostMs ?? null;
  }

  refusals(): { readonly rcc: string; readonly key: string; readonly reason: string }[] {
    return [...this.#remotes].flatMap(([rcc, { serving }]) =>
      serving.refusals().map((refusal) => ({ rcc, ...refusal })),
    );
  }

  stop(): void {
    for (const remote of this.#remotes.values()) remote.stop();
    this.routes.stop();
  }

  #isNewer(facts: AccessFacts): boolean {
    const before = this.#facts;
    return before?.meshId === facts.meshId && before.accessVersion < facts.accessVersion;
  }

  #open(rcc: string, remote: Remote | undefined, facts: FactsPosition): ServedRemote {
    const { log, directs, stateDir } = this.#options;
    const path = viewPath(viewsRoot(stateDir, facts.meshId), rcc);
    const served = new ServedRemote(rcc, remote, facts, path, {
      directs,
      ports: this.#ports,
      bounds: this.#options.bounds,
      watchUrl: (originUid) => this.#options.watchUrl(originUid),
      headers: () => this.#options.headers(),
      log,
      onState: () => this.#options.onState(),
      served: (record) => this.#own.served(record),
      onServed: (changes) => this.#onServed(changes),
    });
    this.#remotes.set(rcc, served);
    served.serveLoaded();
    return served;
  }

  #onServed(changes: readonly ServedChange[]): void {
    if (changes.length === 0) return;
    this.shared.onServed(changes);
    this.pools.onServed(changes);
    this.routes.onServed(changes);
    for (const listener of this.#listeners) listener(changes);
  }
}
