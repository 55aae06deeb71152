/**
 * Credentials that a program gives, as client-go asks for them: told of the cluster in
 * `KUBERNETES_EXEC_INFO`, kept until they expire or are refused. Source: client-go
 * plugin/pkg/client/auth/exec; pkg/apis/clientauthentication/v1. [SRC83]
 */
import { spawn } from "node:child_process";

import { z } from "zod";

import { parseJson } from "../../../shared/lib/parse-json.ts";
import type { KubeExec } from "./kubeconfig.ts";

/** Longest run of a plugin: it has no terminal to ask anybody. */
const RUN_MS = 60_000;
/** Certificates and a token have a few KiB. */
const MAX_CHARS = 1024 * 1024;
/** After a failure, all who ask at the same moment are told of this one run. */
const FAILURE_MS = 1_000;

/**
 * The cluster as a plugin is told of it with `provideClusterInfo`; field names are those of the
 * API.
 */
export type ClusterInfo = Readonly<Record<string, unknown>>;

export interface ExecCredential {
  /** Empty: none. */
  readonly token: string;
  readonly cert: string;
  readonly key: string;
  /** Ms since 1970, when it must be asked for again; `null`: when it is refused. */
  readonly expiresMs: number | null;
}

export type ParsedCredential =
  | { readonly ok: true; readonly credential: ExecCredential }
  | { readonly ok: false; readonly message: string };

const text = z.string().nullish();
const answerSchema = z.object({
  apiVersion: z.string(),
  kind: z.literal("ExecCredential"),
  status: z.object({
    token: text,
    clientCertificateData: text,
    clientKeyData: text,
    expirationTimestamp: text,
  }),
});

/** @param apiVersion What the kubeconfig says; the plugin must answer in it. */
export function parseCredential(output: string, apiVersion: string): ParsedCredential {
  const json = parseJson(output);
  if (!json.ok) return { ok: false, message: "its answer is not JSON" };
  const parsed = answerSchema.safeParse(json.value);
  if (!parsed.success)
    return {
      ok: false,
      message: `its answer is no ExecCredential (${parsed.error.issues[0]?.path.join(".") ?? ""})`,
    };
  if (parsed.data.apiVersion !== apiVersion)
    return { ok: false, message: `its answer is of ${parsed.data.apiVersion}, not ${apiVersion}` };
  const { status } = parsed.data;
  const [token, cert, key] = [
    status.token ?? "",
    status.clientCertificateData ?? "",
    status.clientKeyData ?? "",
  ];
  if ((cert === "") !== (key === ""))
    return { ok: false, message: "status: a certificate and its key come together" };
  if (token === "" && cert === "")
    return { ok: false, message: "status: has neither a token nor a certificate" };
  const given = status.expirationTimestamp ?? "";
  const expiresMs = given === "" ? null : Date.parse(given);
  if (Number.isNaN(expiresMs))
    return { ok: false, message: "status.expirationTimestamp: must be a time" };
  return { ok: true, credential: { token, cert, key, expiresMs } };
}

/** The text of `KUBERNETES_EXEC_INFO`. */
export function execInfo(exec: KubeExec, cluster: ClusterInfo): string {
  return JSON.stringify({
    kind: "ExecCredential",
    apiVersion: exec.apiVersion,
    spec: { ...(exec.provideClusterInfo && { cluster }), interactive: false },
  });
}

interface Asked {
  /** The plugin, its arguments and what it was told. */
  readonly by: string;
  readonly result: Promise<ExecCredential>;
  credential: ExecCredential | null;
  failedMs: number | null;
}

export class ExecCredentials {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #wallMs: () => number;
  #asked: Asked | null = null;

  constructor(
    env: Readonly<Record<string, string | undefined>>,
    wallMs: () => number = () => Date.now(),
  ) {
    this.#env = env;
    this.#wallMs = wallMs;
  }

  /** @throws Error naming the plugin and what came of it. */
  get(exec: KubeExec, cluster: ClusterInfo): Promise<ExecCredential> {
    const info = execInfo(exec, cluster);
    const by = JSON.stringify([exec, info]);
    if (this.#asked?.by === by && !this.#isOver(this.#asked)) return this.#asked.result;
    const result = run(exec, { ...this.#env, ...variablesOf(exec), KUBERNETES_EXEC_INFO: info });
    const asked: Asked = {
      by,
      result,
      credential: null,
      failedMs: null,
    };
    this.#asked = asked;
    result.then(
      (credential) => (asked.credential = credential),
      () => (asked.failedMs = this.#wallMs()),
    );
    return result;
  }

  /** The server does not take it (any more): the next request asks for another. */
  refused(credential: ExecCredential): void {
    if (this.#asked?.credential === credential) this.#asked = null;
  }

  #isOver({ credential, failedMs }: Asked): boolean {
    const nowMs = this.#wallMs();
    if (failedMs !== null) return nowMs - failedMs >= FAILURE_MS;
    const expiresMs = credential?.expiresMs ?? null;
    return expiresMs !== null && nowMs > expiresMs;
  }
}

function variablesOf(exec: KubeExec): Record<string, string> {
  return Object.fromEntries(exec.env.map(({ name, value }) => [name, value]));
}

function run(exec: KubeExec, env: NodeJS.ProcessEnv): Promise<ExecCredential> {
  const { command, args, apiVersion, installHint } = exec;
  const failed = (why: string): Error => new Error(`exec plugin ${command}: ${why}`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => collect(stream));
    const give = (error: Error): void => {
      clearTimeout(timer);
      // Also where a child of the plugin holds its pipes.
      child.kill("SIGKILL");
      child.stdout.destroy();
      child.stderr.destroy();
      reject(error);
    };
    const timer = setTimeout(() => give(failed(`gave no answer in ${RUN_MS / 1000} s`)), RUN_MS);
    timer.unref();
    child.once("error", (error: NodeJS.ErrnoException) => {
      const hint = installHint === "" ? "" : `; ${installHint.trim()}`;
      give(failed(error.code === "ENOENT" ? `is not there${hint}` : error.message));
    });
    child.once("close", (status, signal) => {
      clearTimeout(timer);
      if (status !== 0) {
        const words = (stderr?.() ?? "").trim().slice(-300);
        reject(failed(`ended with ${status ?? signal ?? ""}${words === "" ? "" : `: ${words}`}`));
        return;
      }
      const parsed = parseCredential(stdout?.() ?? "", apiVersion);
      if (parsed.ok) resolve(parsed.credential);
      else reject(failed(parsed.message));
    });
  });
}

/** The text of a stream, up to a bound; the rest is not kept. */
function collect(stream: NodeJS.ReadableStream): () => string {
  let said = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    if (said.length < MAX_CHARS) said += chunk;
  });
  return () => said;
}
