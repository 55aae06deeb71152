/**
 * The answer to `dryRun=true`: what the Mesh says would change, with what the Origins count of it.
 * [API50]
 */
import { LISTED_CONFLICTS } from "../../shared/api/effect.ts";
import type { EffectCountsView, EffectView } from "../../shared/api/effect.ts";
import { errorText } from "../../shared/lib/error-text.ts";
import type { EdgeEffect, Rehearsal } from "../mesh/rehearsal.ts";
import type { MeshRef, Shown, ShownDifference } from "../ports.ts";
import type { HubPorts } from "./hub-ports.ts";

type Conflicts = ReadonlyMap<string, readonly string[]>;

/**
 * The Origins are asked one after the other: it is a question of one person.
 * @param meshName Of the mesh that the rehearsal is about.
 * @param isOwner Of one cluster: who else has an address is the operator's to know. [VIS48]
 */
export async function effectsOf(
  ports: HubPorts,
  meshName: string,
  { meshId, edges }: Rehearsal<unknown>,
  isOwner: boolean,
): Promise<EffectView[]> {
  const mesh = { id: meshId, name: meshName };
  const effects: EffectView[] = [];
  for (const edge of edges) {
    try {
      const origin = ports.origin(mesh, edge.origin.uid);
      const found = await origin.compareShown(edge.before, edge.after, edge.shared);
      const conflicts = await conflictsOf(ports, mesh, edge, found.sharedAddresses);
      effects.push(describe(edge, found, isOwner ? withoutNames(conflicts) : conflicts));
    } catch (error) {
      effects.push(unknownEffect(edge, errorText(error)));
    }
  }
  return effects;
}

function withoutNames(conflicts: Conflicts): Conflicts {
  return new Map([...conflicts.keys()].map((address) => [address, []]));
}

/** Address → clusters that have it too. */
async function conflictsOf(
  ports: HubPorts,
  mesh: MeshRef,
  { rivals }: EdgeEffect,
  addresses: readonly string[],
): Promise<Conflicts> {
  const conflicts = new Map<string, readonly string[]>();
  if (addresses.length === 0) return conflicts;
  for (const { cluster, shown } of rivals) {
    const origin = ports.origin(mesh, cluster.uid);
    for (const address of await origin.whichHeld(addresses, shown))
      conflicts.set(address, [...(conflicts.get(address) ?? []), cluster.name]);
  }
  return conflicts;
}

function describe(edge: EdgeEffect, found: ShownDifference, conflicts: Conflicts): EffectView {
  const { appear, disappear, change } = found;
  const counts = { appear: { ...appear }, disappear: { ...disappear }, change: { ...change } };
  return {
    ...whatOf(edge),
    counts,
    conflicts: [...conflicts].slice(0, LISTED_CONFLICTS).map(([address, clusters]) => ({
      address,
      clusters: [...clusters],
    })),
    conflictCount: conflicts.size,
    summary: summaryOf(edge, counts, conflicts.size),
  };
}

function unknownEffect(edge: EdgeEffect, error: string): EffectView {
  const { origin, reader } = edge;
  return {
    ...whatOf(edge),
    counts: null,
    conflicts: [],
    conflictCount: 0,
    summary: `what of ${origin.name} becomes visible to ${reader.name} is not known: its part of the hub does not answer`,
    error,
  };
}

function whatOf({ origin, reader, before, after, waitsFor }: EdgeEffect) {
  return {
    origin: { ...origin },
    reader: { ...reader },
    before: partOf(before),
    after: partOf(after),
    waitsFor,
  };
}

function partOf(shown: Shown): EffectView["before"] {
  return typeof shown === "string" ? shown : "part";
}

/** In a sentence. Exported for its test. */
export function summaryOf(
  { origin, reader, waitsFor }: Pick<EdgeEffect, "origin" | "reader" | "waitsFor">,
  counts: NonNullable<EffectView["counts"]>,
  conflicts: number,
): string {
  const parts = [
    clause(counts.appear, `visible to ${reader.name}`, "become"),
    clause(counts.disappear, `invisible to ${reader.name}`, "become"),
    clause(counts.change, `other labels for ${reader.name}`, "get"),
  ].filter((part) => part !== "");
  const waits = waitsFor === null ? "" : `, once ${WAITS[waitsFor](origin.name, reader.name)}`;
  const shared =
    conflicts === 0 ? "" : `; ${plural(conflicts, "address conflicts", "addresses conflict")}`;
  if (parts.length > 0) return `${parts.join("; ")}${waits}${shared}`;
  return `nothing of ${origin.name} becomes visible or invisible to ${reader.name}${waits}`;
}

const WAITS: Readonly<
  Record<NonNullable<EdgeEffect["waitsFor"]>, (origin: string, reader: string) => string>
> = {
  rcc: (origin, reader) => `${reader} has an RCC that names ${origin}`,
  grant: (origin, reader) => `${origin} grants ${reader}`,
  resume: () => "no cluster of the two is suspended",
};

/** Profiles, pools and so on are said where no endpoint is concerned. */
function clause(counts: EffectCountsView, to: string, verb: "become" | "get"): string {
  const { endpoints, namespaces, records } = counts;
  if (records === 0) return "";
  const third = verb === "become" ? "becomes" : "gets";
  const say = (count: number, one: string, in_: string): string =>
    `${plural(count, one, `${one}s`)}${in_} ${count === 1 ? third : verb} ${to}`;
  if (endpoints === 0) return say(records, "record", " without an endpoint");
  const where = namespaces === 0 ? "" : ` in ${plural(namespaces, "namespace", "namespaces")}`;
  return say(endpoints, "endpoint", where);
}

function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
