/**
 * A whole mesh: hub, places with their relays, and who sees whom as its operator knows it, apart
 * from what the product makes of it.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { LABELS_ANNOTATION } from "../../shared/visibility/rcc.ts";
import type { RccRequest } from "../../shared/visibility/rcc.ts";
import type { HubTime } from "../../relay/hub/relay-ports.ts";
import { hashToken } from "../../worker/mesh/membership.ts";
import type { Outcome } from "../../worker/mesh/outcome.ts";
import { pod } from "../support/records.ts";
import { isInTaken, TAKEN_RANGE } from "./addresses.ts";
import { SimFeedNet } from "./feed-net.ts";
import { History } from "./history.ts";
import type { QuietOrigin, ToldLatency } from "./history.ts";
import { Hub } from "./hub.ts";
import type { HubCopy } from "./hub.ts";
import { Place } from "./place.ts";
import { RelayProcess } from "./relay-process.ts";
import type { Identity } from "./relay-process.ts";
import type { SimScope } from "./scopes.ts";
import {
  drawsFeeders,
  drawsNested,
  drawsRanges,
  drawsRoutes,
  drawsServices,
  drawsWatched,
} from "./seeds.ts";
import { SlicesOfPlace } from "./slices-of-place.ts";
import { World } from "./world.ts";

const MESH = "demo";
const CLOCK_ERROR_MS = 2;
const PROBES = 3;
/** A minute's window has what came in the minute before, too. */
const PROBE_APART_MS = 125_000;
/** What is told of latency is no news within ten seconds. */
const PROBE_TOLD_MS = 25_000;
/** Files in memory, where there are such: a run makes hundreds of small writes. */
const MEMORY = "/dev/shm";

export interface Member {
  readonly place: Place;
  /** `null` while the place is no member. */
  identity: Identity | null;
  readonly relays: readonly RelayProcess[];
}

