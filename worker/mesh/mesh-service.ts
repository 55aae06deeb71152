/**
 * A Mesh with its outbox at work: commits a decision, pushes what it changed, and answers when
 * every Origin concerned holds it or after two seconds, whichever is first. The Durable Object
 * around it adds an alarm; tests add their own ports.
 */
import type { ClusterNote, OriginFacts, RangeClaim } from "../../shared/visibility/facts.ts";
import type { MeshCalls } from "../ports.ts";
import { applyGrant, createGrant, deleteGrant, getGrant, listGrants } from "./grants.ts";
import { addCluster, createMesh, deleteMesh, join, newToken, removeCluster } from "./membership.ts";
import type { Changed, Member, MeshAdmin } from "./mesh-calls.ts";
import type { Mesh } from "./mesh.ts";
import { noteCluster } from "./notes.ts";
import { Refused } from "./outcome.ts";
import { orderPath, pathOf } from "./path-checks.ts";
import { preflightOf } from "./preflight-view.ts";
import type { Outcome } from "./outcome.ts";
import { dueEntries, nextDueMs, pushAll } from "./outbox.ts";
import type { FindOrigin } from "./outbox.ts";
import { checkNarrowing } from "./narrowing.ts";
import { claimRanges, rangesAfter, setRanges } from "./ranges.ts";
import type { RangesChange } from "./ranges.ts";
import { applyRcc, deleteRcc, getRcc, listAllRccs, listRccs } from "./rccs.ts";
import type { RccsPart } from "./rccs.ts";
import type { ClusterRow } from "./registry.ts";
import { setSuspended } from "./suspension.ts";
import { clustersOf, overviewOf, viewCluster, viewOf } from "./views.ts";
import { decideWithdrawals } from "./withdrawals.ts";

export interface MeshServicePorts {
  readonly findOrigin: FindOrigin;
  /**
   * A wait that can be called off: a timer left behind would keep an idle object awake, and billed.
   */
  delay(ms: number): { readonly over: Promise<void>; cancel(): void };
  /** Calls `onAlarm` at that Unix time; a later call replaces it. */
  setAlarm(atMs: number): void;
}

/** How long an admin request waits for Origins. */
const PROPAGATION_MS = 2_000;

/** What Origins ask about facts; see `MeshCalls`. */
type FactsCalls = Omit<MeshCalls, "noteHealth">;

export class MeshService implements MeshAdmin, FactsCalls {
  readonly #mesh: Mesh;
  readonly #ports: MeshServicePorts;
  readonly #who: string;

  /** @param who Asks, for the audit. */
  constructor(mesh: Mesh, ports: MeshServicePorts, who = "admin") {
    this.#mesh = mesh;
    this.#ports = ports;
    this.#who = who;
  }

  async createMesh(name: string): ReturnType<MeshAdmin["createMesh"]> {
    return this.#change(() => createMesh(this.#mesh, name));
  }

  async getMesh(): ReturnType<MeshAdmin["getMesh"]> {
    return this.#mesh.ask(() => this.#mesh.requireMesh());
  }

  async deleteMesh(): ReturnType<MeshAdmin["deleteMesh"]> {
    return this.#change(() => (deleteMesh(this.#mesh), {}));
  }

  async confirmRestore(): ReturnType<MeshAdmin["confirmRestore"]> {
    return this.#change(() => (this.#mesh.confirmRestore(), {}));
  }

  async addCluster(name: string, ranges: RangesChange = {}): ReturnType<MeshAdmin["addCluster"]> {
    return this.#change(() => {
      const { cluster, token } = addCluster(this.#mesh, name, ranges);
      return { cluster: this.#view(cluster), token };
    });
  }

