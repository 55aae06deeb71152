/**
 * `catwalk` as a process, behind whatever runs it (a namespace, a tracer): the command line is the
 * caller's.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

const MAIN = join(import.meta.dirname, "../../cli/main.ts");

export interface CatwalkProcess {
  /** The first line that it printed. */
  readonly ready: Readonly<Record<string, unknown>>;
  readonly pid: number;
  /** Its log until now. */
  log(): string;
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

export interface HubProcess extends CatwalkProcess {
  readonly url: string;
}

/** What runs it before its own command line. */
export type Wrap = (...command: readonly string[]) => readonly string[];

/** Resolves when it has printed a line. @throws Error with its log when it ends before. */
export async function startCatwalk(
  wrap: Wrap,
  ...args: readonly string[]
): Promise<CatwalkProcess> {
  const [program = "", ...rest] = wrap(process.execPath, MAIN, ...args);
  const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (text: Buffer) => (log += text.toString()));
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const end = (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    return exited;
  };
  const ready = await new Promise<CatwalkProcess["ready"]>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", (line) =>
      resolve(JSON.parse(line) as CatwalkProcess["ready"]),
    );
    void exited.then(() => reject(new Error(`it ended: ${log}`)));
  });
  return {
    ready,
    pid: child.pid ?? 0,
    log: () => log,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  };
}

export async function startHubProcess(wrap: Wrap, ...args: readonly string[]): Promise<HubProcess> {
  const started = await startCatwalk(wrap, "hub", ...args);
  return { ...started, url: String(started.ready["url"]) };
}
