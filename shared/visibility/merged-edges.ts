/** The reports of a cluster's relays about the remotes that they see, merged into one. */
import { mergedPaths } from "../overlay/path-check.ts";
import type { EdgeLag, EdgeRelays } from "./edge-latency.ts";
import type { EdgeReport } from "./facts.ts";

/** `connectionStatus` of an edge that is in sync. */
const IN_SYNC = 2;

/**
 * The report of the relay that lags most, for each edge: not in sync, else lowest position. What
 * any relay refuses or takes no more of is told, whichever lags. [VIE25]
 */
export function mergedEdges(reports: readonly (readonly EdgeReport[])[]): readonly EdgeReport[] {
  if (reports.length === 1) return reports[0] ?? [];
  const merged = new Map<string, EdgeReport>();
  for (const edge of reports.flat()) {
    const known = merged.get(edge.rcc);
    if (known === undefined) merged.set(edge.rcc, edge);
    else merged.set(edge.rcc, merge(edge, known));
  }
  return [...merged.values()];
}

function merge(edge: EdgeReport, known: EdgeReport): EdgeReport {
  const slower = lags(edge, known) ? edge : known;
  const overLimit = slower.overLimit ?? edge.overLimit ?? known.overLimit;
  const path = mergedPaths(edge.path, known.path);
  const lag = later(edge.lag, known.lag);
  return {
    ...withOverlay(slower, edge, known),
    refused: Math.max(edge.refused, known.refused),
    ...(overLimit === undefined ? {} : { overLimit }),
    ...(path === undefined ? {} : { path }),
    ...(lag === undefined ? {} : { lag }),
  };
}

/** Of a lag that one relay has: the one that is of now. */
function later(one: EdgeLag | undefined, other: EdgeLag | undefined): EdgeLag | undefined {
  return (one?.atMs ?? 0) >= (other?.atMs ?? 0) ? one : other;
}

/** Of an edge: relays that lag are named up to here. */
const NAMED_RELAYS = 10;

/** How many relays hold each edge, and who lags behind the others. [API56] */
export function edgeRelaysOf(
  relays: readonly { readonly software: string; readonly edges: readonly EdgeReport[] }[],
): readonly EdgeRelays[] {
  const held = relays.flatMap(({ software, edges }) =>
    edges.map(({ rcc, revision, connectionStatus }) => ({
      software,
      rcc,
      revision,
      isInSync: connectionStatus === IN_SYNC,
    })),
  );
  return [...Map.groupBy(held, ({ rcc }) => rcc)].map(([rcc, all]) => {
    const furthest = Math.max(...all.map(({ revision }) => revision));
    const lagging = all.filter(({ isInSync, revision }) => !isInSync || revision < furthest);
    return {
      rcc,
      count: all.length,
      lowestRevision: Math.min(...all.map(({ revision }) => revision)),
      lagging: lagging.length,
      names: lagging.slice(0, NAMED_RELAYS).map(({ software }) => software),
    };
  });
}

/** An order is obeyed when both have obeyed it. [OVL7] */
function withOverlay(slower: EdgeReport, one: EdgeReport, other: EdgeReport): EdgeReport {
  const { overlay, ...rest } = slower;
  const [a, b] = [one.overlay, other.overlay];
  if (overlay === undefined || a === undefined || b === undefined) return rest;
  return { ...rest, overlay: a.step <= b.step ? a : b };
}

function lags(edge: EdgeReport, other: EdgeReport): boolean {
  const [isInSync, isOtherInSync] = [edge, other].map((e) => e.connectionStatus === IN_SYNC);
  return isInSync === isOtherInSync ? edge.revision < other.revision : isOtherInSync === true;
}
