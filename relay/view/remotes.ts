/**
 * All remotes of this cluster: which are watched follows the access facts, what they hold goes, filtered, to whoever serves it (the Typha splice,
 * `/view`, `policy`). Only facts of the mesh that a view came from withdraw it. [VIE2] [VIE4]
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";

import { toHex } from "../../shared/lib/bytes.ts";
import type { AccessFacts, EdgeReport, LabelMode, Remote } from "../../shared/visibility/facts.ts";
import { NODE_PORTS } from "../hub/relay-ports.ts";
import type { RelayPorts } from "../hub/relay-ports.ts";
import type { Logger } from "../lib/log.ts";
import type { HeldRecord, ViewChange } from "./held-records.ts";
import { RemoteView } from "./remote-view.ts";
import { NatPools } from "./nat-pools.ts";
import type { OwnAddresses } from "./served.ts";
import { Serving } from "./serving.ts";
import type { ServedChange } from "./serving.ts";
import { SharedAddresses } from "./shared-addresses.ts";
import { ViewFile } from "./view-file.ts";
import { Watcher } from "./watcher.ts";

export interface ViewOnDisk {
  readonly rcc: string;
  readonly originUid: string;
  readonly path: string;
  /** It was complete once. */
  readonly isLoaded: boolean;
  /** Sum over its channels; 0 while it is repaired. */
  readonly revision: number;
}

/** A view from disk is taken for all there is when the hub has said nothing for so long. */
const HEAR_MS = 5_000;

const RESCOPED = "what is not in the scope of the grant is served no longer";
const UNSCOPED = "the grant has no scope any more: it shows all";

interface Entry {
  remote: Remote;
  readonly view: RemoteView;
  readonly serving: Serving;
  watcher: Watcher | null;
  wasInSync: boolean;
  readonly openedMs: number;
  /** The origin's log was heard since the start, or cannot be: what the disk had is the newest there is to be had. */
  isHeard: boolean;
}

export interface RemotesOptions {
  readonly stateDir: string;
  /** `ws://…/v1/connect/watch/<uid>` of an origin. */
  watchUrl(originUid: string): string;
  headers(): Promise<Readonly<Record<string, string>>>;
  readonly log: Logger;
  onState(): void;
  readonly ports?: RelayPorts;
}

export class Remotes {
  readonly #options: RemotesOptions;
  readonly #ports: RelayPorts;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<(changes: readonly ServedChange[]) => void>();
  /** Which addresses of shared ranges two clusters have. */
  readonly shared = new SharedAddresses();
  /** What Felix is given of pools. */
  readonly pools = new NatPools();
  #own: OwnAddresses;
  #applied: AccessFacts | null = null;

  /** @param own The cluster's own addresses, which no remote may claim. */
  constructor(options: RemotesOptions, own: OwnAddresses) {
    this.#options = options;
    this.#ports = options.ports ?? NODE_PORTS;
    this.#own = own;
    this.pools.setOwn(own);
  }

