/**
 * The documented RemoteClusterConfiguration of Calico Enterprise, read strictly: every field of its
 * reference with its rules, and no other. [VIS22] (docs.tigera.io, "Remote cluster configuration",
 * read 2026-11.)
 *
 * Fields that Kubernetes itself adds to an object (`kubectl get -o yaml`) are accepted and ignored,
 * and `null` is an absent field, so that an exported object can be applied.
 */
import { z } from "zod";

import { NAME_PATTERN, NAME_RULE } from "../lib/names.ts";
import type { LabelMode } from "./facts.ts";
import { describeIssues } from "./field-problem.ts";
import type { FieldProblem } from "./field-problem.ts";
import { checkConnection, connectionFields, presentSpec, specSchema } from "./rcc-connection.ts";
import type { RccReader, RccSpec } from "./rcc-connection.ts";

/** Says which member of the mesh an RCC means, where that is not the RCC's own name. */
export const REMOTE_ANNOTATION = "catwalk.dev/remote-cluster";

/** Asks for label keys that only rules written for this remote match: `prefixed`. */
export const LABELS_ANNOTATION = "catwalk.dev/labels";

/**
 * Whether this cluster's pools are told to the remote, so that it does not source-NAT towards them:
 * `true` (default) or `false`. [VIS32]
 */
export const POOLS_ANNOTATION = "catwalk.dev/share-pools";

/**
 * Whether Services of a remote that the relay reads itself are followed: `true`. A remote of a mesh
 * has them by its grant. [DIR18]
 */
export const SERVICES_ANNOTATION = "catwalk.dev/services";

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
/** Of an annotation that is kept. */
const MAX_TEXT = 8192;

const ignored = z.unknown().optional();

export const rccSchema = z.strictObject({
  apiVersion: z.literal("projectcalico.org/v3"),
  kind: z.literal("RemoteClusterConfiguration"),
  metadata: z.strictObject({
    name: z.string().regex(NAME_PATTERN, NAME_RULE),
    /** kubectl keeps the whole object in one of them: Kubernetes allows 256 KiB together. */
    annotations: z.record(z.string(), z.string().max(262_144).nullable()).nullish(),
    labels: z.record(z.string(), z.string().nullable()).nullish(),
    namespace: z.literal("", "must be empty: an RCC belongs to no namespace").nullish(),
    // What Kubernetes itself writes into an object.
    generateName: ignored,
    selfLink: ignored,
    uid: ignored,
    resourceVersion: ignored,
    generation: ignored,
    creationTimestamp: ignored,
    deletionTimestamp: ignored,
    deletionGracePeriodSeconds: ignored,
    ownerReferences: ignored,
    finalizers: ignored,
    managedFields: ignored,
    clusterName: ignored,
  }),
  spec: specSchema.nullish(),
  status: ignored,
});

export type RccDocument = z.output<typeof rccSchema>;

/** The least RCC: it names the member of its own name. */
export function memberRcc(name: string): RccDocument {
  return {
    apiVersion: "projectcalico.org/v3",
    kind: "RemoteClusterConfiguration",
    metadata: { name },
    spec: {},
  };
}

/** An RCC as the registry takes it: what it is called, whom it names, and how. */
export interface RccRequest {
  readonly name: string;
  /** The member that it names; `null` for one with connection fields, which names none. [VIS40] */
  readonly remoteName: string | null;
  readonly overlayRoutingMode: "Enabled" | "Disabled";
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: RccSpec;
}

export type ParsedRcc =
  | { readonly ok: true; readonly rcc: RccRequest }
  /** `malformed`: not such a document. `rule`: a document that breaks a rule. */
  | {
      readonly ok: false;
      readonly kind: "malformed" | "rule";
      readonly problems: readonly FieldProblem[];
    };

/** How the labels of the remote are given to rules. */
export function labelModeOf(annotations: Readonly<Record<string, string>>): LabelMode {
  return annotations[LABELS_ANNOTATION] === "prefixed" ? "prefixed" : "original";
}

export function sharesPools(annotations: Readonly<Record<string, string>>): boolean {
  return annotations[POOLS_ANNOTATION] !== "false";
}

export function asksServices(annotations: Readonly<Record<string, string>>): boolean {
  return annotations[SERVICES_ANNOTATION] === "true";
}

/** Total: any JSON value gives an RCC, or the fields that are wrong with the rule of each. */
export function parseRcc(value: unknown, reader: RccReader = "hub"): ParsedRcc {
  const parsed = rccSchema.safeParse(value);
  if (!parsed.success)
    return { ok: false, kind: "malformed", problems: describeIssues(parsed.error.issues) };
  const { metadata } = parsed.data;
  const spec = presentSpec(parsed.data.spec);
  const broken = checkConnection(spec, reader);
  if (broken.length > 0) return { ok: false, kind: "rule", problems: broken };
  const annotations = ownAnnotations(metadata.annotations ?? {});
  const remoteName = annotations[REMOTE_ANNOTATION] ?? metadata.name;
  const refused = checkAnnotations(annotations, remoteName);
  if (refused !== null) return refused;
  return {
    ok: true,
    rcc: {
      name: metadata.name,
      remoteName: connectionFields(spec).length > 0 ? null : remoteName,
      overlayRoutingMode:
        spec.syncOptions?.overlayRoutingMode === "Enabled" ? "Enabled" : "Disabled",
      annotations,
      spec,
    },
  };
}

/** `null`: nothing is wrong with them. */
function checkAnnotations(
  annotations: Readonly<Record<string, string>>,
  remoteName: string,
): ParsedRcc | null {
  const wrong = (kind: "malformed" | "rule", key: string, rule: string): ParsedRcc => ({
    ok: false,
    kind,
    problems: [{ field: `metadata.annotations.${key}`, rule }],
  });
  const long = Object.keys(annotations).find((key) => (annotations[key] ?? "").length > MAX_TEXT);
  if (long !== undefined) return wrong("rule", long, `must have at most ${MAX_TEXT} characters`);
  if (!NAME_PATTERN.test(remoteName)) return wrong("malformed", REMOTE_ANNOTATION, NAME_RULE);
  const labels = annotations[LABELS_ANNOTATION];
  if (labels !== undefined && labels !== "prefixed" && labels !== "original")
    return wrong("malformed", LABELS_ANNOTATION, "must be prefixed or original");
  for (const key of [POOLS_ANNOTATION, SERVICES_ANNOTATION])
    if (!["true", "false", undefined].includes(annotations[key]))
      return wrong("malformed", key, "must be true or false");
  return null;
}

/**
 * Without what kubectl keeps for itself: the whole object as it was applied last, with all that it
 * had.
 */
function ownAnnotations(written: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(written).flatMap(([key, value]) =>
      value === null || key === LAST_APPLIED ? [] : [[key, value]],
    ),
  );
}
