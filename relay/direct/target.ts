/**
 * Which datastore an RCC means, read with all its files: what a source is opened with, or the
 * fields that are not complete. [DIR2] [DIR6]
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

import { errorText } from "../../shared/lib/error-text.ts";
import type { FieldProblem } from "../../shared/visibility/field-problem.ts";
import type { RccSpec } from "../../shared/visibility/rcc-connection.ts";
import type { ChosenAccess } from "../kube/access/select-access.ts";
import { isSystemError } from "../lib/system-error.ts";
import type { EtcdAccess } from "../source/etcd/etcd-access.ts";
import { readKubeTarget } from "./kube-target.ts";

export type Target =
  | { readonly kind: "kubernetes"; readonly access: ChosenAccess }
  | { readonly kind: "etcd"; readonly access: EtcdAccess };

export type TargetReading =
  /** `print` changes with anything that a connection is made of; says nothing of a secret. */
  | { readonly ok: true; readonly target: Target; readonly print: string }
  | { readonly ok: false; readonly problems: readonly FieldProblem[] };

/** @param mayBeInsecure An operator allows remotes whose certificate is not checked. */
export async function readTarget(spec: RccSpec, mayBeInsecure: boolean): Promise<TargetReading> {
  try {
    return spec.datastoreType === "kubernetes"
      ? await kubernetes(spec, mayBeInsecure)
      : await etcd(spec);
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
    return { ok: false, problems: [{ field: error.field, rule: error.message }] };
  }
}

class UnreadableFile extends Error {
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

async function kubernetes(spec: RccSpec, mayBeInsecure: boolean): Promise<TargetReading> {
  const found = await readKubeTarget(
    spec,
    (path) => textOf(path, "spec.kubeconfig"),
    mayBeInsecure,
  );
  if (!found.ok) return found;
  const { access } = found;
  // A token that rotates is read with each request: it is no other connection.
  const files = [access.cluster.caFile, access.user.certFile, access.user.keyFile];
  const texts: (string | null)[] = [];
  for (const path of files) texts.push(path === "" ? "" : await textOf(path, "spec.kubeconfig"));
  const missing = files[texts.indexOf(null)];
  if (missing !== undefined)
    return {
      ok: false,
      problems: [{ field: "spec.kubeconfig", rule: `there is no file ${missing}` }],
    };
  return { ok: true, target: { kind: "kubernetes", access }, print: printOf([access, texts]) };
}

async function etcd(spec: RccSpec): Promise<TargetReading> {
  const problems: FieldProblem[] = [];
  const missing = (field: string, rule: string): void => void problems.push({ field, rule });
  const { etcdUsername: username = "", etcdPassword: password = "", etcdEndpoints = "" } = spec;
  const endpoints = etcdEndpoints.split(",").flatMap((one) => one.trim() || []);
  if (endpoints.length === 0) missing("spec.etcdEndpoints", "is needed with datastoreType etcdv3");
  if (username !== "" && password === "")
    missing("spec.etcdPassword", "is needed with etcdUsername");
  if (password !== "" && username === "")
    missing("spec.etcdUsername", "is needed with etcdPassword");
  const pem = async (inline: string | undefined, file: string | undefined, field: string) => {
    if (inline !== undefined || file === undefined) return inline ?? "";
    const text = await textOf(file, `spec.${field}`);
    if (text === null) missing(`spec.${field}`, `there is no file ${file}`);
    return text ?? "";
  };
  const ca = await pem(spec.etcdCACert, spec.etcdCACertFile, "etcdCACertFile");
  const cert = await pem(spec.etcdCert, spec.etcdCertFile, "etcdCertFile");
  const key = await pem(spec.etcdKey, spec.etcdKeyFile, "etcdKeyFile");
  if (cert !== "" && key === "") missing("spec.etcdKeyFile", "is needed with etcdCertFile");
  if (key !== "" && cert === "") missing("spec.etcdCertFile", "is needed with etcdKeyFile");
  for (const [field, text] of [
    ["etcdCACert", ca],
    ["etcdCert", cert],
    ["etcdKey", key],
  ] as const)
    if (text !== "" && !text.includes("-----BEGIN ")) missing(`spec.${field}`, "is not PEM");
  if (problems.length > 0) return { ok: false, problems };
  const access = { endpoints, username, password, ca, cert, key };
  return { ok: true, target: { kind: "etcd", access }, print: printOf(access) };
}

/** `null`: there is no such file. @throws UnreadableFile */
async function textOf(path: string, field: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return null;
    throw new UnreadableFile(field, errorText(error));
  }
}

function printOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}
