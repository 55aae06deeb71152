/** Programs as a user starts them, `catwalk` above all: what they print, and how they end. */
import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams, SpawnOptions } from "node:child_process";
import { join } from "node:path";

const BIN = join(import.meta.dirname, "../../bin/catwalk.js");

/** How a program ended: its status (null: by a signal), and all that it printed. */
export interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

export interface StartedProgram {
  readonly child: ChildProcessWithoutNullStreams;
  /** What it has printed so far on standard output. */
  readonly out: () => string;
  readonly err: () => string;
  readonly ended: Promise<Ended>;
}

/** @param options Of `spawn`; `input` is all that its standard input has. */
export function startProgram(
  command: string,
  args: readonly string[],
  { input, ...options }: Pick<SpawnOptions, "cwd" | "env"> & { readonly input?: string } = {},
): StartedProgram {
  const child = spawn(command, args, options);
  let [out, err] = ["", ""];
  child.stdout.on("data", (text: Buffer) => (out += text.toString()));
  child.stderr.on("data", (text: Buffer) => (err += text.toString()));
  if (input !== undefined) child.stdin.end(input);
  const ended = new Promise<Ended>((resolve) =>
    child.on("close", (status) => resolve({ status, out, err })),
  );
  return { child, out: () => out, err: () => err, ended };
}

/** `catwalk` with these arguments. */
export function startCatwalk(
  args: readonly string[],
  options: Pick<SpawnOptions, "cwd" | "env"> & { readonly input?: string } = {},
): StartedProgram {
  return startProgram(process.execPath, [BIN, ...args], options);
}

/**
 * The environment of a user who works with one mesh of one hub.
 * @param home The user's home folder, so that nothing of the machine's own is read.
 */
export function userEnv(
  home: string,
  hub: { readonly url: string; readonly adminToken: string },
  mesh = "demo",
): NodeJS.ProcessEnv {
  return {
    ...process.env,
    HOME: home,
    CATWALK_SERVER: hub.url,
    CATWALK_MESH: mesh,
    CATWALK_TOKEN: hub.adminToken,
  };
}
