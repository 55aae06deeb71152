/**
 * The documented RemoteClusterConfiguration of Calico Enterprise, read strictly: every field of its reference with its rules, and no
 * other. [VIS22] (docs.tigera.io, "Remote cluster configuration", read 2026-11.)
 *
 * What Kubernetes itself adds to an object (`kubectl get -o yaml`) is accepted and ignored, so that an exported object can be applied.
 */
import { z } from "zod";

import { NAME_PATTERN } from "../lib/names.ts";
import type { LabelMode } from "./facts.ts";
import { describeIssues } from "./field-problem.ts";
import type { FieldProblem } from "./field-problem.ts";

/** Says which member of the mesh an RCC means, where that is not the RCC's own name. */
export const REMOTE_ANNOTATION = "catwalk.dev/remote-cluster";

/** Asks for label keys that only rules written for this remote match: `prefixed`. */
export const LABELS_ANNOTATION = "catwalk.dev/labels";

/** Whether this cluster's pools are told to the remote, so that it does not source-NAT towards them: `true` (default) or `false`. [VIS32] */
export const POOLS_ANNOTATION = "catwalk.dev/share-pools";

export const NAME_RULE = "must match [a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?";

const text = z.string().max(8192).optional();

const specSchema = z.strictObject({
  clusterAccessSecret: z
    .strictObject({
      kind: z.literal("Secret").optional(),
      name: z.string().min(1).max(253),
      namespace: z.string().min(1).max(63),
    })
    .optional(),
  datastoreType: z.enum(["etcdv3", "kubernetes"]).optional(),
  etcdEndpoints: text,
  etcdUsername: text,
  etcdPassword: text,
  etcdKeyFile: text,
  etcdCertFile: text,
  etcdCACertFile: text,
  kubeconfig: z.string().max(65_536).optional(),
  k8sAPIEndpoint: text,
  k8sKeyFile: text,
  k8sCertFile: text,
  k8sCAFile: text,
  k8sAPIToken: text,
  syncOptions: z
    .strictObject({ overlayRoutingMode: z.enum(["Enabled", "Disabled"]).optional() })
    .optional(),
});

export const rccSchema = z.strictObject({
  apiVersion: z.literal("projectcalico.org/v3"),
  kind: z.literal("RemoteClusterConfiguration"),
  metadata: z.strictObject({
    name: z.string().regex(NAME_PATTERN, NAME_RULE),
    annotations: z.record(z.string(), z.string().max(8192)).optional(),
    labels: z.record(z.string(), z.string()).optional(),
    uid: z.unknown().optional(),
    resourceVersion: z.unknown().optional(),
    creationTimestamp: z.unknown().optional(),
    generation: z.unknown().optional(),
    managedFields: z.unknown().optional(),
  }),
  spec: specSchema.default({}),
  status: z.unknown().optional(),
});

export type RccDocument = z.output<typeof rccSchema>;
export type RccSpec = z.output<typeof specSchema>;

/** An RCC as the registry takes it: what it is called, whom it names, and how. */
export interface RccRequest {
  readonly name: string;
  readonly remoteName: string;
  readonly overlayRoutingMode: "Enabled" | "Disabled";
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: RccSpec;
}

export type ParsedRcc =
  | { readonly ok: true; readonly rcc: RccRequest }
  /** `malformed`: not such a document. `rule`: a document that breaks a rule. `unsupported`: right, and not served here. */
  | {
      readonly ok: false;
      readonly kind: "malformed" | "rule" | "unsupported";
      readonly problems: readonly FieldProblem[];
    };

const ETCD_FIELDS = [
  "etcdEndpoints",
  "etcdUsername",
  "etcdPassword",
  "etcdKeyFile",
  "etcdCertFile",
  "etcdCACertFile",
] as const;
const KUBERNETES_FIELDS = [
  "kubeconfig",
  "k8sAPIEndpoint",
  "k8sKeyFile",
  "k8sCertFile",
  "k8sCAFile",
  "k8sAPIToken",
] as const;

