/**
 * The note of a relay of the origin's own cluster, kept with its socket: its part of an Origin's
 * memory that outlives an eviction of the object.
 */
import { z } from "zod";

import { CHANNELS } from "../../../shared/record/channel.ts";
import type { Channel } from "../../../shared/record/channel.ts";
import type { ClusterReport, EdgeReport, TakenOver } from "../../../shared/visibility/facts.ts";
import { parseClusterReport, parseEdgeReports } from "../../../shared/visibility/parse-reports.ts";
import { parseJson } from "../../storage/parse-json.ts";
import type { ParsedJson } from "../../storage/parse-json.ts";

export interface PublisherNote {
  readonly isStandby: boolean;
  /** Protocol version. */
  readonly version: number;
  readonly candidate: string | null;
  readonly software: string;
  readonly takenOver: TakenOver | null;
  readonly reconciled: readonly Channel[];
  readonly edges: readonly EdgeReport[];
  readonly report: ClusterReport | null;
}

/** An attachment holds 16 KiB; larger reports are known again with the next one. */
const REPORT_CHARS = 12_000;
/** Of an edge with names of one letter. */
const LEAST_EDGE_CHARS = 115;

/** Fields that are missing come from notes of older hubs. */
const schema = z.object({
  isStandby: z.boolean().default(false),
  version: z.int().default(1),
  candidate: z.string().nullable().default(null),
  software: z.string().default(""),
  takenOver: z
    .object({ by: z.string(), from: z.string(), atMs: z.number() })
    .nullable()
    .default(null),
  reconciled: z.array(z.enum(CHANNELS)),
  edges: z.unknown(),
  report: z.unknown(),
});

export function writePublisherNote(note: PublisherNote): string {
  // To write many edges, to see that they do not fit, would take as long as to read them.
  if (note.edges.length > REPORT_CHARS / LEAST_EDGE_CHARS) return withoutReport(note);
  const untimed = { ...note, edges: note.edges.map(withoutTimes) };
  const kept = [note, untimed].find(
    ({ edges, report }) => JSON.stringify([edges, report]).length <= REPORT_CHARS,
  );
  return kept === undefined ? withoutReport(note) : JSON.stringify(kept);
}

function withoutReport(note: PublisherNote): string {
  return JSON.stringify({ ...note, edges: [], report: null });
}

/** What is known again soonest goes first. */
function withoutTimes(edge: EdgeReport): EdgeReport {
  const { latency, lag, path, ...rest } = edge;
  return [latency, lag, path].every((it) => it === undefined) ? edge : rest;
}

/** Reports are read by the same rules as those that a relay sends. */
export function parsePublisherNote(text: string): ParsedJson<PublisherNote> {
  const parsed = parseJson(schema, text);
  if (parsed.kind === "unreadable") return parsed;
  const { edges, report = null, ...rest } = parsed.value;
  const parsedEdges = parseEdgeReports(JSON.stringify(edges ?? null));
  if (!parsedEdges.ok) return { kind: "unreadable", rule: parsedEdges.rule };
  const parsedReport = report === null ? null : parseClusterReport(JSON.stringify(report));
  if (parsedReport?.ok === false) return { kind: "unreadable", rule: parsedReport.rule };
  const value = { ...rest, edges: parsedEdges.value, report: parsedReport?.value ?? null };
  return { kind: "value", value };
}
