/** Keeps a process running: starts it again, with a backoff, when it ends by itself. */
import { createInterface } from "node:readline";

import { nextRetry } from "../../shared/lib/retry.ts";
import type { Outage } from "../../shared/lib/retry.ts";
import type { GuardedChild } from "./guarded-child.ts";

/** workerd waits for open WebSockets for ever after SIGTERM; what it has answered is on disk. */
const DRAIN_MS = 1_000;
/** One process has no crowd to be spread from: the first time it is back as soon as it can. */
const RESTART = { shortestMs: 20, longestMs: 10_000, healthyMs: 5_000 };
/** Kept to say why it did not come up. */
const LAST_LINES = 20;

export class Supervisor {
  readonly #spawn: () => GuardedChild;
  readonly #log: (line: string) => void;
  #child: GuardedChild;
  #isStopping = false;
  #outage: Outage = null;
  #retry: NodeJS.Timeout | null = null;
  /** Exit code of a first run that ended before it was ready. */
  firstExit: number | null = null;
  readonly lastLines: string[] = [];

  constructor(spawnChild: () => GuardedChild, log: (line: string) => void) {
    this.#spawn = spawnChild;
    this.#log = log;
    this.#child = this.#run();
  }

  pid(): number | undefined {
    return this.#child.shell.pid;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    const child = this.#child;
    child.terminate();
    const timer = setTimeout(() => child.kill(), DRAIN_MS);
    await child.exited;
    clearTimeout(timer);
  }

  #run(): GuardedChild {
    const child = this.#spawn();
    const startedMs = performance.now();
    for (const stream of [child.shell.stdout, child.shell.stderr])
      if (stream !== null)
        createInterface({ input: stream }).on("line", (line) => this.#tell(line));
    void child.exited.then((code) => {
      this.firstExit ??= code;
      if (this.#isStopping) return;
      const nowMs = performance.now();
      const loss = { nowMs, heldMs: nowMs - startedMs };
      const { outage, delayMs } = nextRetry(this.#outage, loss, RESTART, Math.random);
      this.#outage = outage;
      this.#tell(`workerd ended with status ${code}; starting it again in ${delayMs} ms`);
      this.#retry = setTimeout(() => {
        this.#child = this.#run();
      }, delayMs);
    });
    return child;
  }

  #tell(line: string): void {
    this.lastLines.push(line);
    if (this.lastLines.length > LAST_LINES) this.lastLines.shift();
    this.#log(line);
  }
}