export class MeshWorld {
  readonly world: World;
  readonly history: History;
  readonly hub: Hub;
  readonly members: Member[] = [];
  readonly #dir = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "catwalk-sim-"));
  /** `reader name/RCC name` to the origin's place. */
  readonly #rccs = new Map<string, string>();
  /** Those that ask for prefixed labels. */
  readonly #prefixed = new Set<string>();
  /** Those that ask for routes. */
  readonly #routed = new Set<string>();
  /** `origin place/reader place` to the scope, `null` for all. */
  readonly #grants = new Map<string, SimScope | null>();
  /** Names of places. */
  readonly #suspended = new Set<string>();
  readonly #isWatched: boolean;
  readonly #hasRanges: boolean;
  #keys = 0;
  /** The hub's backup, with who saw whom then; `null` when there is none, or of other members. */
  #backup: {
    readonly hub: HubCopy;
    readonly rccs: ReadonlyMap<string, string>;
    readonly prefixed: ReadonlySet<string>;
    readonly routed: ReadonlySet<string>;
    readonly grants: ReadonlyMap<string, SimScope | null>;
    readonly suspended: ReadonlySet<string>;
  } | null = null;
  #hasRestored = false;
  /** Counts suspensions and what takes them back: an answer of before says nothing of now. */
  #suspensions = 0;
  /** By place, where Services are drawn. */
  readonly #slices = new Map<string, SlicesOfPlace>();

  private constructor(seed: number) {
    this.world = new World(seed);
    this.history = new History(() => this.world.now);
    this.#isWatched = drawsWatched(seed);
    this.#hasRanges = drawsRanges(seed);
    this.hub = new Hub(this.world, this.history, this.#isWatched);
  }

  /** Places with one relay each, the last with two; all are members, everybody sees the first. */
  static async make(seed: number, places: number): Promise<MeshWorld> {
    const made = new MeshWorld(seed);
    made.#expect(made.hub.service.createMesh(MESH));
    for (let number = 0; number < places; number++) {
      const place = new Place(`p${number}`, number, made.history);
      place.tellsHealth = drawsWatched(seed);
      const isLast = number === places - 1;
      const isFed = isLast && drawsFeeders(seed);
      const slices = drawsServices(seed)
        ? new SlicesOfPlace(place.name, made.world, made.history)
        : null;
      if (slices !== null) made.#slices.set(place.name, slices);
      const net = isFed ? new SimFeedNet(made.world) : null;
      const relays = Array.from(
        { length: net !== null ? 4 : isLast ? 2 : 1 },
        (_, n) =>
          new RelayProcess(
            `${place.name}r${n}`,
            place,
            made.#dir,
            made.world,
            made.hub,
            made.history,
            // One of an older version is told no Services.
            made.world.rng.chance(0.3) && slices === null,
            net,
            drawsRoutes(seed) || drawsNested(seed),
            drawsWatched(seed) ? made.#clockOf(number + n) : undefined,
            slices,
          ),
      );
      made.members.push({ place, identity: null, relays });
    }
    for (const member of made.members) await made.join(member);
    return made;
  }

  /** The hub's clock as a relay reads it: a little wrong, and it says by how much at most. */
  #clockOf(relay: number): HubTime {
    const offsetMs = (relay % 2 === 0 ? 1 : -1) * (CLOCK_ERROR_MS - 1);
    return { now: () => ({ ms: this.hub.wallMs() + offsetMs, errorMs: CLOCK_ERROR_MS }) };
  }

  /**
   * A change of each place while all is quiet, of which it is known how long it takes, and what is
   * told of it afterwards.
   */
  async probe(): Promise<void> {
    // Older changes are in no window of a minute any more.
    await this.world.advance(PROBE_APART_MS);
    const sinceMs = this.world.now;
    const wallMs = this.hub.wallMs();
    for (let n = 0; n < PROBES; n++) {
      for (const { place, identity } of this.members)
        if (identity !== null)
          place.put(pod(`probe-${n}`, `10.${place.number}.1.${1 + n}`, { probe: String(n) }), true);
      await this.world.advance(2_000);
    }
    await this.world.advance(PROBE_TOLD_MS);
    const told = this.members.flatMap(({ identity }): ToldLatency[] => {
      if (identity === null) return [];
      const reader = identity.membership.cluster.uid;
      const edges = this.hub.origin(reader).event((it) => it.status())?.edges ?? [];
      return edges.flatMap(({ origin, latency }) => {
        const [minute] = latency?.windows ?? [];
        // Of a reader of an older protocol, or of a scope that shows no probe, nothing new is told.
        const isNews = latency !== undefined && latency.atMs > wallMs;
        if (!isNews || minute === undefined) return [];
        const [count, p50Ms, p99Ms] = minute;
        const errorMs = latency.errorMs + CLOCK_ERROR_MS;
        return [{ reader, origin: origin.uid, count, p50Ms, p99Ms, errorMs }];
      });
    });
    this.history.add({ what: "probed", sinceMs, probes: PROBES, told });
  }

  close(): void {
    for (const { relays } of this.members) for (const relay of relays) relay.kill();
    this.hub.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /**
   * Makes the place a member, with a key of its own, and starts its first relay. The first place's
   * ranges are given, others claim.
   */
  async join(member: Member): Promise<void> {
    const { place } = member;
    const { service } = this.hub;
    const more = this.#hasRanges ? [TAKEN_RANGE] : [];
    const given = place.number === 0 ? [podRange(place.number), ...more] : [];
    const added = await this.#answer(service.addCluster(place.name, { cidrs: given }));
    const joined = await this.#answer(
      service.join(hashToken(added.token.joinToken), `key-${this.#keys++}`, true),
    );
    const { uid } = added.cluster;
    this.#backup = null;
    this.history.add({ what: "member", place: place.name, uid });
    member.identity = {
      membership: {
        credential: "",
        meshId: joined.meshId,
        mesh: MESH,
        cluster: { uid, name: place.name },
      },
      keyGeneration: joined.keyGeneration,
    };
    this.#tellEdges();
    member.relays[0]?.start(member.identity);
  }

  /** The range that is taken away and given is the first place's now. */
  get hasTakenRange(): boolean {
    const uid = this.members[0]?.identity?.membership.cluster.uid;
    return uid !== undefined && this.hub.rangesOf(uid).includes(TAKEN_RANGE);
  }

  /** `isThere`: the hub has answered, whatever it was. A backup of before is of other ranges. */
  askForRanges(isGiven: boolean): { readonly isThere: boolean } {
    const answer = { isThere: false };
    const [place] = this.members.map((member) => member.place);
    if (place === undefined) throw new Error("BUG: a mesh without places");
    const cidrs = [podRange(place.number), ...(isGiven ? [TAKEN_RANGE] : [])];
    this.#backup = null;
    void this.hub.service.setRanges(place.name, { cidrs }).then(({ ok }) => {
      answer.isThere = true;
      if (!ok) this.history.add({ what: "trouble", name: "a range stays for what lies in it" });
    });
    return answer;
  }

  /** A new key for the cluster: its relays are started with it. */
  async renewKey(member: Member): Promise<void> {
    if (member.identity === null) return;
    this.#backup = null;
    const { service } = this.hub;
    const token = await this.#answer(service.newToken(member.place.name));
    const kid = `key-${this.#keys++}`;
    const joined = await this.#answer(service.join(hashToken(token.joinToken), kid, true));
    member.identity = { ...member.identity, keyGeneration: joined.keyGeneration };
    for (const relay of member.relays) {
      if (!relay.isAlive) continue;
      relay.kill();
      relay.start(member.identity);
    }
  }

  remove(member: Member): void {
    if (member.identity === null) return;
    const { name } = member.place;
    this.#expect(this.hub.service.removeCluster(name));
    this.#backup = null;
    member.identity = null;
    this.#suspended.delete(name);
    for (const [id, origin] of this.#rccs)
      if (origin === name || id.startsWith(`${name}/`)) {
        this.#rccs.delete(id);
        this.#prefixed.delete(id);
        this.#routed.delete(id);
      }
    for (const id of this.#grants.keys()) if (id.split("/").includes(name)) this.#grants.delete(id);
    this.#tellEdges();
  }

  /** It neither sees nor is seen, or does again. */
  suspend(member: Member, isSuspended: boolean): void {
    const { identity, place } = member;
    if (identity === null || this.#suspended.has(place.name) === isSuspended) return;
    const { uid } = identity.membership.cluster;
    if (isSuspended) this.#suspended.add(place.name);
    else {
      this.#suspended.delete(place.name);
      this.history.add({ what: "suspended", uid, isSuspended });
    }
    const asked = this.hub.service.suspendCluster(place.name, isSuspended);
    const life = ++this.#suspensions;
    void asked.then((outcome) => {
      const isLast = life === this.#suspensions;
      if (outcome.ok && outcome.value.propagated && isSuspended && isLast)
        this.history.add({ what: "suspended", uid, isSuspended });
    });
    this.#expect(asked);
    this.#tellEdges();
  }

  grant(origin: Member, reader: Member, isGranted: boolean): void {
    if (origin === reader || origin.identity === null || reader.identity === null) return;
    const id = `${origin.place.name}/${reader.place.name}`;
    if (this.#grants.has(id) === isGranted) return;
    const { service } = this.hub;
    if (isGranted) this.#expect(service.createGrant(origin.place.name, reader.place.name));
    else this.#expect(service.deleteGrant(origin.place.name, reader.place.name));
    if (isGranted) this.#grants.set(id, null);
    else this.#grants.delete(id);
    this.#tellEdges();
  }

  /** Who sees whom. */
  get pairs(): { readonly origin: Member; readonly reader: Member }[] {
    const named = (name: string): Member | undefined =>
      this.members.find(({ place, identity }) => place.name === name && identity !== null);
    return [...this.#rccs].flatMap(([id, remote]) => {
      const [origin, reader] = [named(remote), named(id.split("/")[0] ?? "")];
      if (origin === undefined || reader === undefined) return [];
      return this.#grants.has(`${remote}/${reader.place.name}`) ? [{ origin, reader }] : [];
    });
  }

  /** What a grant shows from now on, whether it was there or not; `null`: all. */
  rescope(origin: Member, reader: Member, scope: SimScope | null): void {
    if (origin === reader || origin.identity === null || reader.identity === null) return;
    const [of, to] = [origin.place.name, reader.place.name];
    this.#expect(this.hub.service.applyGrant(of, to, scope?.scope ?? null));
    this.#grants.set(`${of}/${to}`, scope);
    this.#tellEdges();
  }

  /** An RCC of `reader` under a name that may have named another origin before. */
  applyRcc(reader: Member, rcc: string, origin: Member): void {
    if (origin === reader || origin.identity === null || reader.identity === null) return;
    const [own, remote] = [reader.place.name, origin.place.name];
    const isTaken = [...this.#rccs].some(
      ([id, named]) => named === remote && id.startsWith(`${own}/`) && id !== `${own}/${rcc}`,
    );
    if (isTaken) return;
    this.#apply(own, rcc, remote, false);
  }

  /** The same RCC asks for labels with its prefix, or no longer. */
  relabelRcc(reader: Member, rcc: string): void {
    const id = `${reader.place.name}/${rcc}`;
    const remote = this.#rccs.get(id);
    if (reader.identity === null || remote === undefined) return;
    this.#apply(reader.place.name, rcc, remote, !this.#prefixed.has(id));
  }

  /** The same RCC asks for routes, or no longer. */
  rerouteRcc(reader: Member, rcc: string, isRouted: boolean): void {
    const id = `${reader.place.name}/${rcc}`;
    const remote = this.#rccs.get(id);
    if (reader.identity === null || remote === undefined) return;
    if (isRouted) this.#routed.add(id);
    else this.#routed.delete(id);
    this.#apply(reader.place.name, rcc, remote, this.#prefixed.has(id));
  }

  /** RCCs of members, by who has them and their names. */
  get rccs(): { readonly reader: Member; readonly rcc: string; readonly origin: string }[] {
    return [...this.#rccs].flatMap(([id, origin]) => {
      const [name, rcc = ""] = id.split("/");
      const reader = this.members.find(({ place }) => place.name === name);
      return reader === undefined ? [] : [{ reader, rcc, origin }];
    });
  }

  #apply(own: string, rcc: string, remote: string, isPrefixed: boolean): void {
    const id = `${own}/${rcc}`;
    const request: RccRequest = {
      name: rcc,
      remoteName: remote,
      overlayRoutingMode: this.#routed.has(id) ? "Enabled" : "Disabled",
      annotations: isPrefixed ? { [LABELS_ANNOTATION]: "prefixed" } : {},
      spec: {},
    };
    this.#expect(this.hub.service.applyRcc(own, request, "apply"));
    this.#rccs.set(id, remote);
    if (isPrefixed) this.#prefixed.add(id);
    else this.#prefixed.delete(id);
    this.#tellEdges();
  }

  deleteRcc(reader: Member, rcc: string): void {
    const id = `${reader.place.name}/${rcc}`;
    if (reader.identity === null || !this.#rccs.has(id)) return;
    this.#expect(this.hub.service.deleteRcc(reader.place.name, rcc));
    this.#rccs.delete(id);
    this.#prefixed.delete(id);
    this.#routed.delete(id);
    this.#tellEdges();
  }

  /** Of the hub while it runs, and of what its operator wants when it ends. */
  async backup(): Promise<void> {
    const hub = await this.hub.copy();
    const [rccs, prefixed] = [new Map(this.#rccs), new Set(this.#prefixed)];
    const [routed, grants] = [new Set(this.#routed), new Map(this.#grants)];
    const suspended = new Set(this.#suspended);
    this.#backup = { hub, rccs, prefixed, routed, grants, suspended };
  }

  get hasBackup(): boolean {
    return this.#backup !== null;
  }

  /** Back to the backup, hub and operator's intentions alike. */
  restore(downMs: number): void {
    if (this.#backup === null) return;
    this.#hasRestored = true;
    this.hub.restore(this.#backup.hub, downMs);
    if (this.#hasRanges) this.members[0]?.place.remark(this.hasTakenRange, isInTaken);
    this.#rccs.clear();
    for (const [id, origin] of this.#backup.rccs) this.#rccs.set(id, origin);
    this.#prefixed.clear();
    for (const id of this.#backup.prefixed) this.#prefixed.add(id);
    this.#routed.clear();
    for (const id of this.#backup.routed) this.#routed.add(id);
    this.#grants.clear();
    for (const [id, scope] of this.#backup.grants) this.#grants.set(id, scope);
    this.#suspensions++;
    this.#suspended.clear();
    for (const name of this.#backup.suspended) this.#suspended.add(name);
    this.#tellEdges();
  }

  /**
   * Everything is repaired: the hub is up, calls arrive, every member has its relays, nothing
   * stalls.
   */
  async heal(): Promise<void> {
    this.hub.lossRate = 0;
    for (const host of this.hub.origins.values()) host.sql.writesLeft = null;
    await this.world.advance(5_000);
    if (this.#hasRestored) await this.#confirmRestore();
    if (this.#hasRanges) this.members[0]?.place.remark(this.hasTakenRange, isInTaken);
    for (const { place, identity, relays } of this.members) {
      place.settle();
      for (const relay of relays) {
        if (identity === null) relay.kill();
        else if (!relay.isAlive || relay.isStopped) {
          relay.kill();
          relay.start(identity);
          await this.world.advance(1_000);
        }
      }
    }
    await this.world.advance(70_000);
  }

  /** What is the case when nothing happens any more. */
  tellQuiet(): void {
    const relays = this.members.flatMap(({ place, identity, relays: own }) =>
      identity === null
        ? []
        : own
            .filter((relay) => relay.isAlive)
            .map((relay) => ({
              relay: relay.name,
              place: place.name,
              uid: identity.membership.cluster.uid,
              felix: relay.felix,
              remotes: relay.seen(),
              pools: relay.pools,
              isSuperseded: relay.isStopped,
            })),
    );
    const origins = this.members.flatMap(({ identity }): QuietOrigin[] => {
      if (identity === null) return [];
      const origin = identity.membership.cluster.uid;
      const status = this.hub.origin(origin).event((it) => it.status());
      if (status === undefined) return [];
      const { channels, quarantined, edges, publisher, scopes } = status;
      return [
        {
          origin,
          isPublisherConnected: publisher === "connected",
          admitted: new Map(channels.map((c) => [c.channel, c.admitted])),
          digest: new Map(channels.map((c) => [c.channel, c.digest])),
          scopes: new Map(scopes.map(({ id, digest }) => [id, digest])),
          quarantined,
          ...(this.#isWatched ? { health: this.hub.healthOf(origin) } : {}),
          edges: edges.map((e) => ({
            rcc: e.rcc,
            status: e.connectionStatus,
            endpoints: e.endpoints,
          })),
        },
      ];
    });
    this.history.add({
      what: "quiet",
      relays,
      origins,
      unacknowledged: this.hub.unacknowledged,
      slices: new Map([...this.#slices].map(([place, { all }]) => [place, all])),
      edges: this.members.flatMap(({ place, identity }) =>
        identity === null ? [] : this.hub.edgesOf(place.name),
      ),
    });
  }

  /** All connections of relays. */
  get wires() {
    return this.members.flatMap(({ relays }) => relays.flatMap((relay) => relay.wires));
  }

  #tellEdges(): void {
    const uids = new Map(
      this.members.flatMap(({ place, identity }) =>
        identity === null ? [] : [[place.name, identity.membership.cluster.uid] as const],
      ),
    );
    const effective = new Map<string, string>();
    const prefixed = new Set<string>();
    const scopes = new Map<string, string>();
    const routed = new Set<string>();
    for (const [id, origin] of this.#rccs) {
      const [reader = "", rcc = ""] = id.split("/");
      const [readerUid, originUid] = [uids.get(reader), uids.get(origin)];
      const scope = this.#grants.get(`${origin}/${reader}`);
      if (readerUid === undefined || originUid === undefined || scope === undefined) continue;
      if (this.#suspended.has(reader) || this.#suspended.has(origin)) continue;
      const pair = `${readerUid} ${originUid}`;
      effective.set(pair, rcc);
      if (this.#prefixed.has(id)) prefixed.add(pair);
      if (this.#routed.has(id)) routed.add(pair);
      if (scope !== null) scopes.set(pair, scope.id);
    }
    this.history.add({ what: "edges", effective, prefixed, scopes, routed });
  }

  /** The answer of a command, while time goes on. */
  async #answer<T>(asked: Promise<Outcome<T>>): Promise<T> {
    let answer: Outcome<T> | null = null;
    void asked.then((outcome) => (answer = outcome));
    for (let waited = 0; answer === null && waited < 100; waited++) await this.world.advance(50);
    const got = answer as Outcome<T> | null;
    if (got === null) throw new Error("the Mesh did not answer within 5 s");
    if (!got.ok) throw new Error(`the Mesh refused: ${got.refusal.detail}`);
    return got.value;
  }

  /**
   * What was heard after the backup is held until the operator says that what the backup permits is
   * right. [BAK4]
   */
  async #confirmRestore(): Promise<void> {
    let isAnswered = false;
    void this.hub.service.confirmRestore().then(() => (isAnswered = true));
    while (!isAnswered) await this.world.advance(50);
  }

  /** A command that must succeed, whenever it is answered. */
  #expect(asked: Promise<Outcome<unknown>>): void {
    void asked.then((outcome) => {
      if (!outcome.ok)
        this.history.add({ what: "thrown", where: "Mesh", error: outcome.refusal.detail });
    });
  }
}

export function podRange(number: number): string {
  return `10.${number}.0.0/16`;
}
