/**
 * One kubeconfig file, checked, and several as one. Fields, defaults and merging are those of
 * client-go (tools/clientcmd), which kubectl uses: `null` is absent, unknown fields are ignored, of
 * two files the first that has a name wins, and paths count from the folder of their file. [SRC80]
 */
import { dirname, isAbsolute, join } from "node:path";

import { parseDocument } from "yaml";
import { z } from "zod";

import { errorText } from "../../../shared/lib/error-text.ts";
import { describeIssues } from "../../../shared/visibility/field-problem.ts";

/** A kubeconfig with certificates inline has a few KiB a cluster. */
const MAX_CHARS = 4 * 1024 * 1024;

const text = z
  .string("must be text")
  .nullish()
  .transform((value) => value ?? "");
const flag = z
  .boolean("must be true or false")
  .nullish()
  .transform((value) => value ?? false);
const texts = z
  .array(z.string("must be text"), "must be a list of texts")
  .nullish()
  .transform((value) => value ?? []);
/** Bytes as base64; line breaks in it are allowed. */
const base64 = text.refine(
  (value) => /^[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*$/.test(value),
  "must be base64",
);
const texttexts = z
  .record(z.string(), texts)
  .nullish()
  .transform((value) => value ?? {});

const variable = z.object({ name: text, value: text });

const execSchema = z.object({
  apiVersion: text,
  command: text,
  args: texts,
  env: z
    .array(variable)
    .nullish()
    .transform((value) => value ?? []),
  installHint: text,
  provideClusterInfo: flag,
  interactiveMode: text,
});

const clusterSchema = z
  .object({
    server: text,
    "certificate-authority": text,
    "certificate-authority-data": base64,
    "insecure-skip-tls-verify": flag,
    "tls-server-name": text,
    "proxy-url": text,
    extensions: z.array(z.object({ name: text, extension: z.unknown() })).nullish(),
  })
  .transform((cluster) => ({
    server: cluster.server,
    caFile: cluster["certificate-authority"],
    caData: cluster["certificate-authority-data"],
    isInsecure: cluster["insecure-skip-tls-verify"],
    tlsServerName: cluster["tls-server-name"],
    proxyUrl: cluster["proxy-url"],
    /** Handed to the exec plugin as it is. */
    execConfig: cluster.extensions?.find(({ name }) => name === EXEC_EXTENSION)?.extension,
  }));

const EXEC_EXTENSION = "client.authentication.k8s.io/exec";

const userSchema = z
  .object({
    "client-certificate": text,
    "client-certificate-data": base64,
    "client-key": text,
    "client-key-data": base64,
    token: text,
    tokenFile: text,
    username: text,
    password: text,
    as: text,
    "as-uid": text,
    "as-groups": texts,
    "as-user-extra": texttexts,
    exec: execSchema.nullish().transform((value) => value ?? null),
    "auth-provider": z
      .object({ name: text, config: z.record(z.string(), z.string()).nullish() })
      .nullish()
      .transform((value) => value ?? null),
  })
  .transform((user) => ({
    certFile: user["client-certificate"],
    certData: user["client-certificate-data"],
    keyFile: user["client-key"],
    keyData: user["client-key-data"],
    token: user.token,
    tokenFile: user.tokenFile,
    username: user.username,
    password: user.password,
    as: user.as,
    asUid: user["as-uid"],
    asGroups: user["as-groups"],
    asExtra: user["as-user-extra"],
    exec: user.exec,
    authProvider: user["auth-provider"],
  }));

const contextSchema = z.object({ cluster: text, user: text });

const fileSchema = z.object({
  apiVersion: text.refine((value) => value === "" || value === "v1", "must be v1"),
  kind: text.refine((value) => value === "" || value === "Config", "must be Config"),
  "current-context": text,
  clusters: named("cluster", clusterSchema),
  users: named("user", userSchema),
  contexts: named("context", contextSchema),
});

export type KubeCluster = Readonly<z.output<typeof clusterSchema>>;
export type KubeUser = Readonly<z.output<typeof userSchema>>;
export type KubeContext = Readonly<z.output<typeof contextSchema>>;
export type KubeExec = Readonly<z.output<typeof execSchema>>;

export interface Kubeconfig {
  readonly clusters: ReadonlyMap<string, KubeCluster>;
  readonly users: ReadonlyMap<string, KubeUser>;
  readonly contexts: ReadonlyMap<string, KubeContext>;
  /** Empty: none. */
  readonly currentContext: string;
}

export type ParsedKubeconfig =
  | { readonly ok: true; readonly config: Kubeconfig }
  | { readonly ok: false; readonly message: string };

/**
 * `[{name, cluster: {…}}, …]` → a map; a name that comes twice is an error, as it is for kubectl.
 */
function named<Schema extends z.ZodType>(field: string, schema: Schema) {
  const entry = z.looseObject({ name: text });
  return z
    .array(entry, "must be a list")
    .nullish()
    .transform((entries, ctx) => {
      const map = new Map<string, z.output<Schema>>();
      for (const [i, given] of (entries ?? []).entries()) {
        const wrong = (path: PropertyKey[], message: string): void =>
          void ctx.issues.push({ code: "custom", input: given, path: [i, ...path], message });
        const parsed = schema.safeParse(given[field] ?? {});
        if (map.has(given.name)) wrong(["name"], `${JSON.stringify(given.name)} is there twice`);
        if (parsed.success) map.set(given.name, parsed.data);
        else
          for (const issue of parsed.error.issues) {
            const [problem] = describeIssues([issue]);
            wrong([field, ...issue.path], problem?.rule ?? issue.message);
          }
      }
      return map as ReadonlyMap<string, z.output<Schema>>;
    });
}

/** @param path Of the file, absolute: paths in it that are not count from its folder. */
export function parseKubeconfig(source: string, path: string): ParsedKubeconfig {
  if (source.length > MAX_CHARS)
    return { ok: false, message: `${path}: has more than ${MAX_CHARS} characters` };
  // As kubectl's reader: YAML 1.1, where `yes` is true.
  const document = parseDocument(source, { version: "1.1", merge: true });
  const [error] = document.errors;
  if (error !== undefined)
    return { ok: false, message: `${path}: ${error.message.split("\n")[0] ?? ""}` };
  let json: unknown;
  try {
    json = document.toJS() ?? {};
  } catch (failure) {
    return { ok: false, message: `${path}: ${errorText(failure)}` };
  }
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) return { ok: false, message: `${path}: ${firstIssue(parsed.error)}` };
  const { clusters, users, contexts } = parsed.data;
  const folder = dirname(path);
  return {
    ok: true,
    config: {
      clusters: mapValues(clusters, (cluster) => clusterIn(folder, cluster)),
      users: mapValues(users, (user) => userIn(folder, user)),
      contexts,
      currentContext: parsed.data["current-context"],
    },
  };
}

