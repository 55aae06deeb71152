/** A relay as a child process that dies with us; its log goes to a file. */
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { z } from "zod";

import { errorText } from "../../shared/lib/error-text.ts";
import { spawnGuarded } from "../launch/guarded-child.ts";
import type { GuardedChild } from "../launch/guarded-child.ts";

export interface RelayProcess {
  readonly cluster: string;
  /** HTTP address, known once it is ready. */
  readonly url: string;
  /** Port for Felix, where there is a splice. */
  readonly typhaPort: number | null;
  /** Port for the cluster's other relays, where it listens for them. */
  readonly peersPort: number | null;
  stop(): Promise<void>;
  /** SIGKILL, at once. */
  kill(): Promise<void>;
}

const READY_MS = 60_000;
const STOP_MS = 1_500;
const MAIN = join(import.meta.dirname, "../main.ts");

/**
 * @param program Of this version, unless it is another.
 * @throws Error with the end of the log when the relay does not become ready.
 */
export async function startRelay(
  cluster: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  logFile: string,
  program = MAIN,
): Promise<RelayProcess> {
  const child = spawnGuarded(process.execPath, [program, "relay", ...args], env);
  const log = createWriteStream(logFile, { flags: "a", mode: 0o600 });
  const lastLines: string[] = [];
  child.shell.stderr?.pipe(log);
  if (child.shell.stderr !== null)
    createInterface({ input: child.shell.stderr }).on("line", (line) => {
      lastLines.push(line);
      if (lastLines.length > 5) lastLines.shift();
    });
  const {
    http: url,
    typhaPort,
    peersPort = null,
  } = await readyEvent(child).catch((error: unknown) => {
    child.kill();
    throw new Error(
      `relay ${cluster}: ${errorText(error)}\n${lastLines.join("\n")}\n(its log: ${logFile})`,
      { cause: error },
    );
  });
  return {
    cluster,
    url,
    typhaPort,
    peersPort,
    stop: () => stop(child),
    kill: async () => {
      child.kill();
      await child.exited;
    },
  };
}

/** The first line that a relay prints. */
const readySchema = z.object({
  http: z.string(),
  typhaPort: z.number().nullable(),
  peersPort: z.number().nullable().optional(),
});
type ReadyEvent = z.output<typeof readySchema>;

function readyEvent(child: GuardedChild): Promise<ReadyEvent> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`not ready within ${READY_MS / 1000} s`)),
      READY_MS,
    );
    void child.exited.then((code) => reject(new Error(`ended with status ${code}`)));
    if (child.shell.stdout === null) return;
    createInterface({ input: child.shell.stdout }).on("line", (line) => {
      clearTimeout(timer);
      try {
        resolve(readySchema.parse(JSON.parse(line)));
      } catch {
        reject(new Error(`said ${line.slice(0, 200)} instead of where it listens`));
      }
    });
  });
}

async function stop(child: GuardedChild): Promise<void> {
  child.terminate();
  const timer = setTimeout(() => child.kill(), STOP_MS);
  await child.exited;
  clearTimeout(timer);
}
