/**
 * A hub: one Mesh object and an Origin object for every cluster, and the calls between them, which
 * may be lost, late, repeated or out of order.
 */
import { admissionFacts } from "../../shared/admission/judge.ts";
import type { OriginFacts } from "../../shared/visibility/facts.ts";
import type { ClusterHealth } from "../../shared/visibility/health.ts";
import { MeshService } from "../../worker/mesh/mesh-service.ts";
import { SqlMeshStore } from "../../worker/mesh/mesh-store.ts";
import { Mesh } from "../../worker/mesh/mesh.ts";
import { listMemberRccs } from "../../worker/mesh/rccs.ts";
import { healthIn } from "../../worker/mesh/webhooks/health-row.ts";
import { noteHealth } from "../../worker/mesh/webhooks/note-health.ts";
import type { Peer } from "../../worker/origin/peer.ts";
import { refusedBy } from "../../worker/origin/publisher/review-admitted.ts";
import type { OriginCalls } from "../../worker/ports.ts";
import { conditionsOf } from "../../worker/routes/conditions.ts";
import { seenBy } from "../../worker/routes/edge-state.ts";
import type { History, QuietEdge, ToldHealth } from "./history.ts";
import type { HubEnd, Wire } from "./network.ts";
import { OriginHost } from "./origin-host.ts";
import type { OriginCopy } from "./origin-host.ts";
import { Rng } from "./random.ts";
import { SimSql } from "./sql.ts";
import type { SqlCopy } from "./sql.ts";
import type { World } from "./world.ts";

/** Unix ms at which a run begins, on the hub's clock. */
const BEGIN_MS = 1_800_000_000_000;

/** All of a hub's storage at one time. */
export interface HubCopy {
  readonly mesh: SqlCopy;
  readonly origins: ReadonlyMap<string, OriginCopy>;
}

export class Hub implements HubEnd {
  /** Nobody answers while it is not. */
  isUp = true;
  /** Share of calls between objects that are lost, on their way or on their way back. */
  lossRate = 0.1;
  readonly origins = new Map<string, OriginHost>();
  readonly #world: World;
  readonly #history: History;
  readonly #sql = new SimSql();
  readonly #ids = new Rng(1);
  #service: MeshService;
  #mesh: Mesh;
  /** Of the hub's process. */
  #boot = 0;
  /** Of the instance of the Mesh; calls of an earlier one are never answered. */
  #life = 0;
  #jumpMs = 0;
  /** An alarm's handler runs: the platform calls it again when it does not come to its end. */
  #isRinging = false;
  #cancelAlarm: () => void = () => undefined;
  #sockets = 0;
  /** What Origins tell of their clusters' health is taken. */
  readonly #isWatched: boolean;
  /** On the hub's clock, as its launcher tells the Mesh; 0 for never. */
  #restoredAtMs = 0;