/** How the labels of the remote are given to rules. */
export function labelModeOf(annotations: Readonly<Record<string, string>>): LabelMode {
  return annotations[LABELS_ANNOTATION] === "prefixed" ? "prefixed" : "original";
}

export function sharesPools(annotations: Readonly<Record<string, string>>): boolean {
  return annotations[POOLS_ANNOTATION] !== "false";
}

/** Total: any JSON value gives an RCC, or the fields that are wrong with the rule of each. */
export function parseRcc(value: unknown): ParsedRcc {
  const parsed = rccSchema.safeParse(value);
  if (!parsed.success)
    return { ok: false, kind: "malformed", problems: describeIssues(parsed.error.issues) };
  const { metadata, spec } = parsed.data;
  const broken = checkConnection(spec);
  if (broken.length > 0) return { ok: false, kind: "rule", problems: broken };
  const connection = connectionFields(spec);
  if (connection.length > 0)
    return {
      ok: false,
      kind: "unsupported",
      problems: connection.map((field) => ({
        field: `spec.${field}`,
        rule: "direct datastore RCCs (connection fields) are not served by this version",
      })),
    };
  const annotations = metadata.annotations ?? {};
  const remoteName = annotations[REMOTE_ANNOTATION] ?? metadata.name;
  if (!NAME_PATTERN.test(remoteName))
    return {
      ok: false,
      kind: "malformed",
      problems: [{ field: `metadata.annotations.${REMOTE_ANNOTATION}`, rule: NAME_RULE }],
    };
  const labels = annotations[LABELS_ANNOTATION];
  if (labels !== undefined && labels !== "prefixed" && labels !== "original")
    return {
      ok: false,
      kind: "malformed",
      problems: [
        {
          field: `metadata.annotations.${LABELS_ANNOTATION}`,
          rule: "must be prefixed or original",
        },
      ],
    };
  const shares = annotations[POOLS_ANNOTATION];
  if (shares !== undefined && shares !== "true" && shares !== "false")
    return {
      ok: false,
      kind: "malformed",
      problems: [
        { field: `metadata.annotations.${POOLS_ANNOTATION}`, rule: "must be true or false" },
      ],
    };
  return {
    ok: true,
    rcc: {
      name: metadata.name,
      remoteName,
      overlayRoutingMode: spec.syncOptions?.overlayRoutingMode ?? "Disabled",
      annotations,
      spec,
    },
  };
}

/** The fields by which an RCC asks for a datastore of its own. An empty text is an absent field, as in Calico. */
function connectionFields(spec: RccSpec): readonly string[] {
  return [
    ...(spec.clusterAccessSecret === undefined ? [] : ["clusterAccessSecret"]),
    ...(spec.datastoreType === undefined ? [] : ["datastoreType"]),
    ...[...ETCD_FIELDS, ...KUBERNETES_FIELDS].filter((field) => (spec[field] ?? "") !== ""),
  ];
}

/** The reference's rules between fields. */
function checkConnection(spec: RccSpec): readonly FieldProblem[] {
  const set = connectionFields(spec);
  const refuse = (fields: readonly string[], rule: string): readonly FieldProblem[] =>
    fields
      .filter((field) => set.includes(field))
      .map((field) => ({ field: `spec.${field}`, rule }));
  if (spec.clusterAccessSecret !== undefined)
    return refuse(
      ["datastoreType", ...ETCD_FIELDS, ...KUBERNETES_FIELDS],
      "must be empty when clusterAccessSecret is set",
    );
  return [
    ...(spec.datastoreType === "etcdv3"
      ? []
      : refuse(ETCD_FIELDS, "is allowed only with datastoreType etcdv3")),
    ...(spec.datastoreType === "kubernetes"
      ? []
      : refuse(KUBERNETES_FIELDS, "is allowed only with datastoreType kubernetes")),
  ];
}
