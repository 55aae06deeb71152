/** The `catwalk` command in the process of the tests. */
import { vi } from "vitest";

import { runProgram } from "../../cli/program.ts";
import { loadCommands } from "../../cli/registry.ts";
import type { Ended } from "./catwalk-command.ts";

let isBusy = false;

/**
 * Spares the start of a process: for tests of what commands say. Those of how a process begins,
 * waits and ends start one.
 * @throws Error where another one runs: both would have one environment and one terminal.
 */
export async function catwalkHere(
  args: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<Ended> {
  if (isBusy) throw new Error("BUG: commands in one process run one after the other");
  isBusy = true;
  const before = { cwd: process.cwd(), env: { ...process.env } };
  const [out, err] = [heard(process.stdout), heard(process.stderr)];
  process.chdir(cwd);
  setEnv(env);
  try {
    const status = await runProgram(await loadCommands(args[0]), args);
    return { status, out: out.text(), err: err.text() };
  } finally {
    process.chdir(before.cwd);
    setEnv(before.env);
    out.end();
    err.end();
    isBusy = false;
  }
}

/** Of the process itself: libuv reads `HOME` there. */
function setEnv(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
}

/** What is written to a stream from now on, in its place. */
function heard(stream: NodeJS.WriteStream): { text(): string; end(): void } {
  let text = "";
  const spy = vi.spyOn(stream, "write").mockImplementation((chunk) => {
    text += chunk.toString();
    return true;
  });
  return { text: () => text, end: () => spy.mockRestore() };
}