  async setRanges(name: string, change: RangesChange): ReturnType<MeshAdmin["setRanges"]> {
    const checked = await checkNarrowing(this.#mesh, this.#ports.findOrigin, name, change);
    if (!checked.ok) return checked;
    return this.#change(() => {
      this.#mesh.requireMesh();
      const cluster = this.#mesh.requireCluster(name);
      // The Origin was asked meanwhile, and others may have decided.
      if (JSON.stringify(rangesAfter(this.#mesh, cluster, change)) !== checked.value)
        throw new Refused(409, "changed-meanwhile", "the ranges have changed meanwhile: try again");
      setRanges(this.#mesh, cluster, change);
      this.#mesh.audit.operator(this.#who, "cluster set", `${name} ${checked.value}`);
      return { cluster: this.#view(this.#mesh.requireCluster(name)) };
    });
  }

  async listClusters(part: RccsPart = {}): ReturnType<MeshAdmin["listClusters"]> {
    return this.#mesh.ask(() => {
      this.#mesh.requireMesh();
      return clustersOf(this.#mesh, part).map((cluster) => this.#view(cluster));
    });
  }

  async getCluster(name: string): ReturnType<MeshAdmin["getCluster"]> {
    return this.#mesh.ask(() => {
      this.#mesh.requireMesh();
      return this.#view(this.#mesh.requireCluster(name));
    });
  }

  async removeCluster(name: string): ReturnType<MeshAdmin["removeCluster"]> {
    return this.#change(() => (removeCluster(this.#mesh, name), {}));
  }

  async suspendCluster(name: string, isOn: boolean): ReturnType<MeshAdmin["suspendCluster"]> {
    return this.#change(() => (setSuspended(this.#mesh, name, isOn), {}));
  }

  async newToken(name: string): ReturnType<MeshAdmin["newToken"]> {
    return this.#change(() => newToken(this.#mesh, name));
  }

  async decideWithdrawals(
    ...args: Parameters<MeshAdmin["decideWithdrawals"]>
  ): ReturnType<MeshAdmin["decideWithdrawals"]> {
    return this.#change(() => ({ keys: decideWithdrawals(this.#mesh, ...args) }));
  }

  async join(...args: Parameters<MeshAdmin["join"]>): ReturnType<MeshAdmin["join"]> {
    // A token of a mesh that never was must not make one on disk.
    if (this.#mesh.row() === undefined) return this.#mesh.ask(() => join(this.#mesh, ...args));
    return this.#change(() => join(this.#mesh, ...args));
  }

  async applyRcc(...args: Parameters<MeshAdmin["applyRcc"]>): ReturnType<MeshAdmin["applyRcc"]> {
    return this.#change(() => applyRcc(this.#mesh, ...args));
  }

  async listRccs(cluster: string): ReturnType<MeshAdmin["listRccs"]> {
    return this.#mesh.ask(() => listRccs(this.#mesh, cluster));
  }

  async listAllRccs(part = {}): ReturnType<MeshAdmin["listAllRccs"]> {
    return this.#mesh.ask(() => listAllRccs(this.#mesh, part));
  }

  async getRcc(cluster: string, name: string): ReturnType<MeshAdmin["getRcc"]> {
    return this.#mesh.ask(() => getRcc(this.#mesh, cluster, name));
  }

  async deleteRcc(...args: Parameters<MeshAdmin["deleteRcc"]>): ReturnType<MeshAdmin["deleteRcc"]> {
    return this.#change(() => (deleteRcc(this.#mesh, ...args), {}));
  }

  async createGrant(
    ...[origin, reader, scope = null]: Parameters<MeshAdmin["createGrant"]>
  ): ReturnType<MeshAdmin["createGrant"]> {
    return this.#change(() => ({ grant: createGrant(this.#mesh, origin, reader, scope) }));
  }

  async applyGrant(
    ...args: Parameters<MeshAdmin["applyGrant"]>
  ): ReturnType<MeshAdmin["applyGrant"]> {
    return this.#change(() => applyGrant(this.#mesh, ...args));
  }

  async deleteGrant(
    ...args: Parameters<MeshAdmin["deleteGrant"]>
  ): ReturnType<MeshAdmin["deleteGrant"]> {
    return this.#change(() => (deleteGrant(this.#mesh, ...args), {}));
  }

  async getGrant(origin: string, reader: string): ReturnType<MeshAdmin["getGrant"]> {
    return this.#mesh.ask(() => getGrant(this.#mesh, origin, reader));
  }

  async listGrants(origin: string | null): ReturnType<MeshAdmin["listGrants"]> {
    return this.#mesh.ask(() => listGrants(this.#mesh, origin));
  }

  async overview(): ReturnType<MeshAdmin["overview"]> {
    return this.#mesh.ask(() => overviewOf(this.#mesh));
  }

  async viewOf(cluster: string): ReturnType<MeshAdmin["viewOf"]> {
    return this.#mesh.ask(() => viewOf(this.#mesh, cluster));
  }

  async preflight(
    ...[names]: Parameters<MeshAdmin["preflight"]>
  ): ReturnType<MeshAdmin["preflight"]> {
    return this.#mesh.ask(() => preflightOf(this.#mesh, names));
  }

  async orderPath(...args: Parameters<MeshAdmin["orderPath"]>): ReturnType<MeshAdmin["orderPath"]> {
    return this.#change(() => orderPath(this.#mesh, ...args));
  }

  async pathOf(...args: Parameters<MeshAdmin["pathOf"]>): ReturnType<MeshAdmin["pathOf"]> {
    return this.#mesh.ask(() => pathOf(this.#mesh, ...args));
  }

  async audit(limit: number): ReturnType<MeshAdmin["audit"]> {
    return this.#mesh.ask(() => {
      this.#mesh.requireMesh();
      return this.#mesh.audit.rows(limit);
    });
  }