  /** Listens to what is served; answers how to stop. */
  subscribe(listener: (changes: readonly ServedChange[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  *served(): Generator<{ readonly rcc: string; readonly held: HeldRecord }> {
    for (const part of this.servedParts()) yield* part();
  }

  /**
   * What is served, in parts of a few hundred records: each is read from disk when it is called, and is what is served then. Who takes them over
   * some time listens to changes meanwhile, and so has it all in the end.
   */
  *servedParts(): Generator<() => { readonly rcc: string; readonly held: HeldRecord }[]> {
    for (const [rcc, { view, serving }] of this.#entries)
      for (const part of view.parts())
        yield () =>
          this.#entries.get(rcc)?.view === view
            ? [...view.recordsOf(part)].flatMap((whole) => {
                const held = serving.shown(whole);
                return held === null ? [] : [{ rcc, held }];
              })
            : [];
  }

  /** RCCs that something may be served of. */
  names(): Iterable<string> {
    return this.#entries.keys();
  }

  /** How the labels of a remote are given to rules; of one that is gone, as they are. [TYP22] */
  labelMode(rcc: string): LabelMode {
    const remote = this.#entries.get(rcc)?.remote;
    return remote === undefined ? "original" : modeOf(remote);
  }

  /** What is served of one remote under its own key. */
  servedAt(rcc: string, key: string): HeldRecord | null {
    const entry = this.#entries.get(rcc);
    const held = entry?.view.at(key) ?? null;
    return held === null ? null : (entry?.serving.shown(held) ?? null);
  }

  /**
   * Whether Felix may be told that this is all there is. What comes from disk may lack what an earlier process told Felix, which would delete it and get
   * it back a moment later: so the hub is heard first, where it can be. Without it a whole file is enough; one that has lost its end
   * waits for the hub as long as anybody waits. [VIE14]
   */
  get areLoaded(): boolean {
    return [...this.#entries.values()].every(
      (entry) => entry.remote.state !== "granted" || this.#isLoaded(entry),
    );
  }

  #isLoaded({ view, isHeard, openedMs }: Entry): boolean {
    if (!view.isLoaded) return false;
    return isHeard || (view.damage === null && this.#ports.now() - openedMs >= HEAR_MS);
  }

  #isNewer(facts: AccessFacts): boolean {
    const before = this.#applied;
    this.#applied = facts;
    return before?.meshId === facts.meshId && before.accessVersion < facts.accessVersion;
  }

  /** Brings the set of remotes in line with the facts. @param connect Whether to open sockets (not before the relay has joined). */
  apply(facts: AccessFacts, connect: boolean): void {
    const isNewer = this.#isNewer(facts);
    this.pools.setReaders(facts.readerPools ?? []);
    const wanted = new Map(facts.remotes.map((remote) => [remote.rcc, remote]));
    for (const rcc of new Set([...this.#entries.keys(), ...this.#filesOnDisk()])) {
      const remote = wanted.get(rcc);
      const entry = this.#entries.get(rcc) ?? this.#open(rcc, remote, facts);
      if (remote?.state === "granted") continue;
      if (entry.view.header.meshId !== facts.meshId) {
        this.#options.log.warn(
          { rcc },
          "this view came from another mesh, which has not withdrawn it: kept",
        );
        continue;
      }
      this.#withdraw(rcc, entry);
    }
    for (const remote of facts.remotes) {
      const entry = this.#entries.get(remote.rcc) ?? this.#open(remote.rcc, remote, facts);
      const isOther = entry.remote.origin.uid !== remote.origin.uid;
      const isRelabelled = modeOf(entry.remote) !== modeOf(remote);
      entry.remote = remote;
      if (remote.state !== "granted") continue;
      const isRescoped = entry.view.needsNarrowing(
        remote.scope,
        isNewer || remote.heldBack === true,
      );
      // Before it is narrowed: what is on its way is of another log, and shows more.
      if (isOther || isRescoped) this.#disconnect(entry);
      // First: what is narrowed then is told once more, and with other labels.
      if (isRelabelled) entry.serving.tellAgain(entry.view.records());
      if (isRescoped) this.#rescope(entry, facts);
      else entry.view.rebind(headerOf(remote, facts));
      // The hub would send more than is held back here.
      if (remote.heldBack === true) this.#disconnect(entry);
      else if (connect && entry.watcher === null)
        this.#connect(remote, entry, isRescoped ? facts.accessVersion : neededOf(remote, facts));
    }
    this.#options.onState();
  }

  /** The cluster's own addresses: when they have changed, what is refused and served is decided again. */
  setOwnAddresses(own: OwnAddresses): void {
    if (own.equals(this.#own)) return;
    this.#own = own;
    this.pools.setOwn(own);
    for (const { serving, view } of this.#entries.values()) serving.decideAgain(view.records());
    this.#options.onState();
  }

  reports(): EdgeReport[] {
    return [...this.#entries].map(([rcc, entry]) => {
      const health = entry.view.health("identity");
      const conflicts = this.shared.conflictsOf(rcc);
      return {
        rcc,
        origin: entry.remote.origin,
        connectionStatus: connectionStatus(entry),
        endpoints: entry.serving.endpoints,
        refused: entry.serving.refused,
        ...(conflicts === 0 ? {} : { conflicts }),
        digest: health.verified === null ? null : toHex(health.verified.digest),
        revision: health.cursor?.revision ?? 0,
      };
    });
  }

  /** What the present connections had to transfer, and what was on disk before. */
  transfers(): {
    readonly rcc: string;
    readonly changes: number;
    readonly bytes: number;
    readonly loaded: number;
  }[] {
    return [...this.#entries].map(([rcc, { watcher, view }]) => ({
      rcc,
      ...(watcher?.transferred ?? { changes: 0, bytes: 0 }),
      loaded: view.loadedRecords,
    }));
  }

  /** Why a view is not all on disk; `null` when each is. */
  get writeError(): string | null {
    for (const { view } of this.#entries.values())
      if (view.writeError !== null) return view.writeError;
    return null;
  }

  /** The files of the remotes that this cluster may see now, as they are on disk, and how far each is. */
  files(): ViewOnDisk[] {
    return [...this.#entries.keys()].flatMap((rcc) => this.file(rcc) ?? []);
  }

  file(rcc: string): ViewOnDisk | null {
    const entry = this.#entries.get(rcc);
    if (entry?.remote.state !== "granted") return null;
    const { view } = entry;
    return {
      rcc,
      originUid: view.header.originUid,
      path: this.#path(rcc),
      isLoaded: view.isLoaded,
      revision: view.cursors().reduce((sum, { revision }) => sum + revision, 0),
    };
  }

  refusals(): { readonly rcc: string; readonly key: string; readonly reason: string }[] {
    return [...this.#entries].flatMap(([rcc, entry]) =>
      entry.serving.refusals().map((refusal) => ({ rcc, ...refusal })),
    );
  }

  stop(): void {
    for (const entry of this.#entries.values()) {
      this.#disconnect(entry);
      entry.view.close();
    }
  }

  #open(rcc: string, remote: Remote | undefined, facts: AccessFacts): Entry {
    const bound = remote ?? {
      rcc,
      origin: { uid: "", name: rcc },
      state: "not-granted",
      overlayRoutingMode: "Disabled",
    };
    const view = new RemoteView(new ViewFile(this.#path(rcc)), headerOf(bound, facts));
    // Nothing is served of what the facts do not show, also where an earlier process did not come to it, or another relay's file shows more. [SCP4]
    if (bound.state === "granted" && view.needsNarrowing(bound.scope, false))
      view.rescope(headerOf(bound, facts));
    const { header } = view;
    const entry: Entry = {
      remote: remote ?? { ...bound, origin: { uid: header.originUid, name: header.originName } },
      view,
      serving: new Serving(rcc, {
        served: (record) => this.#own.served(record),
        tell: (changes) => this.#tell(changes),
      }),
      watcher: null,
      wasInSync: false,
      openedMs: this.#ports.now(),
      isHeard: false,
    };
    if (view.damage !== null)
      this.#options.log.warn(
        { rcc, damage: view.damage },
        "the view file was damaged; the hub sends what is missing",
      );
    this.#entries.set(rcc, entry);
    entry.serving.take(putsOf(view));
    return entry;
  }

  #rescope({ remote, view, serving }: Entry, facts: AccessFacts): void {
    view.rescope(headerOf(remote, facts), (changes) => serving.take(changes));
    const { rcc, scope } = remote;
    this.#options.log.info({ rcc, scope }, scope === undefined ? UNSCOPED : RESCOPED);
  }

  /** @param accessVersion Facts that the hub must know. */
  #connect(remote: Remote, entry: Entry, accessVersion: number): void {
    const { rcc } = remote;
    const { log } = this.#options;
    const watcher = new Watcher(
      entry.view,
      this.#options.watchUrl(remote.origin.uid),
      () => this.#options.headers(),
      {
        onChanges: (changes) => entry.serving.take(changes),
        onState: () => {
          const isInSync = entry.view.isInSync && watcher.isTold;
          if (isInSync && !entry.wasInSync)
            log.info(
              { rcc, ...watcher.transferred, loaded: entry.view.loadedRecords },
              "Sending in-sync update",
            );
          entry.wasInSync = isInSync;
          entry.isHeard ||= isInSync;
          this.#options.onState();
        },
        onDown: (reason, message) => {
          entry.isHeard ||= entry.view.damage === null;
          log.info({ rcc, reason }, `watch of ${remote.origin.name} is down: ${message}`);
        },
      },
      this.#ports,
      accessVersion,
    );
    entry.watcher = watcher;
    watcher.start();
  }

  #disconnect(entry: Entry): void {
    entry.watcher?.stop();
    entry.watcher = null;
  }

  #withdraw(rcc: string, entry: Entry): void {
    this.#disconnect(entry);
    this.#entries.delete(rcc);
    const records = entry.view.size;
    entry.serving.withdraw(entry.view.records());
    entry.view.withdraw();
    this.#options.log.info({ rcc, records }, "withdrawn");
  }

  #tell(changes: readonly ServedChange[]): void {
    if (changes.length === 0) return;
    this.shared.onServed(changes);
    this.pools.onServed(changes);
    for (const listener of this.#listeners) listener(changes);
  }

  #path(rcc: string): string {
    return viewPath(this.#options.stateDir, rcc);
  }

  #filesOnDisk(): string[] {
    try {
      return readdirSync(join(this.#options.stateDir, "views"))
        .filter((name) => name.endsWith(".view"))
        .map((name) => name.slice(0, -".view".length));
    } catch {
      // No folder yet: no views.
      return [];
    }
  }
}

export function viewPath(stateDir: string, rcc: string): string {
  return join(stateDir, "views", `${rcc}.view`);
}

function modeOf(remote: Remote): LabelMode {
  return remote.labels ?? "original";
}

function* putsOf(view: RemoteView): Generator<ViewChange> {
  for (const held of view.records()) yield { op: "put", held, isNew: true };
}

/** A hub that is behind might show more than the scope; without one it shows less at most, and need not ask the Mesh at every start of a relay. */
function neededOf({ scope }: Remote, { accessVersion }: AccessFacts): number {
  return scope === undefined ? 0 : accessVersion;
}

function headerOf(remote: Remote, facts: AccessFacts) {
  const { scope } = remote;
  return {
    rcc: remote.rcc,
    meshId: facts.meshId,
    originUid: remote.origin.uid,
    originName: remote.origin.name,
    ...(scope === undefined ? {} : { scope }),
  };
}

/** Calico's values, see `EdgeReport`. [VIE7] */
function connectionStatus(entry: Entry): EdgeReport["connectionStatus"] {
  if (entry.remote.state !== "granted") return 5;
  if (entry.watcher?.refusal === "access-denied") return 5;
  if (entry.watcher === null || !entry.watcher.isOpen) return 0;
  if (!entry.view.isLoaded) return 1;
  return entry.view.isInSync && entry.watcher.isTold ? 2 : 3;
}
