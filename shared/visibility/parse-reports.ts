/**
 * The checked doors of a relay's reports (relay → hub), which travel as JSON text. Total: any text
 * gives a value, or the field and the rule. A report may be large, so it is read in steps; and what
 * is wrong with a value costs as much to tell as ten that are right, so lists are counted before
 * they are looked at, and the first that is wrong is the last that is looked at. [PRO10] [LOG74]
 */
import { z } from "zod";

import { jsonItems } from "../lib/json-items.ts";
import { parseJson } from "../lib/parse-json.ts";
import { pathReportSchema } from "../overlay/path-check.ts";
import { addressSchema, nodeSchema, SUMMARY_LIMITS, summarySchema } from "../overlay/summary.ts";
import { exportReportSchema } from "./export-report.ts";
import { LATENCY_MINUTES } from "./edge-latency.ts";
import { MAX_TOLD_POOLS } from "./facts.ts";
import type { ClusterReport, EdgeReport } from "./facts.ts";
import { cidr, count, MAX_EDGES, name, rccName, ruleOf } from "./parse-facts.ts";
import type { Parsed } from "./parse-facts.ts";
import { heldSchema } from "./withdrawal-order.ts";

const edgeSchema = z.object({
  rcc: rccName,
  origin: z.object({ uid: name, name }),
  connectionStatus: z.literal([0, 1, 2, 3, 4, 5]),
  endpoints: count,
  refused: count,
  digest: z.string().max(128).nullable(),
  revision: count,
  conflicts: count.exactOptional(),
  overLimit: name.exactOptional(),
  overlay: z.object({ step: count, vteps: count, routes: count, withheld: count }).exactOptional(),
  path: pathReportSchema.exactOptional(),
  latency: z
    .object({
      atMs: count,
      errorMs: count,
      windows: z.array(z.tuple([count, count, count])).length(LATENCY_MINUTES.length),
    })
    .exactOptional(),
  lag: z.object({ atMs: count, ms: count }).exactOptional(),
});
const clusterSchema = z.object({
  pools: z.array(cidr).max(MAX_TOLD_POOLS),
  poolCount: count,
  withheldPools: z.array(z.object({ cidr, reason: name })).max(MAX_TOLD_POOLS),
  source: z.object({
    state: z.enum(["following", "listing", "failing", "absent"]),
    reason: name,
    sinceMs: count,
  }),
  unlisted: z.literal(true).exactOptional(),
  held: count.exactOptional(),
  exports: exportReportSchema.exactOptional(),
  clockErrorMs: count.exactOptional(),
  withdrawals: heldSchema.exactOptional(),
  overlay: summarySchema.exactOptional(),
});

/** Of one edge: all that a check of the path can find takes a third of it. */
const MOST_EDGE_CHARS = 32 * 1024;
/** Values of what is said of a cluster, without its nodes: with all lists full there are 1,500. */
const MOST_CLUSTER_VALUES = 4_000;
/** Edges, or nodes, that one step reads: half a millisecond. */
const STEP_ITEMS = 50;

export function parseEdgeReports(text: string): Parsed<readonly EdgeReport[]> {
  return atOnce(readEdgeReports(text));
}

export function parseClusterReport(text: string): Parsed<ClusterReport> {
  return atOnce(readClusterReport(text));
}

function atOnce<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

export function* readEdgeReports(text: string): Generator<void, Parsed<readonly EdgeReport[]>> {
  const items = jsonItems(text, MAX_EDGES);
  if (items === null) return { ok: false, rule: "must be a JSON array" };
  if (items.length > MAX_EDGES) return { ok: false, rule: `must have at most ${MAX_EDGES} edges` };
  const edges: EdgeReport[] = [];
  for (const [i, item] of items.entries()) {
    if (i > 0 && i % STEP_ITEMS === 0) yield;
    if (item.length > MOST_EDGE_CHARS) return { ok: false, rule: `${i}: ${EDGE_RULE}` };
    const json = parseJson(item);
    if (!json.ok) return { ok: false, rule: "must be JSON" };
    const parsed = edgeSchema.safeParse(json.value);
    if (!parsed.success) return { ok: false, rule: ruleOf(parsed.error, [i]) };
    edges.push(parsed.data);
  }
  return { ok: true, value: edges };
}

const EDGE_RULE = `must have at most ${MOST_EDGE_CHARS} characters`;

/** The nodes of a large cluster in steps, then all else. */
export function* readClusterReport(text: string): Generator<void, Parsed<ClusterReport>> {
  const json = parseJson(text);
  if (!json.ok) return { ok: false, rule: "must be JSON" };
  const said = objectOf(json.value);
  const overlay = objectOf(said?.["overlay"]);
  const lists = {
    nodes: yield* readItems(overlay?.["nodes"], nodeSchema, "overlay.nodes"),
    addresses: yield* readItems(overlay?.["addresses"], addressSchema, "overlay.addresses"),
  };
  if (!lists.nodes.ok) return lists.nodes;
  if (!lists.addresses.ok) return lists.addresses;
  const [nodes, addresses] = [lists.nodes.value, lists.addresses.value];
  const rest = {
    ...said,
    ...(overlay === undefined
      ? {}
      : {
          overlay: {
            ...overlay,
            ...(nodes === null ? {} : { nodes: [] }),
            ...(addresses === null ? {} : { addresses: [] }),
          },
        }),
  };
  if (!hasAtMost(rest, MOST_CLUSTER_VALUES))
    return { ok: false, rule: `must have at most ${MOST_CLUSTER_VALUES} values` };
  const parsed = clusterSchema.safeParse(said === undefined ? json.value : rest);
  if (!parsed.success) return { ok: false, rule: ruleOf(parsed.error, []) };
  const { overlay: summary, ...own } = parsed.data;
  if (summary === undefined) return { ok: true, value: own };
  const whole = { ...summary, nodes: nodes ?? [], addresses: addresses ?? [] };
  return { ok: true, value: { ...own, overlay: whole } };
}

/** @returns `null` for what is no list: the schema says what is wrong with it. */
function* readItems<T>(
  list: unknown,
  schema: z.ZodType<T>,
  at: string,
): Generator<void, Parsed<readonly T[] | null>> {
  if (!Array.isArray(list)) return { ok: true, value: null };
  if (list.length > SUMMARY_LIMITS.nodes)
    return { ok: false, rule: `${at}: must have at most ${SUMMARY_LIMITS.nodes} items` };
  const items: T[] = [];
  for (const [i, item] of (list as unknown[]).entries()) {
    if (i > 0 && i % STEP_ITEMS === 0) yield;
    const parsed = schema.safeParse(item);
    if (!parsed.success) return { ok: false, rule: ruleOf(parsed.error, [at, i]) };
    items.push(parsed.data);
  }
  return { ok: true, value: items };
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
}

/** Whether there are no more values in it, however deep. */
function hasAtMost(value: unknown, most: number): boolean {
  const left: unknown[] = [value];
  for (let seen = 0; left.length > 0; seen++) {
    if (seen + left.length > most) return false;
    const next = left.pop();
    if (typeof next === "object" && next !== null)
      for (const inner of Object.values(next)) left.push(inner);
  }
  return true;
}