  constructor(world: World, history: History, isWatched: boolean) {
    this.#world = world;
    this.#isWatched = isWatched;
    this.#history = history;
    [this.#mesh, this.#service] = this.#makeMesh();
  }

  get service(): MeshService {
    return this.#service;
  }

  /** Facts that Origins have not acknowledged. */
  get unacknowledged(): number {
    return this.#mesh.store.count("outbox");
  }

  /** Pod ranges of a cluster, as the Mesh has decided. */
  rangesOf(uid: string): readonly string[] {
    return this.#mesh.ranges(uid).pods;
  }

  wallMs(): number {
    return BEGIN_MS + this.#world.now + this.#jumpMs;
  }

  /** Timers and alarms that are set already go on: they count on a clock that does not jump. */
  jump(ms: number): void {
    this.#trouble(ms < 0 ? "the hub's clock goes back" : "the hub's clock jumps ahead");
    this.#jumpMs += ms;
  }

  accept(target: string, peer: Peer, wire: Wire): string | null {
    if (!this.isUp) return null;
    const socket = `s${this.#sockets++}`;
    this.origin(target).open(socket, peer, wire);
    return socket;
  }

  receive(target: string, socket: string, bytes: Uint8Array): void {
    this.origin(target).receive(socket, bytes);
  }

  closed(target: string, socket: string): void {
    this.origin(target).closed(socket);
  }

  origin(uid: string): OriginHost {
    const known = this.origins.get(uid);
    if (known !== undefined) return known;
    const mesh = {
      facts: (of: string) => this.#call(() => this.#service.pullFacts(of)),
      claim: (...args: Parameters<MeshService["claimRanges"]>) =>
        this.#call(() => this.#service.claimRanges(...args)),
      note: (...args: Parameters<MeshService["noteCluster"]>) =>
        this.#call(() => this.#service.noteCluster(...args)),
      health: (of: string, health: ClusterHealth) =>
        this.#isWatched ? this.#tellHealth(of, health) : null,
      version: (of: string) => this.#mesh.facts(of)?.accessVersion ?? 0,
      wallMs: () => this.wallMs(),
    };
    const host = new OriginHost(uid, this.#world, mesh, this.#history);
    this.origins.set(uid, host);
    return host;
  }

  /** As the Mesh has it, by the cluster's UID. */
  healthOf(uid: string): ToldHealth {
    const row = this.#mesh.store.get("health", uid);
    if (row === undefined) return { state: "ok", codes: [] };
    const { state, reasons } = healthIn(row);
    return { state, codes: reasons.map(({ code }) => code) };
  }

  /** Of all RCCs of a cluster that name members, as the admin API tells them. */
  edgesOf(name: string): QuietEdge[] {
    const statusOf = (uid: string) => this.origin(uid).event((it) => it.status()) ?? null;
    return listMemberRccs(this.#mesh, name).map((rcc) => {
      const [origin, reader] = [rcc.remote.uid, this.#mesh.requireCluster(name).uid];
      const now = this.wallMs();
      const { report, ...seen } = seenBy(rcc, statusOf(reader), statusOf(origin), now);
      const reportedStatus = report?.connectionStatus ?? null;
      const edge = { ...seen, reasons: [...seen.reasons], reportedStatus };
      const conditions = conditionsOf(rcc.edge, { edge, healthMs: now });
      return { reader, origin, conditions };
    });
  }

  #tellHealth(uid: string, health: ClusterHealth): Promise<void> {
    const { silentMs } = this.origin(uid);
    return this.#call(() => {
      const cluster = this.#mesh.member(uid);
      if (cluster === undefined || cluster.removed) return Promise.resolve();
      const before = this.healthOf(uid);
      this.#mesh.decide(() => noteHealth(this.#mesh, cluster, health));
      const told = this.healthOf(uid);
      if (JSON.stringify(told) !== JSON.stringify(before))
        this.#history.add({ what: "health", uid, told, silentMs });
      return Promise.resolve();
    });
  }

  /** The Mesh object ends and starts anew from its storage; its alarm stays. */
  killMesh(): void {
    [this.#mesh, this.#service] = this.#makeMesh();
    if (this.#isRinging) this.#later(1_000, () => this.#ring());
  }

  /** The whole hub ends, and all calls under way with it; it answers again after a while. */
  kill(downMs: number): void {
    this.isUp = false;
    this.#boot++;
    for (const host of this.origins.values()) host.die();
    this.killMesh();
    this.#world.after(downMs, () => (this.isUp = true));
  }

  /**
   * One database after the other, as `catwalk hub backup` does: the Mesh's last, a while later.
   * [BAK1]
   */
  async copy(): Promise<HubCopy> {
    const origins = new Map([...this.origins].map(([uid, host]) => [uid, host.copy()]));
    await this.#world.advance(this.#world.rng.below(300));
    return { mesh: this.#sql.copy(), origins };
  }

  /** Is stopped, its data folder is what a backup holds, and it is started again. */
  restore(copy: HubCopy, downMs: number): void {
    this.#history.add({ what: "restored" });
    for (const [uid, host] of this.origins) {
      host.putBackCopy(copy.origins.get(uid) ?? null);
      // Older copies may be of a time that the Mesh knows nothing of any more.
      host.keepCopy();
    }
    this.#sql.putBack(copy.mesh);
    // By a clock that is right: an operator who restores twice under a clock that goes back is
    // warned of. [VIS31]
    this.#restoredAtMs = BEGIN_MS + this.#world.now;
    this.kill(downMs);
    const told = new Map([...this.origins.keys()].map((uid) => [uid, this.healthOf(uid)]));
    if (this.#isWatched) this.#history.add({ what: "remembered", told });
  }

  close(): void {
    this.#life++;
    for (const host of this.origins.values()) host.close();
    this.#sql.close();
  }

  #makeMesh(): [Mesh, MeshService] {
    const life = ++this.#life;
    const mesh = new Mesh(new SqlMeshStore(this.#sql), {
      clock: { now: () => this.wallMs() },
      randomHex: (bytes) => this.#ids.hex(bytes),
    });
    mesh.noteRestore(this.#restoredAtMs);
    const service = new MeshService(mesh, {
      findOrigin: (name) => this.#originCalls(name.split(":")[1] ?? "", life),
      delay: (ms) => {
        let cancel = (): void => undefined;
        const over = new Promise<void>((resolve) => {
          cancel = this.#later(ms, () => {
            if (this.#life === life) resolve();
          });
        });
        return { over, cancel };
      },
      setAlarm: (atMs) => this.#setAlarm(atMs),
    });
    return [mesh, service];
  }

  #setAlarm(atMs: number): void {
    this.#cancelAlarm();
    this.#cancelAlarm = this.#later(Math.max(0, atMs - this.wallMs()), () => this.#ring());
  }

  #ring(): void {
    const life = this.#life;
    this.#isRinging = true;
    void this.#service.onAlarm().then(() => {
      if (life === this.#life) this.#isRinging = false;
    });
  }

  #originCalls(uid: string, life: number): Pick<OriginCalls, "setFacts" | "refusedBy"> {
    return {
      refusedBy: (ranges, most) =>
        this.#call(() => {
          const found = this.origin(uid).event((origin) => {
            const admission = admissionFacts(ranges, []);
            const search = origin.read((logs) => refusedBy(logs, admission, most));
            for (let step = search.next(); ; step = search.next())
              if (step.done === true) return step.value;
          });
          if (found === undefined) throw new Error("the Origin failed");
          return Promise.resolve(found);
        }, life),
      setFacts: async (facts: OriginFacts) => {
        const answer = await this.#call(() => {
          const version = this.origin(uid).event((origin) => origin.onFacts(facts));
          if (version === undefined) throw new Error("the Origin failed");
          return Promise.resolve({ accessVersion: version });
        }, life);
        // Once more, late: a call that was repeated on its way.
        const boot = this.#boot;
        if (this.#world.rng.chance(0.1))
          this.#later(this.#world.rng.below(1_500), () => {
            if (!this.isUp || boot !== this.#boot) return;
            this.#trouble("a call between objects is repeated");
            this.origin(uid).event((origin) => origin.onFacts(facts));
          });
        return answer;
      },
    };
  }

  /**
   * A call to another object: there and back take their time, and either may not arrive.
   * @param life Of the calling Mesh, when it calls.
   */
  #call<T>(work: () => Promise<T>, life?: number): Promise<T> {
    const { rng } = this.#world;
    const boot = this.#boot;
    const [thereMs, backMs] = [rng.below(40), rng.chance(0.1) ? rng.below(600) : rng.below(40)];
    const [isLost, isLostBack] = [rng.chance(this.lossRate), rng.chance(this.lossRate)];
    return new Promise<T>((resolve, reject) => {
      const back = (answer: () => void): void => {
        this.#later(backMs, () => {
          if (life === undefined || life === this.#life) answer();
        });
      };
      const fail = (why: unknown): void => back(() => reject(new Error(String(why))));
      this.#later(thereMs, () => {
        if (isLost || !this.isUp || boot !== this.#boot) {
          this.#trouble("a call between objects is lost");
          return fail("the call was lost");
        }
        try {
          work().then((value) => {
            if (!isLostBack) return back(() => resolve(value));
            this.#trouble("an answer between objects is lost");
            fail("the answer was lost");
          }, fail);
        } catch (error) {
          fail(error);
        }
      });
    });
  }

  #trouble(name: string): void {
    this.#history.add({ what: "trouble", name });
  }

  /** An event after which promises go on. */
  #later(ms: number, run: () => void): () => void {
    return this.#world.after(ms, () => {
      this.#world.hasSettled = true;
      run();
    });
  }
}
