/**
 * The fields by which an RCC asks for a datastore of its own, and the rules between them. Such an
 * RCC is kept and not served by this version. [VIS40]
 *
 * Sources: the reference page of Calico Enterprise ("Remote cluster configuration"), and the type
 * of the API for the fields that the page leaves out (`kubeconfigInline`,
 * `k8sInsecureSkipTLSVerify`, `etcdKey`, `etcdCert`, `etcdCACert`), read 2026-11.
 */
import { z } from "zod";

import type { FieldProblem } from "./field-problem.ts";

/** `null` and the empty text are an absent field, as in Calico. */
const text = z.string().max(8192).nullish();
/** A kubeconfig may be a list of files, and a certificate a chain, hence the length. */
const longText = z.string().max(65_536).nullish();

// What `meta` says is for the OpenAPI document: the same rules as below, where a broken one has its
// advice.
const secret = longText.meta({
  maxLength: 0,
  description: "A secret, which the hub does not keep: only absent or empty",
});
const ONE_LINE = "^[^\\n\\r\\u0000]*$";
const path = text.meta({ pattern: ONE_LINE, description: "Path of a file" });
const paths = longText.meta({ pattern: ONE_LINE, description: "Path of a file, or of several" });
const HOST = "(\\[[0-9A-Fa-f:.]+\\]|[^\\s\\/?#@:,\\[\\]]+)(:[0-9]{1,5})?(\\/[^\\s,]*)?";
const URL_TEXT = `https?:\\/\\/${HOST}`;
const url = text.meta({ pattern: `^(${URL_TEXT})?$` });
const urls = text.meta({ pattern: `^(\\s*${URL_TEXT}\\s*(,\\s*${URL_TEXT}\\s*)*)?$` });

export const specSchema = z.strictObject({
  clusterAccessSecret: z
    .strictObject({
      kind: z.enum(["Secret", ""]).nullish(),
      name: z.string().min(1).max(253),
      namespace: z.string().min(1).max(63),
      // The rest of Kubernetes' ObjectReference.
      apiVersion: text,
      uid: text,
      resourceVersion: text,
      fieldPath: text,
    })
    .nullish(),
  datastoreType: z.enum(["etcdv3", "kubernetes", ""]).nullish(),
  etcdEndpoints: urls,
  etcdUsername: text,
  etcdPassword: secret,
  etcdKeyFile: path,
  etcdCertFile: path,
  etcdCACertFile: path,
  etcdKey: secret,
  etcdCert: longText,
  etcdCACert: longText,
  kubeconfig: paths,
  kubeconfigInline: secret,
  k8sAPIEndpoint: url,
  k8sKeyFile: path,
  k8sCertFile: path,
  k8sCAFile: path,
  k8sAPIToken: secret,
  k8sInsecureSkipTLSVerify: z.boolean().nullish(),
  syncOptions: z
    .strictObject({ overlayRoutingMode: z.enum(["Enabled", "Disabled", ""]).nullish() })
    .nullish(),
});

export type WrittenSpec = z.output<typeof specSchema>;

/** A specification without its absent fields. */
export type RccSpec = {
  readonly [F in keyof WrittenSpec]?: Exclude<WrittenSpec[F], null | undefined | "">;
};

const ETCD_FIELDS = [
  "etcdEndpoints",
  "etcdUsername",
  "etcdPassword",
  "etcdKeyFile",
  "etcdCertFile",
  "etcdCACertFile",
  "etcdKey",
  "etcdCert",
  "etcdCACert",
] as const;
const KUBERNETES_FIELDS = [
  "kubeconfig",
  "kubeconfigInline",
  "k8sAPIEndpoint",
  "k8sKeyFile",
  "k8sCertFile",
  "k8sCAFile",
  "k8sAPIToken",
  "k8sInsecureSkipTLSVerify",
] as const;
const CONNECTION_FIELDS = [
  "clusterAccessSecret",
  "datastoreType",
  ...ETCD_FIELDS,
  ...KUBERNETES_FIELDS,
] as const;
/** Their value is a secret itself. */
const SECRET_FIELDS = ["etcdPassword", "etcdKey", "kubeconfigInline", "k8sAPIToken"] as const;
/** Their value is the path of a file, or of several. */
const FILE_FIELDS = [
  "etcdKeyFile",
  "etcdCertFile",
  "etcdCACertFile",
  "kubeconfig",
  "k8sKeyFile",
  "k8sCertFile",
  "k8sCAFile",
] as const;

const NO_SECRET =
  "is a secret, which the hub does not keep: put it into a Secret and name that as clusterAccessSecret, or into a file of the relay's machine";

/** What was written, without what is absent: `null`, empty texts, objects without anything left. */
export function presentSpec(written: WrittenSpec | null | undefined): RccSpec {
  return (dropAbsent(written ?? {}) ?? {}) as RccSpec;
}

