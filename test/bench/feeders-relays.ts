/** Relays of one cluster for the bench of feeders: as processes, or in this one. */
import { fork, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { readConfig } from "../../relay/config/relay-config.ts";
import { newLogger } from "../../relay/lib/log.ts";
import { Relay } from "../../relay/relay.ts";
import { openSource } from "../../relay/source/open-source.ts";

import { z } from "zod";

const CROWD = join(import.meta.dirname, "feeders-crowd.ts");
const MAIN = join(import.meta.dirname, "../../cli/main.ts");
const IN_SYNC = 2;
const POLL_MS = 50;
/** The remote that has the endpoints. */
const RCC = "o";

/** What the followers of a process heard of changes since they were to note it. */
export const recordedSchema = z.object({
  longestGapMs: z.number(),
  deletions: z.number(),
  /** A row a follower: what its feeders sent. */
  bytes: z.array(z.object({ changes: z.number(), others: z.number() })),
});
export type Recorded = z.infer<typeof recordedSchema>;

export type RelaySettings = Readonly<Record<string, string>>;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function freePorts(count: number): Promise<readonly number[]> {
  const servers: Server[] = [];
  for (let n = 0; n < count; n++) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    servers.push(server);
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Connections to the hub, of all processes of this machine. */
export function hubSockets(url: string): number {
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, "0");
  const line = new RegExp(`^ *\\d+: \\S+ \\S+:${port} 01 `);
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .filter((one) => line.test(one)).length;
}

/** `catwalk relay`, as it is shipped. */
export class FeederProcess {
  readonly #child: ChildProcess;
  readonly #url: string;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.#url = url;
  }

  /** @param nothing An empty folder: the cluster's own. */
  static async start(settings: RelaySettings, nothing: string): Promise<FeederProcess> {
    mkdirSync(nothing, { recursive: true });
    const given = { ...settings, manifests: nothing, httpListen: "127.0.0.1:0" };
    const flags = Object.entries(given).map(
      ([name, value]) =>
        `--${name.replaceAll(/[A-Z]/g, (big) => `-${big.toLowerCase()}`)}=${value}`,
    );
    const child = spawn(process.execPath, [MAIN, "relay", ...flags], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const url = await new Promise<string>((resolve, reject) => {
      createInterface(child.stdout).once("line", (line) =>
        resolve((JSON.parse(line) as { readonly http: string }).http),
      );
      child.once("exit", (code) => reject(new Error(`a feeder ended with ${code}`)));
    });
    return new FeederProcess(child, url);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async untilInSync(): Promise<void> {
    for (;;) {
      const { remotes } = (await (await fetch(new URL("/status", this.#url))).json()) as {
        readonly remotes: readonly { readonly rcc: string; readonly connectionStatus: number }[];
      };
      if (remotes.some((one) => one.rcc === RCC && one.connectionStatus === IN_SYNC)) return;
      await pause(POLL_MS);
    }
  }

  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill(signal);
    await ended;
  }
}

/** Most relays of a cluster, in one process. */
export class CrowdProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when all of them are in sync. @param nothing An empty folder: the cluster's own. */
  static async start(settings: readonly RelaySettings[], nothing: string): Promise<CrowdProcess> {
    const crowd = new CrowdProcess(fork(CROWD, [JSON.stringify({ settings, nothing })]));
    await crowd.#answer();
    return crowd;
  }

  /** Notes when changes come, from now on. */
  record(): void {
    this.#child.send("record");
  }

  /** Counts what feeders send, from now on. */
  countBytes(): void {
    this.#child.send("count-bytes");
  }

  async recorded(): Promise<Recorded> {
    const answer = this.#answer();
    this.#child.send("recorded");
    return recordedSchema.parse(await answer);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.send("stop");
    await ended;
  }

  #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`the crowd ended: ${code}`));
      this.#child.once("exit", onExit);
      this.#child.once("message", (message) => {
        this.#child.off("exit", onExit);
        resolve(message);
      });
    });
  }
}

/** A relay without Felix in this process. */
export class InProcessRelay {
  readonly #relay: Relay;
  #waiting: ((atMs: number) => void)[] = [];
  #times: number[] | null = null;
  #deletions = 0;

  private constructor(relay: Relay) {
    this.#relay = relay;
    relay.remotes.subscribe((changes) => {
      const now = performance.now();
      for (const resolve of this.#waiting.splice(0)) resolve(now);
      this.#times?.push(now);
      if (this.#times !== null)
        this.#deletions += changes.filter(({ op }) => op === "delete").length;
    });
  }

  /** @param nothing An empty folder: the cluster's own. */
  static async start(settings: RelaySettings, nothing: string): Promise<InProcessRelay> {
    mkdirSync(nothing, { recursive: true });
    const read = readConfig({ ...settings, manifests: nothing }, {}, null);
    if (!read.ok) throw new Error(JSON.stringify(read));
    const source = openSource({ kind: "manifests", folder: nothing });
    const relay = await Relay.open(read.config, source, newLogger("bench", "silent"));
    await relay.peers?.listen();
    relay.start();
    return new InProcessRelay(relay);
  }

  async untilInSync(): Promise<void> {
    const isInSync = (): boolean =>
      this.#relay.remotes
        .reports()
        .some(({ rcc, connectionStatus }) => rcc === RCC && connectionStatus === IN_SYNC);
    while (!isInSync()) await pause(POLL_MS);
  }

  /** When something of a remote is served that was not, in `performance.now()`. */
  nextChange(): Promise<number> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Changes from now on. */
  record(): void {
    this.#times = [];
    this.#deletions = 0;
  }

  recorded(): { readonly times: readonly number[]; readonly deletions: number } {
    return { times: this.#times ?? [], deletions: this.#deletions };
  }

  stop(): Promise<void> {
    return this.#relay.stop();
  }
}
