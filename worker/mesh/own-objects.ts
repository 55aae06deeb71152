/**
 * What a relay writes of its own cluster, and reads of it: RCCs and grants of custom resources.
 * Which cluster that is comes from its credential alone. [CRD4] [CRD5]
 */
import type { RccRequest } from "../../shared/visibility/rcc.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import type { CallNames } from "./calls-by-name.ts";
import { applyGrant, deleteGrant, listGrants } from "./grants.ts";
import type { Grant } from "./grants.ts";
import type { MeshServicePorts } from "./mesh-service.ts";
import type { Mesh } from "./mesh.ts";
import { Refused } from "./outcome.ts";
import type { Outcome, Refusal } from "./outcome.ts";
import { nextDueMs, pushAll } from "./outbox.ts";
import { applyRcc, deleteRcc, listRccs } from "./rccs.ts";
import type { Rcc } from "./rccs.ts";
import type { ClusterRow } from "./registry.ts";

/** Of a relay's credential, which the hub has signed. */
export interface OwnCaller {
  readonly meshId: string;
  readonly clusterUid: string;
  readonly keyGeneration: number;
}

export type OwnChange =
  | { readonly op: "apply-rcc"; readonly under: string; readonly request: RccRequest }
  | { readonly op: "delete-rcc"; readonly under: string; readonly name: string }
  | {
      readonly op: "apply-grant";
      readonly under: string;
      readonly reader: string;
      readonly scope: Scope | null;
    }
  | { readonly op: "delete-grant"; readonly under: string; readonly reader: string };

export interface OwnOverview {
  readonly cluster: { readonly uid: string; readonly name: string };
  readonly suspended: boolean;
  readonly rccs: readonly Rcc[];
  readonly grants: readonly Grant[];
}

export interface SyncedOwn extends OwnOverview {
  /** Of each change, in order; `null`: it was made. */
  readonly refusals: readonly (Refusal | null)[];
}

export interface OwnCalls {
  /** Each change is a transaction of its own: what is refused costs no other. */
  sync(caller: OwnCaller, changes: readonly OwnChange[]): Promise<Outcome<SyncedOwn>>;
}

export const OWN_CALLS: CallNames<OwnCalls> = { sync: true };

export class OwnObjects implements OwnCalls {
  readonly #mesh: Mesh;
  readonly #ports: Pick<MeshServicePorts, "findOrigin" | "setAlarm">;

  constructor(mesh: Mesh, ports: Pick<MeshServicePorts, "findOrigin" | "setAlarm">) {
    this.#mesh = mesh;
    this.#ports = ports;
  }

  async sync(caller: OwnCaller, changes: readonly OwnChange[]): Promise<Outcome<SyncedOwn>> {
    const mesh = this.#mesh;
    const known = mesh.ask(() => requireOwnCluster(mesh, caller));
    if (!known.ok) return known;
    const changed = new Set<string>();
    const refusals = changes.map((change) => {
      const decided = mesh.decide(() => writeOwn(mesh, requireOwnCluster(mesh, caller), change));
      if (!decided.ok) return decided.refusal;
      for (const uid of decided.value.changed) changed.add(uid);
      return null;
    });
    if (changed.size > 0) this.#push([...changed]);
    return mesh.ask(() => ({ ...overviewOf(mesh, requireOwnCluster(mesh, caller)), refusals }));
  }

  /** Answered without waiting: what does not get through at once is retried by the alarm. */
  #push(uids: readonly string[]): void {
    const atMs = nextDueMs(this.#mesh, this.#mesh.environment.clock.now());
    if (atMs !== null) this.#ports.setAlarm(atMs);
    void pushAll(this.#mesh, uids, this.#ports.findOrigin);
  }
}

/** @throws Refused where the credential's cluster is gone, or its key was replaced. */
function requireOwnCluster(mesh: Mesh, caller: OwnCaller): ClusterRow {
  const { id } = mesh.requireMesh();
  const cluster = mesh.member(caller.clusterUid);
  if (id !== caller.meshId || cluster === undefined || cluster.removed)
    throw new Refused(410, "removed", "the cluster was removed from the mesh");
  if (caller.keyGeneration < cluster.keyGeneration)
    throw new Refused(
      401,
      "unauthenticated",
      "the cluster's key was replaced by a newer one: join again",
    );
  return cluster;
}

function writeOwn(mesh: Mesh, cluster: ClusterRow, change: OwnChange): void {
  const { name } = cluster;
  const writer = { kind: "cluster", under: change.under } as const;
  switch (change.op) {
    case "apply-rcc":
      applyRcc(mesh, name, change.request, "apply", writer);
      return;
    case "delete-rcc":
      return deleteRcc(mesh, name, change.name, writer);
    case "apply-grant":
      applyGrant(mesh, name, change.reader, change.scope, writer);
      return;
    case "delete-grant":
      return deleteGrant(mesh, name, change.reader, writer);
  }
}

function overviewOf(mesh: Mesh, { uid, name, suspended }: ClusterRow): OwnOverview {
  return {
    cluster: { uid, name },
    suspended: suspended === true,
    rccs: listRccs(mesh, name),
    grants: listGrants(mesh, name),
  };
}
