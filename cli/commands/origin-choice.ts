/**
 * `--origin NAME`, with one meaning wherever it is given: an RCC of the cluster, or the cluster
 * that an RCC names; for views also the cluster itself. A name that is neither is an error. [CLI49]
 */
import type { MeshStatus } from "../../shared/api/status.ts";
import type { RelayStatusView } from "../../shared/api/relay.ts";
import { CommandError } from "../admin/usage-error.ts";

/** An origin as a relay or the hub names it. */
export interface NamedOrigin {
  /** The RCC's name; `null` for the cluster itself. */
  readonly rcc: string | null;
  readonly cluster: string;
}

export function isCalled({ rcc, cluster }: NamedOrigin, name: string): boolean {
  return rcc === name || cluster === name;
}

/**
 * Names as views show them (the RCC's, or the cluster's own).
 * @throws CommandError for a name that nobody has.
 */
export function chosenOrigins(
  name: string,
  known: readonly NamedOrigin[],
  whose: string,
): ReadonlySet<string> {
  const chosen = known.filter((origin) => isCalled(origin, name));
  if (chosen.length === 0)
    throw new CommandError(
      `--origin ${name}: ${whose} sees no such remote (it sees ${namesOf(known)})`,
    );
  return new Set(chosen.map(({ rcc, cluster }) => rcc ?? cluster));
}

function namesOf(known: readonly NamedOrigin[]): string {
  const names = known.map(({ rcc, cluster }) =>
    rcc === null || rcc === cluster ? cluster : `${rcc} (cluster ${cluster})`,
  );
  return names.join(", ") || "nobody";
}

/** What a relay's cluster sees, and itself. */
export function originsOf({ cluster, remotes }: RelayStatusView): NamedOrigin[] {
  const own = cluster === null ? [] : [{ rcc: null, cluster }];
  return [...own, ...remotes.map(({ rcc, origin }) => ({ rcc, cluster: origin.name }))];
}

/**
 * RCCs of a cluster, by the status of its mesh. A member that no RCC names yet is known too.
 * @throws CommandError
 */
export function requireKnownOrigin(status: MeshStatus, cluster: string, name: string): void {
  const rccs = [...status.edges, ...status.notServed].filter(
    (edge) => edge.cluster.name === cluster,
  );
  const isKnown =
    rccs.some(({ rcc }) => rcc === name) ||
    status.clusters.some((member) => member.cluster.name === name && name !== cluster);
  if (isKnown) return;
  throw new CommandError(
    `--origin ${name}: cluster ${cluster} has no RCC of this name, and the mesh no other cluster`,
  );
}
