/**
 * The registry of one mesh as decisions over a store: each is one transaction that either changes
 * rows or is refused by name.
 *
 * A change counts when it changes what some Origin must know. A decision names the clusters it may
 * touch; their facts are computed before and after, and where they differ the mesh's accessVersion
 * rises by one, the cluster's facts take that version and go to the outbox. So no command can
 * forget to tell an Origin, and repeating a command is free. [VIS23] [VIS24]
 */
import type { Clock } from "../../shared/lib/clock.ts";
import type { AccessRegistry, BoundRcc } from "../../shared/visibility/access.ts";
import { computeFacts } from "../../shared/visibility/access.ts";
import type { OriginFacts, PinnedRanges, RefusedClaim } from "../../shared/visibility/facts.ts";
import type { OverlayOrder } from "../../shared/visibility/overlay-order.ts";
import type { WithdrawalOrder } from "../../shared/visibility/withdrawal-order.ts";
import { Audit } from "./audit.ts";
import type { MeshStore } from "./mesh-store.ts";
import { toldClaim } from "./told-claim.ts";
import type { Outcome } from "./outcome.ts";
import { Refused } from "./outcome.ts";
import { OverlayPairs } from "./overlay-pairs.ts";
import type { ClusterRow, MeshRow, RefusedRow, ScopedGrantRow, WholeGrant } from "./registry.ts";

export interface MeshEnvironment {
  readonly clock: Clock;
  /** Unpredictable; lower-case hex of `bytes` bytes. */
  readonly randomHex: (bytes: number) => string;
}

/** A decision's value, and the clusters whose facts it changed. */
export interface Decided<T> {
  readonly value: T;
  readonly changed: readonly string[];
  /** Others that it is about lack a decision before it. [VIS24] */
  readonly isLate: boolean;
}

/** Until the outbox tries by itself, when the first try inside the request did not get through. */
const FIRST_RETRY_MS = 1_000;
/** More accessVersions than any mesh hands out between a backup and its restore. */
const RESTORE_LEAP = 2 ** 20;
/**
 * And in a millisecond: one backup may be restored twice, and its numbers must not be handed out
 * from the same place again. Safe integers for 200 years.
 */
const VERSIONS_A_MS = 1_024;
/** A counter: the version that a program which knows scopes has handed out last. */
const SCOPED_VERSION = "scoped-version";

export class Mesh implements AccessRegistry {
  readonly store: MeshStore;
  readonly environment: MeshEnvironment;
  readonly audit: Audit;
  readonly overlay: OverlayPairs;
  #touched = new Map<string, string>();
  #actor = "admin";

  constructor(store: MeshStore, environment: MeshEnvironment) {
    this.store = store;
    this.environment = environment;
    this.audit = new Audit(store, environment.clock);
    this.overlay = new OverlayPairs(this);
  }

  /** The mesh, unless it was never made or is removed. */
  row(): MeshRow | undefined {
    const row = this.store.get("mesh", "mesh");
    return row === undefined || row.removed ? undefined : row;
  }

  /** @throws Refused */
  requireMesh(): MeshRow {
    const row = this.row();
    if (row === undefined) throw new Refused(404, "no-such-mesh", "there is no mesh of this name");
    return row;
  }

  /** @throws Refused */
  requireCluster(name: string): ClusterRow {
    const uid = this.store.get("names", name)?.uid;
    const row = uid === undefined ? undefined : this.store.get("clusters", uid);
    if (row === undefined)
      throw new Refused(404, "no-such-cluster", `the mesh has no cluster named ${name}`);
    return row;
  }

  clusters(): readonly ClusterRow[] {
    return this.store.list("names").flatMap(([, { uid }]) => this.store.get("clusters", uid) ?? []);
  }

  /** Reads that may be refused. */
  ask<T>(work: () => T): Outcome<T> {
    try {
      return { ok: true, value: work() };
    } catch (error) {
      this.overlay.reset();
      if (error instanceof Refused) return { ok: false, refusal: error.refusal };
      throw error;
    }
  }

