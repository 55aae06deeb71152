/**
 * The checked doors of the JSON documents that travel as text: access facts (hub → relay, relay →
 * relay, disk) and a relay's reports (relay → hub). Total: any text gives a value, or the field and
 * the rule.
 */
import { z } from "zod";

import { parseJson } from "../lib/parse-json.ts";
import { pathOrderSchema, pathReportSchema } from "../overlay/path-check.ts";
import { summarySchema } from "../overlay/summary.ts";
import { exportReportSchema } from "./export-report.ts";
import { describeIssues } from "./field-problem.ts";
import { LATENCY_MINUTES } from "./edge-latency.ts";
import { MAX_TOLD_POOLS } from "./facts.ts";
import type { AccessFacts, ClusterReport, EdgeReport } from "./facts.ts";
import { parseScope } from "./scope.ts";
import type { Scope } from "./scope.ts";
import { heldSchema, withdrawalOrderSchema } from "./withdrawal-order.ts";

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly rule: string };

/** RCCs of one cluster; the Mesh has the same bound [VIS27]. */
export const MAX_EDGES = 1_000;
const MAX_RANGES = 4_096;
const MAX_TEXT = 1_024;

const count = z.int().nonnegative();
const name = z.string().max(MAX_TEXT);
/** RCC names become names of files: a DNS label and nothing else. */
const rccName = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, "must be a lower-case DNS label");
const cidr = z.string().max(64);
const ref = z.looseObject({ uid: name, name });
const ranges = z.array(cidr).max(MAX_RANGES);

/** A scope, inside a document. */
export const scopeField = z.unknown().transform((value, context): Scope => {
  const parsed = parseScope(value);
  if (parsed.ok && parsed.scope !== null) return parsed.scope;
  const rule = parsed.ok ? "narrows nothing" : (parsed.problems[0]?.rule ?? "is not a scope");
  context.addIssue(rule);
  return z.NEVER;
});

const overlayOrder = z.looseObject({
  phase: z.enum(["prepare", "commit", "leave"]),
  step: count,
  since: count,
  acknowledged: z.literal(true).exactOptional(),
  path: pathOrderSchema.exactOptional(),
});

const factsSchema = z.looseObject({
  meshId: name.min(1),
  meshName: name,
  accessVersion: count,
  cluster: z.looseObject({ uid: name.min(1), name }),
  keyGeneration: count,
  removed: z.boolean(),
  remotes: z
    .array(
      z.looseObject({
        rcc: rccName,
        origin: ref,
        state: z.enum(["granted", "not-granted"]),
        overlayRoutingMode: z.enum(["Enabled", "Disabled"]),
        labels: z.enum(["original", "prefixed"]).exactOptional(),
        scope: scopeField.exactOptional(),
        reason: z.literal("vetoed").exactOptional(),
        pools: z.literal("not-shared").exactOptional(),
        heldBack: z.literal(true).exactOptional(),
        overlay: overlayOrder.exactOptional(),
      }),
    )
    .max(MAX_EDGES),
  ranges: z.looseObject({ pods: ranges, nodes: ranges, shared: ranges.exactOptional() }),
  refusedClaims: z
    .array(z.looseObject({ cidr, use: z.enum(["pods", "nodes"]), reason: z.string() }))
    .max(MAX_RANGES),
  pools: z.array(cidr).max(MAX_TOLD_POOLS).exactOptional(),
  asked: z.array(z.literal("services")).exactOptional(),
  overlayHash: name.exactOptional(),
  exportHash: name.exactOptional(),
  withdrawal: withdrawalOrderSchema.exactOptional(),
  unconfirmedRestore: count.exactOptional(),
  readerPools: z
    .array(z.looseObject({ cluster: ref, pools: z.array(cidr).max(MAX_TOLD_POOLS) }))
    .exactOptional(),
});

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
/** Counted before any is looked at. */
const edgesSchema = z.array(z.unknown()).max(MAX_EDGES);

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

/**
 * Fields that are not known are kept: a later hub's facts lose nothing on an older relay's disk.
 */
export function parseAccessFacts(text: string): Parsed<AccessFacts> {
  return parse(factsSchema, text);
}

export function parseEdgeReports(text: string): Parsed<readonly EdgeReport[]> {
  const listed = parse(edgesSchema, text);
  if (!listed.ok) return listed;
  const edges: EdgeReport[] = [];
  // One after the other, up to the first that is wrong: to tell what is wrong with each costs as
  // much as ten that are right.
  for (const [i, edge] of listed.value.entries()) {
    const parsed = edgeSchema.safeParse(edge);
    if (!parsed.success) return { ok: false, rule: ruleOf(parsed.error, [i]) };
    edges.push(parsed.data);
  }
  return { ok: true, value: edges };
}

export function parseClusterReport(text: string): Parsed<ClusterReport> {
  return parse(clusterSchema, text);
}

function parse<T>(schema: z.ZodType<T>, text: string): Parsed<T> {
  const json = parseJson(text);
  if (!json.ok) return { ok: false, rule: "must be JSON" };
  const parsed = schema.safeParse(json.value);
  if (parsed.success) return { ok: true, value: parsed.data };
  return { ok: false, rule: ruleOf(parsed.error, []) };
}

/** @param at The path of what was parsed. */
function ruleOf({ issues }: z.ZodError, at: readonly number[]): string {
  const [issue] = issues;
  const [problem] =
    issue === undefined ? [] : describeIssues([{ ...issue, path: [...at, ...issue.path] }]);
  return `${problem?.field ?? "body"}: ${problem?.rule ?? "is not understood"}`;
}