function dropAbsent(value: unknown): unknown {
  if (value === null || value === "" || value === undefined) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) return value;
  const fields = Object.entries(value).flatMap(([field, inner]) => {
    const kept = dropAbsent(inner);
    return kept === undefined ? [] : [[field, kept] as const];
  });
  return fields.length === 0 ? undefined : Object.fromEntries(fields);
}

/** Names of the fields that ask for a datastore of its own; none for an RCC that names a member. */
export function connectionFields(spec: RccSpec): readonly string[] {
  return CONNECTION_FIELDS.filter((field) => spec[field] !== undefined && spec[field] !== false);
}

/** What of a valid specification this version keeps and does not do, field by field. [VIS40] */
export function notServed(spec: RccSpec): readonly FieldProblem[] {
  const direct = connectionFields(spec).map((field) => ({
    field: `spec.${field}`,
    rule: "NotServed: a hub reads no datastore; relays of the cluster do",
  }));
  if (direct.length === 0 || spec.syncOptions?.overlayRoutingMode !== "Enabled") return direct;
  const rule = "NotServed: routes need an RCC that names a member";
  return [...direct, { field: "spec.syncOptions.overlayRoutingMode", rule }];
}

/**
 * Who reads a document: the hub, which keeps no secret, or the relay of the cluster that has it.
 * [DIR1]
 */
export type RccReader = "hub" | "relay";

/** The rules between fields, and those of single values. Empty: all hold. */
export function checkConnection(spec: RccSpec, reader: RccReader): readonly FieldProblem[] {
  const broken = [
    ...checkTogether(spec),
    ...(reader === "hub" ? checkSecrets(spec) : []),
    ...checkPaths(spec),
    ...checkValues(spec),
  ];
  // One rule a field: the first says what to do about it.
  return broken.filter(({ field }, i) => broken.findIndex((one) => one.field === field) === i);
}

function checkTogether(spec: RccSpec): readonly FieldProblem[] {
  const set = new Set(connectionFields(spec));
  const refuse = (fields: readonly string[], rule: string): readonly FieldProblem[] =>
    fields.filter((field) => set.has(field)).map((field) => ({ field: `spec.${field}`, rule }));
  if (spec.clusterAccessSecret !== undefined)
    return refuse(
      ["datastoreType", ...ETCD_FIELDS, ...KUBERNETES_FIELDS],
      "must be empty when clusterAccessSecret is set",
    );
  if (spec.datastoreType === "kubernetes")
    return refuse(ETCD_FIELDS, "is allowed only with datastoreType etcdv3");
  // Etcd is what the type means where it is not set. Beside it a kubeconfig is for the remote's
  // services, as older documents ask for.
  const isEtcd = spec.datastoreType === "etcdv3" || ETCD_FIELDS.some((field) => set.has(field));
  return isEtcd ? [] : refuse(KUBERNETES_FIELDS, "is allowed only with datastoreType");
}

function checkSecrets(spec: RccSpec): readonly FieldProblem[] {
  const inline = SECRET_FIELDS.filter((field) => spec[field] !== undefined);
  return inline.map((field) => ({ field: `spec.${field}`, rule: NO_SECRET }));
}

function checkPaths(spec: RccSpec): readonly FieldProblem[] {
  const pasted = FILE_FIELDS.filter((field) => /[\n\r\0]/.test(spec[field] ?? ""));
  return pasted.map((field) => ({
    field: `spec.${field}`,
    rule: "must be the path of a file, not its content: put that into a Secret and name it as clusterAccessSecret",
  }));
}

function checkValues(spec: RccSpec): readonly FieldProblem[] {
  const endpoints = (spec.etcdEndpoints ?? "").split(",").map((one) => one.trim());
  const lists = [
    ["spec.etcdEndpoints", spec.etcdEndpoints === undefined ? [] : endpoints],
    ["spec.k8sAPIEndpoint", spec.k8sAPIEndpoint === undefined ? [] : [spec.k8sAPIEndpoint]],
  ] as const;
  return lists.flatMap(([field, urls]) => {
    const rule = urls.map(checkUrl).find((one) => one !== null);
    return rule == null ? [] : [{ field, rule }];
  });
}

const WITHOUT_USER = new RegExp(`^${URL_TEXT}$`);
const WITH_USER = new RegExp(`^https?:\\/\\/[^\\s\\/?#]*@${HOST}$`);

function checkUrl(given: string): string | null {
  if (WITHOUT_USER.test(given)) return null;
  return WITH_USER.test(given)
    ? `a user in the URL ${NO_SECRET}`
    : "must be an http or https URL (several etcd endpoints with commas)";
}
