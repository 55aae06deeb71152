/**
 * The plan of asking: views that a relay lacks, and relays that it asks for them. Pure. [PEE1]
 * [PEE4]
 */
import type { AccessFacts } from "../../shared/visibility/facts.ts";
import type { Remote } from "../../shared/visibility/facts.ts";
import type { Positions } from "./messages.ts";

/** Answers of the cluster's relays, by address. */
export type Answers = ReadonlyMap<string, Positions>;

/**
 * Remotes whose views are to be asked for: granted, and not there.
 * @param has Whether there is a view that holds anything.
 */
export function lackedRemotes(facts: AccessFacts, has: (rcc: string) => boolean): Remote[] {
  return facts.remotes.filter(({ rcc, state }) => state === "granted" && !has(rcc));
}

/**
 * Relays that have access facts of this mesh, the newest first; among equals those with more views.
 */
export function factsOrder(answers: Answers, meshId: string): string[] {
  return [...answers]
    .flatMap(([address, { facts, views }]) =>
      facts?.meshId === meshId
        ? [
            {
              address,
              version: facts.accessVersion,
              loaded: views.filter((view) => view.isLoaded).length,
            },
          ]
        : [],
    )
    .toSorted((a, b) => b.version - a.version || b.loaded - a.loaded)
    .map(({ address }) => address);
}

/**
 * The next relay to ask, and the views to ask for: each view is wanted of whoever has it complete
 * and is furthest, and whoever is wanted for most is asked first.
 * @param may Whether this one may (still) be asked for this view.
 * @returns `null` when nobody can be asked for anything.
 */
export function nextQuestion(
  wanted: readonly Remote[],
  answers: Answers,
  may: (address: string, rcc: string) => boolean,
): { readonly address: string; readonly rccs: readonly string[] } | null {
  const byAddress = new Map<string, string[]>();
  for (const remote of wanted) {
    const best = furthest(remote, answers, may);
    if (best !== null) byAddress.set(best, [...(byAddress.get(best) ?? []), remote.rcc]);
  }
  const [most] = [...byAddress].toSorted(([, a], [, b]) => b.length - a.length);
  return most === undefined ? null : { address: most[0], rccs: most[1] };
}

function furthest(
  { rcc, origin }: Remote,
  answers: Answers,
  may: (address: string, rcc: string) => boolean,
): string | null {
  let best: { address: string; isLoaded: boolean; revision: number } | null = null;
  for (const [address, { views }] of answers) {
    const view = views.find((one) => one.rcc === rcc && one.originUid === origin.uid);
    if (view === undefined || !may(address, rcc)) continue;
    const { isLoaded, revision } = view;
    if (
      best === null ||
      Number(isLoaded) - Number(best.isLoaded) > 0 ||
      (isLoaded === best.isLoaded && revision > best.revision)
    )
      best = { address, isLoaded, revision };
  }
  return best?.address ?? null;
}
