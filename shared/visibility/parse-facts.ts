/**
 * The checked door of access facts (hub → relay, relay → relay, disk), which travel as JSON text.
 * Total: any text gives a value, or the field and the rule. Reports: `parse-reports.ts`.
 */
import { z } from "zod";

import { parseJson } from "../lib/parse-json.ts";
import { pathOrderSchema } from "../overlay/path-check.ts";
import { describeIssues } from "./field-problem.ts";
import { MAX_TOLD_POOLS } from "./facts.ts";
import type { AccessFacts } from "./facts.ts";
import { parseScope } from "./scope.ts";
import type { Scope } from "./scope.ts";
import { withdrawalOrderSchema } from "./withdrawal-order.ts";

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly rule: string };

/** RCCs of one cluster; the Mesh has the same bound [VIS27]. */
export const MAX_EDGES = 1_000;
const MAX_RANGES = 4_096;
const MAX_TEXT = 1_024;

export const count = z.int().nonnegative();
export const name = z.string().max(MAX_TEXT);
/** RCC names become names of files: a DNS label and nothing else. */
export const rccName = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, "must be a lower-case DNS label");
export const cidr = z.string().max(64);
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

/**
 * Fields that are not known are kept: a later hub's facts lose nothing on an older relay's disk.
 */
export function parseAccessFacts(text: string): Parsed<AccessFacts> {
  return parse(factsSchema, text);
}

function parse<T>(schema: z.ZodType<T>, text: string): Parsed<T> {
  const json = parseJson(text);
  if (!json.ok) return { ok: false, rule: "must be JSON" };
  const parsed = schema.safeParse(json.value);
  if (parsed.success) return { ok: true, value: parsed.data };
  return { ok: false, rule: ruleOf(parsed.error, []) };
}

/** @param at The path of what was parsed. */
export function ruleOf({ issues }: z.ZodError, at: readonly (string | number)[]): string {
  const [issue] = issues;
  const [problem] =
    issue === undefined ? [] : describeIssues([{ ...issue, path: [...at, ...issue.path] }]);
  return `${problem?.field ?? "body"}: ${problem?.rule ?? "is not understood"}`;
}
