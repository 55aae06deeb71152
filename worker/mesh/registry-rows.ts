/**
 * The checked door of the registry's storage: a schema for each collection. A row that does not fit
 * is damage, and is never taken for one that is not there. Fields of a newer version stay.
 */
import { z } from "zod";

import { EVENT_TYPES, REASON_CODES } from "../../shared/visibility/health.ts";
import { pathOrderSchema } from "../../shared/overlay/path-check.ts";
import { summarySchema } from "../../shared/overlay/summary.ts";
import { exportReportSchema } from "../../shared/visibility/export-report.ts";
import { describeIssues } from "../../shared/visibility/field-problem.ts";
import { presentSpec, specSchema } from "../../shared/visibility/rcc-connection.ts";
import { parseScope } from "../../shared/visibility/scope.ts";
import type { Scope } from "../../shared/visibility/scope.ts";
import { withdrawalOrderSchema } from "../../shared/visibility/withdrawal-order.ts";
import type { Collections } from "./registry.ts";

export type ReadRow<T> =
  | { readonly kind: "row"; readonly row: T }
  | { readonly kind: "damaged"; readonly rule: string };

const text = z.string();
const number = z.number();
const use = z.enum(["pods", "nodes"]);
const eventType = z.enum(EVENT_TYPES);
const healthReasons = z.array(
  z.looseObject({ code: z.enum(REASON_CODES), message: text, rccs: z.array(text) }),
);
const under = text.exactOptional();
const annotations = z.record(text, text);
const spec = specSchema.transform(presentSpec);
const scope = z.custom<Scope>((value) => parseScope(value).ok, "must be a scope");

const SCHEMAS: { readonly [N in keyof Collections]: z.ZodType<Collections[N]> } = {
  mesh: z.looseObject({ id: text, name: text, createdMs: number, removed: z.boolean() }),
  clusters: z.looseObject({
    uid: text,
    name: text,
    meshId: text,
    meshName: text,
    keyGeneration: number,
    removed: z.boolean(),
    suspended: z.boolean().exactOptional(),
    factsVersion: number,
    createdMs: number,
    key: z.looseObject({ kid: text, addedMs: number }).nullable(),
    next: z.looseObject({ kid: text, generation: number }).nullable().exactOptional(),
    given: z.array(use),
    removedMs: number.nullable(),
  }),
  tokens: z.looseObject({ clusterUid: text, expiresMs: number, usedBy: text.nullable() }),
  rccs: z.looseObject({
    name: text,
    remoteUid: text,
    overlayRoutingMode: z.enum(["Enabled", "Disabled"]),
    annotations,
    spec,
    createdMs: number,
    under,
  }),
  grants: z.looseObject({ createdMs: number, under }),
  ranges: z.looseObject({
    clusterUid: text,
    use: z.enum(["pods", "nodes", "shared"]),
    cidr: text,
    from: z.enum(["operator", "first-claim"]),
  }),
  refused: z.looseObject({ use, cidr: text, reason: text, conflictUid: text.nullable() }),
  outbox: z.looseObject({ version: number, attempts: number, dueMs: number }),
  audit: z.looseObject({ atMs: number, who: text, action: text, subject: text }),
  counters: z.looseObject({ value: number }),
  directory: z.looseObject({ id: text, createdMs: number }),
  names: z.looseObject({ uid: text }),
  scoped: z.looseObject({ createdMs: number, scope, under }),
  pools: z.looseObject({ cidrs: z.array(text) }),
  direct: z.looseObject({ name: text, annotations, spec, createdMs: number, under }),
  events: z.looseObject({
    type: eventType,
    subject: text,
    number,
    atMs: number,
    sinceMs: number,
    isFiring: z.boolean(),
    cluster: z.looseObject({ uid: text, name: text }).nullable(),
    summary: text,
    data: z.record(text, z.unknown()),
  }),
  webhooks: z.looseObject({
    url: text,
    events: z.array(eventType),
    format: z.enum(["standard", "alertmanager"]),
    secrets: z.array(
      z.looseObject({
        secret: text,
        untilMs: number.nullable(),
        signing: z.looseObject({ privateKey: text, publicKey: text }).optional(),
      }),
    ),
    createdMs: number,
    failingSinceMs: number.nullable(),
    disabled: z.looseObject({ atMs: number, reason: text }).nullable(),
  }),
  due: z.looseObject({ event: number, attempts: number, dueMs: number }),
  deliveries: z.looseObject({
    event: number,
    type: text,
    atMs: number,
    tookMs: number,
    attempt: number,
    status: number.nullable(),
    error: text,
  }),
  health: z.looseObject({
    state: z.enum(["ok", "degraded", "lost"]),
    reasons: healthReasons,
    newReasons: healthReasons.optional(),
    quarantined: number,
    held: number,
    notInSync: z.array(text),
    takenOver: z.looseObject({ by: text, from: text, atMs: number }).optional(),
    sinceMs: number,
  }),
  apitokens: z.looseObject({
    tokenId: text,
    name: text,
    role: z.enum(["viewer", "editor", "admin", "owner"]),
    clusterUid: text.nullable(),
    createdMs: number,
    expiresMs: number,
    lastUsedMs: number.nullable(),
  }),
  summaries: z.looseObject({ hash: text, summary: summarySchema }),
  pairs: z.looseObject({
    phase: z.enum(["prepare", "commit", "leave"]),
    step: number,
    since: number,
    acks: z.record(text, z.array(text)),
    path: pathOrderSchema.exactOptional(),
  }),
  "pairs-back": z.strictObject({}),
  exports: exportReportSchema,
  withdrawals: withdrawalOrderSchema,
  idempotency: z.looseObject({
    request: text,
    atMs: number,
    answer: z.looseObject({ status: number, sealed: text }).nullable(),
  }),
};

/** Total: whatever the column holds. */
export function readRow<N extends keyof Collections>(
  collection: N,
  body: unknown,
): ReadRow<Collections[N]> {
  let json: unknown;
  try {
    json = JSON.parse(String(body));
  } catch {
    return { kind: "damaged", rule: "must be JSON" };
  }
  const read = SCHEMAS[collection].safeParse(json);
  if (read.success) return { kind: "row", row: read.data };
  const [first] = describeIssues(read.error.issues);
  return { kind: "damaged", rule: `${first?.field}: ${first?.rule}` };
}