/** The first issue as a sentence: `users[0].user.token: must be text`. */
function firstIssue(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return "is not a kubeconfig";
  const field = issue.path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "");
  const rule = issue.message.startsWith("Invalid input") ? "has the wrong type" : issue.message;
  return field === "" ? "must be a kubeconfig (a YAML object)" : `${field}: ${rule}`;
}

function clusterIn(folder: string, cluster: KubeCluster): KubeCluster {
  return { ...cluster, caFile: pathIn(folder, cluster.caFile) };
}

function userIn(folder: string, user: KubeUser): KubeUser {
  const { exec } = user;
  // A bare name is looked up in the PATH.
  const isPath = exec?.command.includes("/") === true;
  return {
    ...user,
    certFile: pathIn(folder, user.certFile),
    keyFile: pathIn(folder, user.keyFile),
    tokenFile: pathIn(folder, user.tokenFile),
    exec: exec === null || !isPath ? exec : { ...exec, command: pathIn(folder, exec.command) },
  };
}

function pathIn(folder: string, path: string): string {
  return path === "" || isAbsolute(path) ? path : join(folder, path);
}

function mapValues<T>(map: ReadonlyMap<string, T>, change: (value: T) => T): Map<string, T> {
  return new Map([...map].map(([name, value]) => [name, change(value)]));
}

/** Several files as one, the first in front: it wins, entry by entry. */
export function mergeKubeconfigs(configs: readonly Kubeconfig[]): Kubeconfig {
  const backwards = configs.toReversed();
  return {
    clusters: new Map(backwards.flatMap(({ clusters }) => [...clusters])),
    users: new Map(backwards.flatMap(({ users }) => [...users])),
    contexts: new Map(backwards.flatMap(({ contexts }) => [...contexts])),
    currentContext: configs.find((config) => config.currentContext !== "")?.currentContext ?? "",
  };
}
