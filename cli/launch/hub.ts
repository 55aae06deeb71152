/**
 * A self-hosted hub: bundles the Worker, writes workerd's configuration, runs the workerd binary and keeps it running. No wrangler and no
 * Miniflare: both are development tools. [CLI20]
 */
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

import { makeFolder } from "../../relay/lib/make-folder.ts";
import { backoffMs } from "../../shared/lib/backoff.ts";
import { bundleWorker, writeIfOther } from "./bundle.ts";
import {
  ADMIN_TOKEN_HASH_VARIABLE,
  capnpConfig,
  FSYNC_VARIABLE,
  HUB_KEY_VARIABLE,
} from "./capnp.ts";
import { lockData } from "./data-lock.ts";
import { describeSpeed, measureDisk } from "./disk-speed.ts";
import type { DiskSpeed } from "./disk-speed.ts";
import { Explainer } from "./explain.ts";
import { spawnGuarded } from "./guarded-child.ts";
import type { GuardedChild } from "./guarded-child.ts";
import { openFiles } from "./open-files.ts";
import { restoredAt } from "./restore.ts";
import { loadSecrets } from "./secrets.ts";

export interface HubOptions {
  /** `127.0.0.1:8787`; port 0 picks a free one. */
  readonly listen: string;
  readonly dataDir: string;
  readonly adminTokenFile?: string;
  /** A ready bundle of the Worker. Default: `CATWALK_WORKER_BUNDLE`, else it is made from the sources. */
  readonly workerBundle?: string;
  /** Lines of workerd's and the supervisor's own output. Default: this process's stderr. */
  readonly log?: (line: string) => void;
}

export interface RunningHub {
  readonly url: string;
  readonly adminToken: string;
  readonly adminTokenFile: string;
  /** Sockets that it takes, bounded by the files that a process may open here. */
  readonly maxSockets: number;
  /** As measured in the data folder at the start. */
  readonly disk: DiskSpeed;
  /** Process id of the shell around workerd; changes when it is restarted. */
  pid(): number | undefined;
  /** Ends workerd within about a second. Committed state is on disk already. */
  stop(): Promise<void>;
}

/** The port is in use: the caller may try another. */
export class PortTakenError extends Error {}

const READY_MS = 20_000;
const READY_POLL_MS = 20;
/** workerd waits for open WebSockets for ever after SIGTERM; what it has answered is on disk. */
const DRAIN_MS = 1_000;
const RESTART = { baseMs: 250, capMs: 10_000 };
/** A run that long resets the backoff. */
const HEALTHY_MS = 30_000;

/** @throws PortTakenError, or Error when the data folder is in use or workerd does not come up. */
export async function startHub(options: HubOptions): Promise<RunningHub> {
  const log = options.log ?? ((line: string) => void process.stderr.write(`${line}\n`));
  const dataDir = resolve(options.dataDir);
  const storageDir = join(dataDir, "do");
  makeFolder(storageDir, "--data", options.dataDir);
  const unlock = await lockData(dataDir);
  try {
    const restoredAtMs = restoredAt(dataDir);
    const { host, port } = await reservePort(options.listen);
    const secrets = loadSecrets(dataDir, options.adminTokenFile);
    const workerFile = join(dataDir, "worker.js");
    await bundleWorker(workerFile, options.workerBundle);
    const configFile = join(dataDir, "workerd.capnp");
    const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    const disk = measureDisk(dataDir);
    log(describeSpeed(disk));
    const files = openFiles();
    const maxSockets = files.sockets;
    writeIfOther(
      configFile,
      capnpConfig({
        address,
        workerFile: "worker.js",
        storageDir,
        maxSockets,
        restoredAtMs,
      }),
    );
    const url = `http://${isAny(host) ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host}:${port}`;
    const env = {
      ...process.env,
      [FSYNC_VARIABLE]: String(disk.fsyncMs ?? 0),
      [HUB_KEY_VARIABLE]: secrets.hubKey,
      [ADMIN_TOKEN_HASH_VARIABLE]: secrets.adminTokenHash,
    };
    const explainer = new Explainer(dataDir);
    const supervisor = new Supervisor(
      () => spawnGuarded(workerdBinary(), ["serve", configFile], env),
      (line) => {
        const explained = explainer.explain(line, performance.now());
        if (explained !== null) log(explained);
        log(line);
      },
    );
    try {
      await waitReady(url, supervisor);
    } catch (error) {
      await supervisor.stop();
      throw error;
    }
    return {
      url,
      maxSockets,
      disk,
      adminToken: secrets.adminToken,
      adminTokenFile: secrets.adminTokenFile,
      pid: () => supervisor.pid(),
      stop: async () => {
        await supervisor.stop();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

/**
 * The package `workerd`, of the newest version that takes one file descriptor for a socket (DESIGN.md): it is CommonJS whose `default` is the path of the
 * binary for this platform; loaders differ in how they import that.
 */
function workerdBinary(): string {
  const workerd = createRequire(import.meta.url)("workerd") as { readonly default: string };
  return workerd.default;
}

/** Runs the child, and again when it ends by itself. */
class Supervisor {
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
    if (this.lastLines.length > 20) this.lastLines.shift();
    this.#log(line);
  }
}

async function waitReady(url: string, supervisor: Supervisor): Promise<void> {
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    if (supervisor.firstExit !== null) break;
    try {
      const answer = await fetch(new URL("/healthz", url), { signal: AbortSignal.timeout(2_000) });
      if (answer.ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((done) => setTimeout(done, READY_POLL_MS));
  }
  throw new Error(`the hub did not come up at ${url}: ${supervisor.lastLines.join("\n")}`);
}

/** Finds out now whether the address can be had, because workerd would only say so in a log line. */
async function reservePort(listen: string): Promise<{ host: string; port: number }> {
  const { host, port } = parseListen(listen);
  const server = createServer();
  const taken = await new Promise<number | Error>((done) => {
    server.once("error", done);
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      done(typeof address === "object" && address !== null ? address.port : port);
    });
  });
  if (taken instanceof Error) {
    const code = "code" in taken ? taken.code : "";
    if (code === "EADDRINUSE")
      throw new PortTakenError(`--listen ${listen}: the port is taken by another program`);
    throw new Error(`--listen ${listen}: ${taken.message}`);
  }
  await new Promise((done) => server.close(done));
  return { host, port: taken };
}

/** @throws Error naming the form. */
export function parseListen(listen: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(listen);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new Error(`--listen ${listen}: must be HOST:PORT, as 127.0.0.1:8787`);
  return { host: match[1] ?? (match[2] || "0.0.0.0"), port };
}

function isAny(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
