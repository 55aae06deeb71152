/**
 * A relay as a process: the real one, on the virtual network and clock, with real files; it is
 * killed, started again, and its Felix watched.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { pino } from "pino";

import type { AccessFacts } from "../../shared/visibility/facts.ts";
import { readConfig } from "../../relay/config/relay-config.ts";
import type { Membership } from "../../relay/hub/join.ts";
import type { LinkOptions } from "../../relay/hub/link.ts";
import type { HubTime, Link, RelayPorts } from "../../relay/hub/relay-ports.ts";
import { Relay } from "../../relay/relay.ts";
import type { ServedChange } from "../../relay/view/serving.ts";
import type { Message } from "../../shared/protocol/messages.ts";
import { channelOf } from "../../shared/record/channel.ts";
import type { Channel } from "../../shared/record/channel.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import type { OverlayOrder } from "../../shared/visibility/overlay-order.ts";
import { scopeId } from "../../shared/visibility/scope.ts";
import { addressesOf } from "./addresses.ts";
import type { History, SeenRemote, Served } from "./history.ts";
import { SimLink } from "./network.ts";
import type { HubEnd, Wire } from "./network.ts";
import { FollowedStreams } from "./followed-streams.ts";
import type { SimFeedNet } from "./feed-net.ts";
import { hashOfKey, hashOfRecord, SimSource } from "./place.ts";
import type { Place } from "./place.ts";
import { passBarrier } from "./barrier-watch.ts";
import { watchFelix } from "./felix-watch.ts";
import { obeyedIn, watchRoutes } from "./overlay-watch.ts";
import type { Obeyed } from "./overlay-watch.ts";
import { RelayDisk } from "./relay-disk.ts";
import { fits, isOfServices } from "./scopes.ts";
import type { SlicesOfPlace } from "./slices-of-place.ts";
import type { World } from "./world.ts";

export interface Identity {
  readonly membership: Membership;
  readonly keyGeneration: number;
}

/** Seconds that Felix waits for remote views. */
const IN_SYNC_WAIT_SECONDS = 30;
/** So short that a hold ends within a run. */
const WITHDRAWAL_HOLD_SECONDS = 5;
const POLL_MS = 500;
const SILENT = pino({ level: "silent" });

interface Told {
  readonly origin: string;
  readonly served: Served;
}

/** `blobs` of its repair are still to come. */
type Positions = Map<Channel, { epoch: string; revision: number; blobs?: number }>;

interface Process {
  readonly relay: Relay;
  readonly links: { readonly link: SimLink; readonly target: string; readonly isHome: boolean }[];
  /** What Felix was told on this connection, by RCC and key. */
  readonly told: Map<string, Told>;
  /** By origin, as the messages say that were delivered. */
  readonly positions: Map<string, Positions>;
  hasFelixSynced: boolean;
  isAlive: boolean;
  /** What it serves, by RCC and key hash, read since it last told of a change. */
  served: ReadonlyMap<string, ReadonlyMap<string, Served>> | null;
}

export class RelayProcess {
  readonly name: string;
  readonly place: Place;
  readonly #disk: RelayDisk;
  readonly #world: World;
  readonly #hub: HubEnd;
  readonly #history: History;
  /** Speaks the first version of the protocol only. */
  readonly #isOld: boolean;
  /** The others of its cluster, where they follow each other. */
  readonly #net: SimFeedNet | null;
  /** What it tells Felix for routes is taken note of. */
  readonly #drawsRoutes: boolean;
  /** Its cluster's API server, where Services are drawn. */
  readonly #slices: SlicesOfPlace | null;
  /** Its reading of the hub's clock; absent: it has none. */
  readonly #hubTime: HubTime | undefined;
  #process: Process | null = null;
  #identity: Identity | null = null;
  /** What Felix has: it outlives the relay. */
  #felix = new Map<string, Told>();
  #granted = new Map<string, string>();
  /** Scope ids, by RCC name. */
  #scopes = new Map<string, string>();
  /** What is ordered about routes, by RCC name. */
  #orders = new Map<string, OverlayOrder>();
  #heard = { meshId: "", version: -1 };

