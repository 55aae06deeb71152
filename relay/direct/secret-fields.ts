/**
 * What a Secret says of a connection: the keys of the reference, with contents instead of paths.
 * Pure. [DIR3]
 */
import type { FieldProblem } from "../../shared/visibility/field-problem.ts";
import type { RccSpec } from "../../shared/visibility/rcc-connection.ts";
import { isJsonObject } from "../kube/kube-object.ts";

/** Key of the Secret → field of the specification that has the same content. */
const KEYS = {
  datastoreType: "datastoreType",
  etcdEndpoints: "etcdEndpoints",
  etcdUsername: "etcdUsername",
  etcdPassword: "etcdPassword",
  etcdKey: "etcdKey",
  etcdCert: "etcdCert",
  etcdCACert: "etcdCACert",
  kubeconfig: "kubeconfigInline",
} as const;

/** Of texts where a line's end is nobody's intention: `echo … | base64` writes one. */
const TRIMMED: readonly string[] = ["datastoreType", "etcdEndpoints", "etcdUsername"];

export type SecretFields =
  | { readonly ok: true; readonly spec: RccSpec }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

/** @param secret As the API server answers it; `null`: there is none. */
export function readSecretFields(secret: unknown, name: string): SecretFields {
  const wrong = (field: string, rule: string): SecretFields => ({
    ok: false,
    problems: [{ field, rule }],
  });
  const where = `Secret ${name}`;
  if (secret === null) return wrong("spec.clusterAccessSecret", `there is no ${where}`);
  const data = isJsonObject(secret) ? (secret["data"] ?? {}) : null;
  if (!isJsonObject(data)) return wrong("spec.clusterAccessSecret", `${where} has no data`);
  const spec: Record<string, string> = {};
  for (const [key, field] of Object.entries(KEYS)) {
    const value = data[key];
    if (typeof value !== "string") continue;
    const text = Buffer.from(value, "base64").toString("utf8");
    const kept = TRIMMED.includes(key) ? text.trim() : text;
    if (kept !== "") spec[field] = kept;
  }
  const type = spec["datastoreType"] ?? "etcdv3";
  if (type !== "etcdv3" && type !== "kubernetes")
    return wrong(`${where}.datastoreType`, "must be etcdv3 or kubernetes");
  return { ok: true, spec: { ...spec, datastoreType: type } };
}