  async pullFacts(clusterUid: string): Promise<OriginFacts | null> {
    return this.#mesh.facts(clusterUid);
  }

  async noteCluster(clusterUid: string, note: ClusterNote): Promise<OriginFacts | null> {
    return this.#asOrigin(clusterUid, (cluster) => noteCluster(this.#mesh, cluster, note));
  }

  /** The answer carries the new facts, and the outbox brings them again: an answer may be lost. */
  async claimRanges(
    clusterUid: string,
    claims: readonly RangeClaim[],
  ): Promise<OriginFacts | null> {
    return this.#asOrigin(clusterUid, (cluster) => claimRanges(this.#mesh, cluster, claims));
  }

  #asOrigin(clusterUid: string, work: (cluster: ClusterRow) => void): OriginFacts | null {
    const cluster = this.#mesh.member(clusterUid);
    if (cluster !== undefined && !cluster.removed) {
      const decided = this.#mesh.decide(() => work(cluster));
      this.#schedule();
      // Others whose facts have changed hear it at once; what does not get through is retried by
      // the alarm.
      if (decided.ok) this.#pushOthers(decided.value.changed.filter((uid) => uid !== clusterUid));
    }
    return this.#mesh.facts(clusterUid);
  }

  #pushOthers(uids: readonly string[]): void {
    if (uids.length > 0) void pushAll(this.#mesh, uids, this.#ports.findOrigin);
  }

  /** Before anything else, once. */
  onStart(): void {
    if (this.#mesh.tellAfterOlder()) this.#schedule();
  }

  /**
   * Retries what is due. Never throws: an alarm that throws is dropped by the platform after a few
   * attempts.
   */
  async onAlarm(): Promise<void> {
    const due = dueEntries(this.#mesh, this.#mesh.environment.clock.now());
    await pushAll(this.#mesh, due, this.#ports.findOrigin);
    this.#schedule();
  }

  async #change<T extends object>(work: () => T): Promise<Outcome<Changed<T>>> {
    const decided = this.#mesh.decide(work, this.#who);
    if (!decided.ok) return decided;
    const { value, changed, isLate } = decided.value;
    if (changed.length === 0) return { ok: true, value: { ...value, propagated: !isLate } };
    // Before the first try: should this object end in the middle of it, the alarm goes on.
    this.#schedule();
    const patience = this.#ports.delay(PROPAGATION_MS);
    const isPushed = await Promise.race([
      pushAll(this.#mesh, changed, this.#ports.findOrigin),
      patience.over.then(() => false),
    ]);
    patience.cancel();
    return { ok: true, value: { ...value, propagated: isPushed && !isLate } };
  }

  #schedule(): void {
    const atMs = nextDueMs(this.#mesh, this.#mesh.environment.clock.now());
    if (atMs !== null) this.#ports.setAlarm(atMs);
  }

  #view(cluster: ClusterRow): Member {
    return viewCluster(this.#mesh, cluster);
  }
}
