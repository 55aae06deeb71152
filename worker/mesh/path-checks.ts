/**
 * A check of the way between two clusters by packets of their nodes: the Mesh chooses the nodes and
 * tells the relays of both, with their facts, to listen, to send, to end. It names nodes of these
 * two clusters only, and no addresses. Runs inside `Mesh.decide`. [OVL10]
 */
import { choosePairs, PATH_PHASES } from "../../shared/overlay/path-check.ts";
import type { NodePair, PathOrder, PathPhase } from "../../shared/overlay/path-check.ts";
import type { OverlaySummary } from "../../shared/overlay/summary.ts";
import type { Mesh } from "./mesh.ts";
import { Refused } from "./outcome.ts";
import type { ClusterRow } from "./registry.ts";

/** A check as it stands. */
export interface PathOverview {
  readonly id: number;
  readonly phase: PathPhase;
  readonly meshId: string;
  /** A node of the first cluster, one of the second. */
  readonly pairs: readonly NodePair[];
  readonly sides: readonly [PathSideOverview, PathSideOverview];
}

export interface PathSideOverview {
  readonly uid: string;
  readonly name: string;
  /** UID of the other. */
  readonly remote: string;
  readonly summary: OverlaySummary | null;
}

/**
 * `listen` begins a check in place of the pair's last one; the others go on with it.
 * @param pairs Of nodes, at most.
 * @throws Refused where the two have no routes to each other, or the phase is not the next.
 */
export function orderPath(
  mesh: Mesh,
  cluster: string,
  to: string,
  phase: PathPhase,
  pairs: number,
): PathOverview {
  const [a, b] = clustersOf(mesh, cluster, to);
  const row = mesh.overlay.row(a.uid, b.uid);
  if (row?.phase !== "commit")
    throw new Refused(
      409,
      "no-routes",
      `${cluster} and ${to} have no routes to each other, so no packets pass: catwalk preflight --cluster ${cluster} --to ${to}`,
    );
  if (phase === "listen") {
    const path = begun(mesh, a, b, pairs);
    mesh.overlay.setPath(a.uid, b.uid, path);
    const who = `${a.name} and ${b.name}: ${path.pairs.map((pair) => pair.join(" - ")).join(", ")}`;
    mesh.audit.operator(mesh.actor, "path check", who);
  } else {
    const { path } = row;
    if (path === undefined) throw noCheck(cluster, to);
    const isNext = PATH_PHASES.indexOf(phase) >= PATH_PHASES.indexOf(path.phase);
    if (!isNext)
      throw new Refused(409, "path-check-over", "this check has ended: begin another one");
    mesh.overlay.setPath(a.uid, b.uid, { ...path, phase });
  }
  return pathOf(mesh, cluster, to);
}

/** @throws Refused where there is none. */
export function pathOf(mesh: Mesh, cluster: string, to: string): PathOverview {
  const [a, b] = clustersOf(mesh, cluster, to);
  const path = mesh.overlay.row(a.uid, b.uid)?.path;
  if (path === undefined) throw noCheck(cluster, to);
  const side = ({ uid, name }: ClusterRow, remote: string): PathSideOverview => ({
    uid,
    name,
    remote,
    summary: mesh.overlay.summary(uid),
  });
  return { ...path, meshId: a.meshId, sides: [side(a, b.uid), side(b, a.uid)] };
}

/** In the order of the pair's row. */
function clustersOf(mesh: Mesh, cluster: string, to: string): readonly [ClusterRow, ClusterRow] {
  mesh.requireMesh();
  const [one, other] = [mesh.requireCluster(cluster), mesh.requireCluster(to)];
  if (one.uid === other.uid)
    throw new Refused(422, "own-cluster", `cluster ${one.name} has routes to itself`);
  return one.uid < other.uid ? [one, other] : [other, one];
}

function begun(mesh: Mesh, a: ClusterRow, b: ClusterRow, most: number): PathOrder {
  const id = (mesh.store.get("counters", "paths")?.value ?? 0) + 1;
  mesh.store.put("counters", "paths", { value: id });
  const [own, remote] = [a, b].map(({ uid }) => mesh.overlay.summary(uid)?.nodes ?? []);
  return { id, phase: "listen", pairs: choosePairs(own ?? [], remote ?? [], most, id) };
}

function noCheck(cluster: string, to: string): Refused {
  return new Refused(404, "no-path-check", `nobody has begun a path check of ${cluster} and ${to}`);
}
