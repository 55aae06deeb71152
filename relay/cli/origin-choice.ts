/**
 * `--origin NAME`, with one meaning wherever it is given: an RCC of the cluster, or the cluster that an RCC
 * names; for views also the cluster itself. A name that is neither is an error. [CLI49]
 */
import { fetchRelay } from "../policy/world.ts";
import type { MeshStatus } from "./mesh-status.ts";
import { CommandError } from "./usage-error.ts";

/** An origin as a relay or the hub names it. */
export interface NamedOrigin {
  /** The RCC's name; `null` for the cluster itself. */
  readonly rcc: string | null;
  readonly cluster: string;
}

export function isCalled({ rcc, cluster }: NamedOrigin, name: string): boolean {
  return rcc === name || cluster === name;
}

/** Names as views show them (the RCC's, or the cluster's own). @throws CommandError for a name that nobody has. */
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

/** What a relay's cluster sees. @throws CommandError when the relay cannot be asked. */
export async function originsOfRelay(url: string): Promise<NamedOrigin[]> {
  try {
    const status: unknown = await (await fetchRelay(url, "/status")).json();
    return readOrigins(status);
  } catch (error) {
    throw new CommandError((error as Error).message, { cause: error });
  }
}

function readOrigins(status: unknown): NamedOrigin[] {
  const { cluster, remotes } = status as { cluster?: unknown; remotes?: unknown };
  const own = typeof cluster === "string" ? [{ rcc: null, cluster }] : [];
  const others = (Array.isArray(remotes) ? (remotes as unknown[]) : []).flatMap((remote) => {
    const { rcc, origin } = (remote ?? {}) as { rcc?: unknown; origin?: { name?: unknown } };
    const name = origin?.name;
    return typeof rcc === "string" && typeof name === "string" ? [{ rcc, cluster: name }] : [];
  });
  return [...own, ...others];
}

/** RCCs of a cluster, by the status of its mesh. A member that no RCC names yet is known too. @throws CommandError */
export function requireKnownOrigin(status: MeshStatus, cluster: string, name: string): void {
  const rccs = [...status.edges, ...(status.notServed ?? [])].filter(
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
