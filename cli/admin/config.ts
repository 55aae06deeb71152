/**
 * Where a command finds its hub: flags > `CATWALK_*` > the file that `CATWALK_CONFIG` names >
 * `.catwalk/config.yaml` found upwards from the current folder > `~/.config/catwalk/config.yaml`.
 * Nothing is ever written to the home folder. [CLI2]
 */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";

import { parse } from "yaml";
import { z } from "zod";

import { errorText } from "../../shared/lib/error-text.ts";
import { describeIssues } from "../../shared/visibility/field-problem.ts";
import { UsageError } from "./usage-error.ts";

const fileSchema = z.strictObject({
  server: z.url().optional(),
  mesh: z.string().optional(),
  /** Takes a hub with plain http off loopback. */
  insecureHttp: z.boolean().optional(),
  /** Relative to the folder of the file. */
  tokenFile: z.string().optional(),
  /** HTTP addresses of relays, by cluster. */
  relays: z.record(z.string(), z.url()).optional(),
});
export type ConfigFile = z.output<typeof fileSchema>;

export interface ServerFlags {
  readonly server?: string;
  readonly mesh?: string;
  readonly tokenFile?: string;
  readonly insecureHttp?: true;
}

export interface CliConfig {
  readonly server: string | undefined;
  readonly mesh: string | undefined;
  /** A hub with plain http off loopback is meant. */
  readonly insecureHttp?: boolean;
  /** The admin token itself. */
  readonly token: string | undefined;
  /** Where the token was found, for people. */
  readonly tokenFrom?: string;
  readonly relays: Readonly<Record<string, string>>;
}

export interface ConfigSurroundings {
  readonly cwd: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function surroundings(): ConfigSurroundings {
  return { cwd: process.cwd(), home: homedir(), env: process.env };
}

/** @throws UsageError naming the file and field that is wrong. */
export function loadConfig(flags: ServerFlags, from = surroundings()): CliConfig {
  const { env } = from;
  const named = env["CATWALK_CONFIG"] ? resolve(from.cwd, env["CATWALK_CONFIG"]) : null;
  const found = [findUpwards(from.cwd), join(from.home, ".config/catwalk/config.yaml")].filter(
    (path) => path !== null && existsSync(path),
  );
  const files = [named, ...found].flatMap((path) => (path === null ? [] : [readConfigFile(path)]));
  const pick = (field: "server" | "mesh" | "tokenFile"): string | undefined =>
    files.map((file) => file[field]).find((value) => value !== undefined);
  const given = flags.tokenFile === undefined ? undefined : resolve(from.cwd, flags.tokenFile);
  const isInEnv = given === undefined && Boolean(env["CATWALK_TOKEN"]);
  const tokenFile = given ?? pick("tokenFile");
  const server = flags.server ?? (env["CATWALK_SERVER"] || pick("server"));
  const mesh = flags.mesh ?? (env["CATWALK_MESH"] || pick("mesh"));
  const isInsecureMeant =
    flags.insecureHttp === true ||
    env["CATWALK_INSECURE_HTTP"] === "true" ||
    files.some((file) => file.insecureHttp === true && sameUrl(file.server ?? "", server));
  // Relays of another hub's or another mesh's clusters may have the same names.
  const isSame = (file: ConfigFile): boolean =>
    (file.server === undefined || sameUrl(file.server, server)) &&
    (file.mesh === undefined || file.mesh === mesh);
  const relays = files.filter(isSame).toReversed();
  return {
    server,
    mesh,
    ...(isInsecureMeant && { insecureHttp: true }),
    token: isInEnv ? env["CATWALK_TOKEN"] : readToken(tokenFile),
    ...(isInEnv && { tokenFrom: "CATWALK_TOKEN" }),
    ...(!isInEnv && tokenFile !== undefined && { tokenFrom: `of ${tokenFile}` }),
    relays: Object.fromEntries(relays.flatMap((file) => Object.entries(file.relays ?? {}))),
  };
}

function sameUrl(one: string, other: string | undefined): boolean {
  return other !== undefined && URL.canParse(other) && new URL(one).href === new URL(other).href;
}

function findUpwards(from: string): string | null {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const path = join(folder, ".catwalk/config.yaml");
    if (existsSync(path)) return path;
    if (dirname(folder) === folder) return null;
  }
}

function readConfigFile(path: string): ConfigFile {
  let content: unknown;
  try {
    content = parse(readFileSync(path, "utf8")) ?? {};
  } catch (error) {
    throw new UsageError(`${path}: ${errorText(error)}`);
  }
  const parsed = fileSchema.safeParse(content);
  if (!parsed.success)
    throw new UsageError(
      `${path}: ${describeIssues(parsed.error.issues)
        .map(({ field, rule }) => `${field}: ${rule}`)
        .join("; ")}`,
    );
  const { tokenFile, ...rest } = parsed.data;
  return tokenFile === undefined ? rest : { ...rest, tokenFile: resolve(dirname(path), tokenFile) };
}

function readToken(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new UsageError(`token file ${path}: ${errorText(error)}`);
  }
}
