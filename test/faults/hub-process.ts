/** `catwalk hub` as a process, behind whatever runs it (a namespace, a tracer): the command line is the caller's. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

const MAIN = join(import.meta.dirname, "../../relay/cli/main.ts");

export interface HubProcess {
  readonly url: string;
  /** The first line that it printed. */
  readonly ready: Readonly<Record<string, unknown>>;
  readonly pid: number;
  /** Its log until now. */
  log(): string;
  stop(): Promise<void>;
}

/** @param wrap Puts what runs it before the command. @throws Error with its log when it ends before it is ready. */
export async function startHubProcess(
  wrap: (...command: readonly string[]) => readonly string[],
  ...args: readonly string[]
): Promise<HubProcess> {
  const [program = "", ...rest] = wrap(process.execPath, MAIN, "hub", ...args);
  const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (text: Buffer) => (log += text.toString()));
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const ready = await new Promise<HubProcess["ready"]>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", (line) =>
      resolve(JSON.parse(line) as HubProcess["ready"]),
    );
    void exited.then(() => reject(new Error(`the hub ended: ${log}`)));
  });
  return {
    url: String(ready["url"]),
    ready,
    pid: child.pid ?? 0,
    log: () => log,
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}
