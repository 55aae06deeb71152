/** HAProxy for tests: the machine's, or Debian's package unpacked into `.build`, not installed. */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

const HERE = import.meta.dirname;
const FOLDER = join(HERE, "../../.build/haproxy");
const CONFIG = join(HERE, "../../deploy/hub/haproxy.cfg");
/** It and the libraries that a small machine lacks. */
const PACKAGES = ["haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1"];

interface Program {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}

function sh(command: string, args: readonly string[], cwd = HERE): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", cwd });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

/** @throws Error where there is none and none can be had. */
export function findHaproxy(): Program {
  if (spawnSync("haproxy", ["-v"]).status === 0) return { path: "haproxy", env: process.env };
  const path = join(FOLDER, "usr/sbin/haproxy");
  if (!existsSync(path)) {
    mkdirSync(FOLDER, { recursive: true });
    spawnSync("apt-get", ["update", "-q"], { stdio: "ignore" });
    sh("apt-get", ["download", "-q", ...PACKAGES], FOLDER);
    for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".deb")))
      sh("dpkg-deb", ["-x", file, "."], FOLDER);
  }
  const library = join(FOLDER, "usr/lib");
  const folders = [library, ...readdirSync(library).map((name) => join(library, name))];
  return { path, env: { ...process.env, LD_LIBRARY_PATH: folders.join(":") } };
}

export interface ProxySettings {
  readonly CATWALK_PUBLIC: string;
  readonly CATWALK_CERTIFICATE: string;
  readonly CATWALK_HUB: string;
  readonly CATWALK_MAX_CONNECTIONS: string;
  readonly CATWALK_MAX_PER_ADDRESS: string;
}

/** Runs it with the configuration of `deploy/hub`. */
export function startHaproxy(program: Program, settings: ProxySettings): ChildProcess {
  const env = { ...program.env, ...settings };
  return spawn(program.path, ["-db", "-f", CONFIG], {
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
}