  constructor(
    name: string,
    place: Place,
    dir: string,
    world: World,
    hub: HubEnd,
    history: History,
    isOld: boolean,
    net: SimFeedNet | null,
    drawsRoutes: boolean,
    hubTime?: HubTime,
    slices: SlicesOfPlace | null = null,
  ) {
    this.#slices = slices;
    this.#hubTime = hubTime;
    this.#drawsRoutes = drawsRoutes;
    this.#isOld = isOld;
    this.#net = net;
    net?.add(name, (from, pipe) => this.#process?.relay.feed?.accept(from, pipe) ?? null);
    this.name = name;
    this.place = place;
    this.#disk = new RelayDisk(join(dir, name));
    this.#world = world;
    this.#hub = hub;
    this.#history = history;
  }

  /** Whether its disk can be put back to what it was. */
  get hasCopy(): boolean {
    return this.#disk.hasCopy;
  }

  get isAlive(): boolean {
    return this.#process !== null;
  }

  get wires(): readonly Wire[] {
    return (this.#process?.links ?? []).flatMap(({ link }) => link.wire ?? []);
  }

  get felix(): ReadonlyMap<string, Served> {
    return new Map([...this.#felix].map(([key, { served }]) => [key, served]));
  }

  /** It does not publish any more: another relay of the cluster does, or it was told to stop. */
  get isStopped(): boolean {
    if (this.#net !== null) return this.#process?.relay.status().hub !== "connected";
    const { links } = this.#process ?? { links: [] };
    return links.some(({ link, isHome }) => isHome && link.isStopped);
  }

  start(identity: Identity): void {
    this.#identity = identity;
    const { uid } = identity.membership.cluster;
    const config = readConfig(
      {
        state: this.#disk.dir,
        hub: "http://localhost",
        manifests: "/none",
        inSyncWaitSeconds: IN_SYNC_WAIT_SECONDS,
        withdrawalHoldSeconds: WITHDRAWAL_HOLD_SECONDS,
      },
      {},
      {},
    );
    if (!config.ok) throw new Error(config.message);
    const process: Omit<Process, "relay"> = {
      links: [],
      told: new Map(),
      positions: new Map(),
      hasFelixSynced: false,
      isAlive: true,
      served: null,
    };
    const credentials = {
      membership: identity.membership,
      headers: () => Promise.resolve({}),
      join: () => Promise.resolve(identity.membership),
      correctClock: () => null,
      skewMs: 0,
    };
    this.#history.add({
      what: "relay",
      relay: this.name,
      place: this.place.name,
      uid,
      state: "started",
    });
    this.#readAccess();
    const source = new SimSource(this.place, this.#world);
    const followed = new FollowedStreams((origin, message, sent) =>
      this.#onFollowed(process.positions, origin, message, sent),
    );
    const net =
      this.#net?.of(this.name, (pipe, frame) =>
        process.isAlive ? followed.onFrame(pipe, frame) : null,
      ) ?? null;
    const ports = this.#ports(process);
    const relay = new Relay(config.config, source, SILENT, credentials, ports, net);
    this.#process = Object.assign(process, { relay });
    relay.remotes.subscribe((changes) => {
      for (const change of changes) this.#tell(change);
    });
    if (this.#drawsRoutes) this.#watchFelix(relay, uid);
    relay.start();
    this.#pollFelix(this.#process);
    if (this.#slices !== null) {
      // It may write slices: Services are followed whoever asks for them.
      source.followServices();
      this.#slices.follow(this.#process, { relay: this.name, uid });
    }
  }

  /** Ends at once. */
  kill(): void {
    const process = this.#process;
    if (process === null || this.#identity === null) return;
    process.isAlive = false;
    this.#process = null;
    this.#net?.leave(this.name);
    void process.relay.stop();
    const { uid } = this.#identity.membership.cluster;
    this.#history.add({
      what: "relay",
      relay: this.name,
      place: this.place.name,
      uid,
      state: "killed",
    });
  }

  /** Its machine lost power: the ends of view files are not as they were written. */
  tearFiles(): void {
    const { rng } = this.#world;
    const uid = this.#identity?.membership.cluster.uid ?? "";
    this.#history.add({
      what: "relay",
      relay: this.name,
      place: this.place.name,
      uid,
      state: "torn",
    });
    this.#disk.tear(rng);
  }

  keepCopy(): void {
    this.#disk.keepCopy();
  }

  /** Its disk is what it was when the copy was made. */
  putBack(): void {
    this.#disk.putBack();
    const uid = this.#identity?.membership.cluster.uid ?? "";
    this.#history.add({
      what: "relay",
      relay: this.name,
      place: this.place.name,
      uid,
      state: "put back",
    });
  }

  /** What it says of its remotes now, with what it serves. */
  seen(): readonly SeenRemote[] {
    const process = this.#process;
    if (process === null) return [];
    const { remotes } = process.relay;
    const served = (process.served ??= readServed(remotes));
    const refused = remotes.refusals();
    return remotes.reports().map((report) => {
      const origin = report.origin.uid;
      const link = process.links.findLast(({ target, isHome }) => !isHome && target === origin);
      return {
        rcc: report.rcc,
        origin,
        status: report.connectionStatus,
        endpoints: report.endpoints,
        revision: report.revision,
        digest: report.digest,
        served: served.get(report.rcc) ?? new Map(),
        refused: new Set(
          refused.filter(({ rcc }) => rcc === report.rcc).map(({ key }) => hashOfKey(key)),
        ),
        positions: new Map(process.positions.get(origin)),
        // Of a follower's stream nothing is known here but what the relay says itself.
        isOpen: this.#net === null ? (link?.link.isOpen ?? false) : report.connectionStatus !== 0,
      };
    });
  }

  /** Pools that its Felix has, besides those of its cluster. */
  get pools(): readonly string[] {
    return [...(this.#process?.relay.remotes.pools.delivered ?? [])];
  }

  /** A Felix of another relay of this cluster comes here. */
  takeOver(from: RelayProcess): void {
    const process = this.#process;
    const had = from.#where(false);
    if (process === null || had === null) return;
    const uid = this.#identity?.membership.cluster.uid ?? "";
    const move = { relay: this.name, from: from.name, uid };
    passBarrier(
      {
        world: this.#world,
        history: this.#history,
        relay: process.relay,
        where: () => {
          const now = process.isAlive ? this.#where(true) : null;
          return now && { has: now.positions, hasVersion: now.version };
        },
      },
      { ...move, had: had.positions, hadVersion: had.version },
    );
  }

  /** @param isWhole Without channels that are repaired. */
  #where(isWhole: boolean): { positions: Map<string, Positions>; version: number } | null {
    const process = this.#process;
    if (process === null) return null;
    const positions = new Map(
      [...this.#granted.values()].map((origin) => {
        const all = [...(process.positions.get(origin) ?? [])];
        const told = all.filter(([, { blobs = 0 }]) => !isWhole || blobs <= 0);
        // A connection that began anew has told nothing yet: then it is where its view is.
        const view = process.relay.remotes.viewOf(origin);
        const kept = (view?.cursors() ?? []).flatMap(({ channel, epoch, revision }) =>
          isWhole && view?.health(channel).isRepairing === false
            ? [[channel, { epoch, revision }] as const]
            : [],
        );
        return [origin, new Map([...kept, ...told])];
      }),
    );
    return { positions, version: this.#heard.version };
  }

  look(): void {
    const uid = this.#identity?.membership.cluster.uid ?? "";
    if (this.#process !== null)
      this.#history.add({
        what: "seen",
        relay: this.name,
        place: this.place.name,
        uid,
        remotes: this.seen(),
      });
  }

  #ports(process: Pick<Process, "links" | "isAlive" | "positions">): RelayPorts {
    const world = this.#world;
    return {
      now: () => world.now,
      // As `Date.now()`.
      wallMs: () => Math.floor(world.now),
      random: () => world.rng.next(),
      after: (ms, run) =>
        world.after(ms, () => {
          if (process.isAlive) run();
        }),
      dial: (options) => this.#dial(options, process),
      ...(this.#hubTime === undefined ? {} : { hubTime: this.#hubTime }),
    };
  }

  /** A message of a stream of a feeder: as those of a link to the hub are taken note of. */
  #onFollowed(
    positions: Map<string, Positions>,
    origin: string,
    message: Message,
    asked: ReadonlyMap<Channel, string>,
  ): (() => void) | null {
    if (message.type === "access") this.#hear(JSON.parse(message.facts) as AccessFacts);
    if (message.type === "watch-hello") positions.set(origin, new Map());
    if (message.type === "resume")
      positions.get(origin)?.set(message.channel, {
        epoch: asked.get(message.channel) ?? "",
        revision: message.after,
      });
    this.#follow(positions, origin, message);
    const isProof =
      message.type === "checkpoint" || (message.type === "frame" && message.settled !== null);
    return isProof || message.type === "access" ? () => this.look() : null;
  }

  #dial(options: LinkOptions, process: Pick<Process, "links" | "positions">): Link {
    const identity = this.#identity as Identity;
    const { uid } = identity.membership.cluster;
    const path = new URL(options.url).pathname;
    const isHome = path.endsWith("/home");
    const target = isHome ? uid : (path.split("/").at(-1) ?? "");
    const role = isHome ? "home" : "watch";
    const peer = { role, clusterUid: uid, keyGeneration: identity.keyGeneration } as const;
    const inner = options.handlers;
    const handlers = {
      ...options.handlers,
      onMessage: (message: Message, bytes: number): void => {
        if (message.type === "access") this.#hear(JSON.parse(message.facts) as AccessFacts);
        if (message.type === "resume")
          process.positions.get(target)?.set(message.channel, {
            epoch: asked.get(message.channel) ?? "",
            revision: message.after,
          });
        this.#follow(process.positions, target, message);
        inner.onMessage(message, bytes);
        const isProof =
          message.type === "checkpoint" || (message.type === "frame" && message.settled !== null);
        if (isProof || message.type === "access") this.look();
      },
    };
    const link = new SimLink(this.#world, this.#hub, target, () => peer, handlers);
    const asked = new Map<Channel, string>();
    link.onSend = (message) => {
      if (message.type === "watch-hello") {
        process.positions.set(target, new Map());
        asked.clear();
        for (const { channel, epoch } of message.cursors) asked.set(channel, epoch);
        if (this.#isOld) return { ...message, versions: [1] };
      }
      if (message.type === "report" && this.#drawsRoutes)
        for (const obeyed of obeyedIn(message)) this.#tellObeyed(obeyed, process.positions);
      if (message.type === "reconciled")
        this.#history.add({ what: "reconciled", origin: target, channel: message.channel });
      return message;
    };
    process.links.push({ link, target, isHome });
    return link;
  }

  #follow(positions: Map<string, Positions>, origin: string, message: Message): void {
    if (!("channel" in message)) return;
    const own: Positions = positions.get(origin) ?? new Map();
    positions.set(origin, own);
    const { channel } = message;
    if (message.type === "repair-plan")
      own.set(channel, { epoch: message.epoch, revision: message.after, blobs: message.blobs });
    const known = own.get(channel);
    // After a sleep the hub sends again what was not acknowledged.
    const isTail = message.type === "frame" || message.type === "catch-up";
    if (isTail && message.revision > (known?.revision ?? 0))
      own.set(channel, { ...known, epoch: known?.epoch ?? "", revision: message.revision });
    if (message.type === "blob" && known !== undefined)
      own.set(channel, { ...known, blobs: (known.blobs ?? 1) - 1 });
  }

  #hear(facts: AccessFacts): void {
    if (facts.meshId === this.#heard.meshId && facts.accessVersion < this.#heard.version) return;
    this.#heard = { meshId: facts.meshId, version: facts.accessVersion };
    this.#granted = new Map(
      facts.remotes.flatMap(({ rcc, origin, state }) =>
        state === "granted" ? [[rcc, origin.uid]] : [],
      ),
    );
    this.#scopes = new Map(
      facts.remotes.flatMap(({ rcc, scope }) =>
        scope === undefined ? [] : [[rcc, scopeId(scope)] as const],
      ),
    );
    this.#orders = new Map(
      facts.remotes.flatMap(({ rcc, state, overlay }) =>
        state === "granted" && overlay !== undefined ? [[rcc, overlay] as const] : [],
      ),
    );
    this.#history.add({
      what: "heard",
      relay: this.name,
      version: facts.accessVersion,
      granted: this.#granted,
      scopes: this.#scopes,
      isUnconfirmed: facts.unconfirmedRestore !== undefined,
      orders: new Map([...this.#orders].map(([rcc, { phase }]) => [rcc, phase])),
      cluster: facts.cluster.uid,
      readerPools: new Map((facts.readerPools ?? []).map((of) => [of.cluster.uid, of.pools])),
    });
  }

  /** Of an order that is in force: what it says of one before is on its way. */
  #tellObeyed({ rcc, step }: Obeyed, positions: ReadonlyMap<string, Positions>): void {
    const order = this.#orders.get(rcc);
    if (order?.step !== step || order.phase === "leave") return;
    const origin = this.#granted.get(rcc) ?? "";
    // What it was told on this connection, or else has from its disk.
    const onDisk = this.#process?.relay.remotes.viewOf(origin)?.health("routing").cursor;
    const epoch = positions.get(origin)?.get("routing")?.epoch ?? onDisk?.epoch ?? null;
    this.#history.add({ what: "obeyed", relay: this.name, rcc, epoch });
  }

  #readAccess(): void {
    this.#heard = { meshId: "", version: -1 };
    this.#granted = new Map();
    this.#scopes = new Map();
    this.#orders = new Map();
    const path = join(this.#disk.dir, "access.json");
    if (existsSync(path)) this.#hear(JSON.parse(readFileSync(path, "utf8")) as AccessFacts);
    else this.#history.add({ what: "heard", relay: this.name, version: -1, granted: new Map() });
  }

  #watchFelix({ remotes }: Relay, uid: string): void {
    watchRoutes(remotes, this.place, this.#history, { relay: this.name, uid });
    watchFelix(this.name, remotes, this.place, this.#history);
  }

  #tell({ rcc, op, held, isNew }: ServedChange): void {
    const process = this.#process;
    // What Felix has for routes follows orders besides: `watchRoutes`.
    if (process === null || channelOf(held.record.kind) === "routing") return;
    process.served = null;
    const key = `${rcc} ${hashOfKey(held.key)}`;
    const isPrefixed = process.relay.remotes.labelMode(rcc) === "prefixed";
    const served = { ...servedOf(held.record), isPrefixed };
    const origin = (op === "delete" ? process.told.get(key)?.origin : this.#granted.get(rcc)) ?? "";
    this.#history.add({
      what: "told",
      relay: this.name,
      place: this.place.name,
      uid: this.#identity?.membership.cluster.uid ?? "",
      origin,
      op,
      key,
      served,
      isNew,
    });
    if (op === "delete") {
      process.told.delete(key);
      this.#felix.delete(key);
    } else {
      process.told.set(key, { origin, served });
      this.#felix.set(key, { origin, served });
    }
  }

  /**
   * Felix is told in-sync once the relay is loaded, or has waited long enough: then it drops what
   * it was not told again.
   */
  #pollFelix(process: Process): void {
    if (!process.isAlive || process.hasFelixSynced) return;
    if (!process.relay.isViewLoaded) {
      this.#world.after(POLL_MS, () => this.#pollFelix(process));
      return;
    }
    process.hasFelixSynced = true;
    const dropped = new Map([...this.#felix].filter(([key]) => !process.told.has(key)));
    this.#felix = new Map(process.told);
    this.#history.add({
      what: "felix",
      relay: this.name,
      place: this.place.name,
      uid: this.#identity?.membership.cluster.uid ?? "",
      isLoaded: process.relay.status().accessVersion > 0 && process.relay.remotes.areLoaded,
      dropped,
    });
  }
}

function readServed(remotes: Relay["remotes"]): ReadonlyMap<string, Map<string, Served>> {
  const read = new Map<string, Map<string, Served>>();
  for (const { rcc, held } of remotes.served()) {
    if (channelOf(held.record.kind) === "routing") continue;
    const of = read.get(rcc) ?? new Map<string, Served>();
    read.set(rcc, of.set(hashOfKey(held.key), servedOf(held.record)));
  }
  return read;
}

function servedOf(record: CalicoRecord): Served {
  return {
    hash: hashOfRecord(record),
    isEndpoint: record.kind === "WorkloadEndpoint" || record.kind === "HostEndpoint",
    ...(isOfServices(record) ? { isOfServices: true } : {}),
    ips: addressesOf(record),
    fits: (id) => fits(record, id),
  };
}