  /**
   * One transaction; a refusal changes nothing. `work` calls `touch` before it writes what may
   * change a cluster's facts.
   * @param who For the audit.
   */
  decide<T>(work: () => T, who = "admin"): Outcome<Decided<T>> {
    this.#touched = new Map();
    this.#actor = who;
    return this.ask(() =>
      this.store.transaction(() => {
        const value = work();
        const changed = this.#publishChanges();
        const others = [...this.#touched.keys()].filter((uid) => !changed.includes(uid));
        return { value, changed, isLate: others.some((uid) => this.store.get("outbox", uid)) };
      }),
    );
  }

  /** Who has asked for the decision that is being made. */
  get actor(): string {
    return this.#actor;
  }

  touch(...uids: readonly string[]): void {
    for (const uid of uids)
      if (!this.#touched.has(uid)) this.#touched.set(uid, this.#factsText(uid));
  }

  facts(uid: string): OriginFacts | null {
    const facts = computeFacts(this, uid);
    const unconfirmedRestore = this.unconfirmedRestore();
    return facts === null || unconfirmedRestore === null ? facts : { ...facts, unconfirmedRestore };
  }

  /** Unix ms of a restore whose state no operator has confirmed; `null`: there is none. [BAK4] */
  unconfirmedRestore(): number | null {
    const restoredMs = this.restoredMs();
    const confirmedMs = this.store.get("counters", "confirmed")?.value ?? 0;
    return restoredMs === confirmedMs ? null : restoredMs;
  }

  /** Unix ms of the last restore, confirmed or not; 0: there was none. */
  restoredMs(): number {
    return this.store.get("counters", "restored")?.value ?? 0;
  }

  /**
   * What is permitted now is what the operator wants: relays that held more back follow.
   * @throws Refused
   */
  confirmRestore(): void {
    this.requireMesh();
    const restoredMs = this.unconfirmedRestore();
    if (restoredMs === null)
      throw new Refused(409, "nothing-to-confirm", "this mesh was not restored, or is confirmed");
    this.touch(...this.clusters().map(({ uid }) => uid));
    this.store.put("counters", "confirmed", { value: restoredMs });
    this.audit.operator(this.#actor, "mesh confirm-restore", new Date(restoredMs).toISOString());
  }

  member(uid: string): ClusterRow | undefined {
    return this.store.get("clusters", uid);
  }

  isMember(uid: string): boolean {
    return this.member(uid)?.removed === false;
  }

  rccsOf(clusterUid: string): readonly BoundRcc[] {
    return this.store.list("rccs", `${clusterUid}/`).map(([, row]) => row);
  }

  rccTo(clusterUid: string, remoteUid: string): BoundRcc | undefined {
    return this.store.get("rccs", `${clusterUid}/${remoteUid}`);
  }

  readersGrantedBy(originUid: string): readonly string[] {
    const prefix = `${originUid}/`;
    const ids = [...this.store.list("grants", prefix), ...this.store.list("scoped", prefix)];
    return [...new Set(ids.map(([id]) => id.slice(prefix.length)))];
  }

  /**
   * A pair has one grant at most. Where a hub that knows no scopes has added one of everything, the
   * scope holds until somebody decides. [SCP3]
   */
  grantOf(originUid: string, readerUid: string): ScopedGrantRow | WholeGrant | undefined {
    const id = `${originUid}/${readerUid}`;
    const whole = this.store.get("grants", id);
    return this.store.get("scoped", id) ?? (whole && { ...whole, scope: null });
  }

  ranges(clusterUid: string): PinnedRanges {
    const rows = this.store.list("ranges", `${clusterUid}/`).map(([, row]) => row);
    const of = (use: string): readonly string[] =>
      rows.filter((row) => row.use === use).map((row) => row.cidr);
    const shared = of("shared");
    return { pods: of("pods"), nodes: of("nodes"), ...(shared.length === 0 ? {} : { shared }) };
  }

  /** As the cluster itself is told: whose range is in the way is the operator's to know. [VIS48] */
  refusedClaims(clusterUid: string): readonly RefusedClaim[] {
    const name = this.member(clusterUid)?.name ?? "NAME";
    return this.refusedRows(clusterUid).map((row) => toldClaim(row, name));
  }

  refusedRows(clusterUid: string): readonly RefusedRow[] {
    return this.store.list("refused", `${clusterUid}/`).map(([, row]) => row);
  }

  poolsOf(clusterUid: string): readonly string[] {
    return this.store.get("pools", clusterUid)?.cidrs ?? [];
  }

  exportsOf(clusterUid: string): ReturnType<AccessRegistry["exportsOf"]> {
    return this.store.get("exports", clusterUid);
  }

  overlayHashOf(clusterUid: string): string | undefined {
    return this.store.get("summaries", clusterUid)?.hash;
  }

  withdrawalOrder(clusterUid: string): WithdrawalOrder | undefined {
    return this.store.get("withdrawals", clusterUid);
  }

  overlayOrder(clusterUid: string, remoteUid: string): OverlayOrder | undefined {
    return this.overlay.order(clusterUid, remoteUid);
  }

  /** Rises with every effective change and never goes back, also when the mesh is made anew. */
  version(): number {
    return this.store.get("counters", "version")?.value ?? 0;
  }

  /**
   * This storage was put back as it was at an earlier time. Numbers that were handed out since are
   * held by Origins and relays, who would take a change under one of them for old news: the next
   * change goes far beyond them. What is held stays held until then. [VIS31]
   * @param atMs When it was restored; 0 for never.
   */
  noteRestore(atMs: number): void {
    if (atMs === 0 || this.store.get("mesh", "mesh") === undefined) return;
    this.store.transaction(() => {
      if ((this.store.get("counters", "restored")?.value ?? 0) === atMs) return;
      this.store.put("counters", "restored", { value: atMs });
      const isOwn = !this.#hasOlderDecided();
      // fault: restored-twice
      const version = Math.max(this.version() + RESTORE_LEAP, atMs * VERSIONS_A_MS);
      this.store.put("counters", "version", { value: version });
      if (isOwn) this.store.put("counters", SCOPED_VERSION, { value: version });
    });
  }

  /**
   * A hub that knows no scopes has decided here meanwhile. What it told lacks the grants with a
   * scope, under a version that Origins would not take again: they are told by a newer one. [SCP3]
   * @returns Whether the outbox has something for it.
   */
  tellAfterOlder(): boolean {
    const scoped = this.store.list("scoped");
    if (scoped.length === 0 || !this.#hasOlderDecided()) return false;
    const uids = new Set(scoped.flatMap(([id]) => id.split("/")));
    this.store.transaction(() => this.#publish([...uids].filter((uid) => this.isMember(uid))));
    return true;
  }

  #hasOlderDecided(): boolean {
    return this.store.get("counters", SCOPED_VERSION)?.value !== this.version();
  }

  #publishChanges(): readonly string[] {
    const changed = [...this.#touched]
      .filter(([uid, before]) => before !== this.#factsText(uid))
      .map(([uid]) => uid);
    if (changed.length > 0) this.#publish(changed);
    return changed;
  }

  /** Their facts have another version, and go to the outbox. */
  #publish(changed: readonly string[]): void {
    const version = this.version() + 1;
    this.store.put("counters", "version", { value: version });
    this.store.put("counters", SCOPED_VERSION, { value: version });
    const dueMs = this.environment.clock.now() + FIRST_RETRY_MS;
    for (const uid of changed) {
      const row = this.store.get("clusters", uid);
      if (row === undefined) continue;
      this.store.put("clusters", uid, { ...row, factsVersion: version });
      this.store.put("outbox", uid, { version, attempts: 0, dueMs });
    }
  }

  /** Everything of the facts but their version. */
  #factsText(uid: string): string {
    const facts = this.facts(uid);
    return facts === null ? "" : JSON.stringify({ ...facts, accessVersion: 0 });
  }
}
