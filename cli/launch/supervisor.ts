/** Keeps a process running: starts it again, with a backoff, when it ends by itself. */
import { createInterface } from "node:readline";

import { backoffMs } from "../../shared/lib/backoff.ts";
import type { GuardedChild } from "./guarded-child.ts";

/** workerd waits for open WebSockets for ever after SIGTERM; what it has answered is on disk. */
const DRAIN_MS = 1_000;
const RESTART = { baseMs: 250, capMs: 10_000 };
/** A run of this length resets the backoff. */
const HEALTHY_MS = 30_000;
/** Kept to say why it did not come up. */
const LAST_LINES = 20;

export class Supervisor {
  readonly #spawn: () => GuardedChild;
  readonly #log: (line: string) => void;
  #child: GuardedChild;
  #isStopping = false;
  #attempt = 0;
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
      if (performance.now() - startedMs > HEALTHY_MS) this.#attempt = 0;
      const delayMs = backoffMs(this.#attempt++, RESTART, Math.random);
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
