/** Pairs of clusters as the admin API shows them: may they have routes, do they, and why not. */
import { preflight } from "../../shared/overlay/preflight.ts";
import type { Requirement } from "../../shared/overlay/preflight.ts";
import type { Mesh } from "./mesh.ts";
import { Refused } from "./outcome.ts";
import type { ClusterRow, PairRow } from "./registry.ts";

export interface PairOverview {
  readonly clusters: readonly [Ref, Ref];
  readonly state: "Ready" | "NotReady" | "Disabled";
  /** No requirement fails, whatever RCCs ask for. */
  readonly ready: boolean;
  readonly reason: string;
  readonly phase: PairRow["phase"] | "none";
  readonly stragglers: readonly string[];
  readonly requirements: readonly Requirement[];
}

/** The routes of an edge. */
export type OverlayOverview = Pick<PairOverview, "state" | "reason" | "phase" | "stragglers">;

interface Ref {
  readonly uid: string;
  readonly name: string;
}

/** More pairs are asked for cluster by cluster. */
const MOST_PAIRS = 2_000;

/** @param names Of one cluster, of both, or of none for all pairs. */
export function preflightOf(
  mesh: Mesh,
  { cluster, to }: { readonly cluster?: string | undefined; readonly to?: string | undefined },
): readonly PairOverview[] {
  mesh.requireMesh();
  const named = [cluster, to]
    .filter((name) => name !== undefined)
    .map((name) => mesh.requireCluster(name));
  const [one, other] = named;
  if (one !== undefined && one.uid === other?.uid)
    throw new Refused(422, "own-cluster", `cluster ${one.name} has routes to itself`);
  if (one !== undefined && other !== undefined) return [pairOverview(mesh, one, other, true)];
  const all = mesh.clusters();
  const pairs =
    one === undefined
      ? all.flatMap((a, i) => all.slice(i + 1).map((b) => [a, b] as const))
      : all.filter(({ uid }) => uid !== one.uid).map((b) => [one, b] as const);
  if (pairs.length > MOST_PAIRS)
    throw new Refused(
      422,
      "too-many",
      `these are ${pairs.length} pairs: ask for those of one cluster`,
    );
  return pairs.map(([a, b]) => pairOverview(mesh, a, b, false));
}

function pairOverview(mesh: Mesh, a: ClusterRow, b: ClusterRow, isWhole: boolean): PairOverview {
  const { overlay } = mesh;
  const all = preflight(overlay.side(a.uid), overlay.side(b.uid), overlay.clashes(a.uid, b.uid));
  const failure = all.find(({ state }) => state === "failed");
  const { reason, ...routes } = overlayOverview(mesh, a.uid, b.uid);
  return {
    clusters: [refOf(a), refOf(b)],
    ...routes,
    ready: failure === undefined,
    reason: reason === "" && failure !== undefined ? failure.message : reason,
    requirements: isWhole ? all : all.filter(({ state }) => state !== "met"),
  };
}

/** What is said of the routes between two clusters. */
export function overlayOverview(mesh: Mesh, a: string, b: string): OverlayOverview {
  const wish = mesh.overlay.wish(a, b);
  const row = mesh.overlay.row(a, b);
  const phase = row?.phase ?? "none";
  const stragglers = [...new Set(Object.values(row?.acks ?? {}).flat())];
  if (wish.kind === "disabled") return { state: "Disabled", reason: "", phase, stragglers };
  if (wish.kind === "not-ready")
    return { state: "NotReady", reason: wish.reason, phase, stragglers };
  if (phase === "commit") return { state: "Ready", reason: "", phase, stragglers };
  const reason = "nodes and tunnels are on their way to the relays of both";
  return { state: "NotReady", reason, phase, stragglers };
}

function refOf({ uid, name }: ClusterRow): Ref {
  return { uid, name };
}
