/** `catwalk relay`: the relay of one cluster, until it is told to stop. */
import { readFileSync } from "node:fs";

import { parse } from "yaml";

import { readConfig } from "../config.ts";
import type { RelayConfig } from "../config.ts";
import { serveHttp } from "../http/server.ts";
import { newLogger } from "../log.ts";
import type { Logger } from "../log.ts";
import { Relay } from "../relay.ts";
import { preferSmallHeap } from "../small-heap.ts";
import { openSource } from "../source/open-source.ts";
import { RemotesFeed } from "../typha/remote-feed.ts";
import { Splice } from "../typha/splice.ts";
import { print, withExample } from "./command.ts";
import type { RegisterCommand } from "./command.ts";
import { CommandError, UsageError } from "./usage-error.ts";

/** As Typha's own. */
const DRAIN_SECONDS = 300;

export const registerRelay: RegisterCommand = (program) => {
  withExample(
    program
      .command("relay")
      .description("run a cluster's relay (every option also as CATWALK_*, or in --config)")
      .option("--state <dir>", "folder with the relay's key and views")
      .option("--join-token <token>", "joins the mesh with it")
      .option("--hub <url>", "the hub")
      .option("--hub-ca-file <file>", "PEM: authorities to trust for it, beside the usual ones")
      .option("--source <kind>", "kubernetes or manifests")
      .option("--kubeconfig <file>", "of the cluster's API server")
      .option("--manifests <dir>", "folder of YAML instead of an API server")
      .option("--typha-upstream <host:port>", "the cluster's Typha")
      .option("--typha-listen <host:port>", "where Felix connects instead")
      .option("--typha-compress", "ask Typha for compressed snapshots (a slow network to it)")
      .option("--typha-max-connections <n>", "served at once (10000)")
      .option("--drain-seconds <n>", "longest slow end of Felix connections on SIGTERM (300)")
      .option("--http-listen <host:port>", "health, status, metrics, view")
      .option("--in-sync-wait-seconds <n>", "longest wait for the remote views (30)")
      .option("--config <file>", "YAML with these options in camelCase"),
    "catwalk relay --state ./state --hub http://127.0.0.1:8787 --join-token cwj_… --manifests deploy/demo/db",
  ).action(async ({ config: file, ...flags }: Record<string, string>) => {
    const read = readConfig(flags, process.env, file === undefined ? null : readFile(file));
    if (!read.ok) throw new UsageError(`relay: ${read.message}`);
    await runRelay(read.config);
  });
};

function readFile(path: string): unknown {
  try {
    return parse(readFileSync(path, "utf8")) as unknown;
  } catch (error) {
    throw new UsageError(`--config ${path}: ${(error as Error).message}`);
  }
}

async function runRelay(config: RelayConfig): Promise<void> {
  preferSmallHeap();
  const signals = new Signals();
  const log = newLogger("catwalk-relay");
  const relay = await Relay.open(config, sourceOf(config), log).catch((error: unknown) => {
    throw new CommandError((error as Error).message, { cause: error });
  });
  const http =
    config.httpListen === undefined
      ? null
      : await listen(serveHttp(relay, config.httpListen), "--http-listen");
  relay.start();
  const splice = startSplice(relay, config, log);
  relay.splice = splice;
  const port = splice === null ? null : await listen(splice.start(), "--typha-listen");
  void relay
    .whenListed()
    .then(() =>
      print(
        `${JSON.stringify({ event: "ready", cluster: relay.clusterName, http: http?.url ?? null, typhaPort: port })}\n`,
      ),
    );
  await signals.first;
  await splice?.drain((config.drainSeconds ?? DRAIN_SECONDS) * 1000, signals.second);
  await Promise.all([splice?.stop(), http?.close(), relay.stop()]);
}

/** The first tells to stop, the second to hurry. */
class Signals {
  readonly #second = new AbortController();
  readonly first: Promise<void>;

  constructor() {
    this.first = new Promise((resolve) => {
      let count = 0;
      for (const name of ["SIGTERM", "SIGINT"] as const)
        process.on(name, () => {
          if (++count > 1) this.#second.abort();
          resolve();
        });
    });
  }

  get second(): AbortSignal {
    return this.#second.signal;
  }
}

function sourceOf(config: RelayConfig) {
  if (config.source === "manifests")
    return openSource({ kind: "manifests", folder: config.manifests as string });
  return openSource({
    kind: "kubernetes",
    ...(config.kubeconfig !== undefined && { kubeconfig: config.kubeconfig }),
  });
}

function startSplice(relay: Relay, config: RelayConfig, log: Logger): Splice | null {
  if (config.typhaListen === undefined || config.typhaUpstream === undefined) return null;
  return new Splice({
    listen: config.typhaListen,
    upstream: config.typhaUpstream,
    feed: new RemotesFeed(relay.remotes),
    isViewLoaded: () => relay.isViewLoaded,
    inSyncWaitMs: config.inSyncWaitSeconds * 1000,
    compressUpstream: config.typhaCompress ?? false,
    ...(config.typhaMaxConnections !== undefined && { maxConnections: config.typhaMaxConnections }),
    log: (level, message, fields) => log[level](fields, message),
  });
}

async function listen<T>(started: Promise<T>, option: string): Promise<T> {
  return started.catch((error: unknown) => {
    throw new CommandError(`${option}: ${(error as Error).message}`, { cause: error });
  });
}
