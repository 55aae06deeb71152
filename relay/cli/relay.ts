/** `catwalk relay`: the relay of one cluster, until it is told to stop. */
import { readFileSync } from "node:fs";

import { parse } from "yaml";

import { readConfig } from "../config.ts";
import type { RelayConfig } from "../config.ts";
import { tlsSettingsOf } from "../config-tls.ts";
import { serveHttp } from "../http/server.ts";
import { newLogger } from "../log.ts";
import type { Logger } from "../log.ts";
import { Relay } from "../relay.ts";
import { preferSmallHeap } from "../small-heap.ts";
import { openSource } from "../source/open-source.ts";
import { chooseUpstream } from "../typha/choose-upstream.ts";
import { RemotesFeed } from "../typha/remote-feed.ts";
import { dialWith } from "../typha/dial.ts";
import { Splice } from "../typha/splice.ts";
import { TlsFiles } from "../typha/tls/files.ts";
import type { TyphaUpstream } from "../typha/upstream.ts";
import { print, withExample } from "./command.ts";
import type { RegisterCommand } from "./command.ts";
import { registerRelayStatus } from "./relay-status.ts";
import { CommandError, UsageError } from "./usage-error.ts";
import { addWithdrawal } from "./withdrawal.ts";

/** As Typha's own. */
const DRAIN_SECONDS = 300;

export const registerRelay: RegisterCommand = (program) => {
  const relay = withExample(
    program
      .command("relay")
      .description("run a cluster's relay (every option also as CATWALK_*, or in --config)")
      .option("--state <dir>", "folder with the relay's views, and its key without --identity")
      .option("--identity <dir>", "folder with the key and membership of all the cluster's relays")
      .option("--join-token <token>", "joins the mesh with it")
      .option("--hub <url>", "the hub")
      .option("--hub-ca-file <file>", "PEM: authorities to trust for it, beside the usual ones")
      .option("--source <kind>", "kubernetes, manifests or typha")
      .option("--kubeconfig <file>", "of the cluster's API server")
      .option("--manifests <dir>", "folder of YAML instead of an API server")
      .option("--typha-upstream <host:port>", "the cluster's Typha")
      .option("--typha-service <namespace/name>", "the cluster's Typha as a Kubernetes service")
      .option("--node-name <name>", "this relay's node: a Typha on it is preferred")
      .option("--typha-listen <host:port>", "where Felix connects instead")
      .option("--typha-compress", "ask Typha for compressed snapshots (a slow network to it)")
      .option("--typha-ca-file <file>", "PEM: TLS to Typha, as Felix's FELIX_TYPHACAFILE")
      .option("--typha-cert-file <file>", "PEM: the certificate that Typha is shown")
      .option("--typha-key-file <file>", "PEM: its key")
      .option("--typha-cn <name>", "common name of Typha's certificate")
      .option("--typha-uri-san <uri>", "or a URI among its alternative names")
      .option("--listen-ca-file <file>", "PEM: TLS from Felix; authorities of its certificate")
      .option("--listen-cert-file <file>", "PEM: the certificate that Felix is shown")
      .option("--listen-key-file <file>", "PEM: its key")
      .option("--listen-client-cn <name>", "common name of Felix's certificate")
      .option("--listen-client-uri-san <uri>", "or a URI among its alternative names")
      .option("--typha-max-connections <n>", "served at once (10000)")
      .option("--drain-seconds <n>", "longest slow end of Felix connections on SIGTERM (300)")
      .option("--peers <host:port,…>", "other relays of the cluster: asked for views lacking here")
      .option("--peers-service <namespace/name>", "the same as a Kubernetes service")
      .option("--peers-listen <host:port>", "where they ask this one")
      .option("--http-listen <host:port>", "health, status, metrics, view")
      .option(
        "--withdrawal-hold-seconds <n>",
        "how long what lists suddenly lack in mass stays published (600; 0: not at all)",
      )
      .option("--in-sync-wait-seconds <n>", "longest wait for the remote views (30)")
      .option("--config <file>", "YAML with these options in camelCase"),
    "catwalk relay --state ./state --hub http://127.0.0.1:8787 --join-token cwj_… --manifests deploy/demo/db",
  );
  addWithdrawal(relay);
  relay.action(async ({ config: file, ...flags }: Record<string, string>) => {
    const read = readConfig(flags, process.env, file === undefined ? null : readFile(file));
    if (!read.ok) throw new UsageError(`relay: ${read.message}`);
    await runRelay(read.config);
  });
  registerRelayStatus(relay);
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
  const typhaTls = tlsOf(config, log, "typha");
  const upstream = chooseUpstream(config, dialWith(typhaTls));
  const opened = Relay.open(config, sourceOf(config, upstream), log).catch((error: unknown) => {
    throw new CommandError((error as Error).message, { cause: error });
  });
  // Joining may take long; who is told to stop meanwhile has nothing to end yet. [CLI50]
  const relay = await Promise.race([opened, signals.first]);
  if (relay === undefined) return;
  const http =
    config.httpListen === undefined
      ? null
      : await listen(serveHttp(relay, config.httpListen), "--http-listen");
  const peersPort = relay.peers && (await listen(relay.peers.listen(), "--peers-listen"));
  const splice = startSplice(relay, config, upstream, log);
  relay.splice = splice;
  const port = splice === null ? null : await listen(splice.start(), "--typha-listen");
  // Only once it can serve its Felix: a relay that cannot is not to publish and say that it is ready.
  relay.start();
  void relay
    .whenListed()
    .then(() =>
      print(
        `${JSON.stringify({ event: "ready", cluster: relay.clusterName, http: http?.url ?? null, typhaPort: port, peersPort })}\n`,
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

function sourceOf(config: RelayConfig, upstream: TyphaUpstream | null) {
  const { source, kubeconfig, typhaCompress: compress = false } = config;
  const api = kubeconfig === undefined ? {} : { kubeconfig };
  if (source === "manifests")
    return openSource({ kind: source, folder: config.manifests as string });
  return source === "typha" && upstream !== null
    ? openSource({ kind: source, upstream, compress, ...api })
    : openSource({ kind: "kubernetes", ...api });
}

function startSplice(
  relay: Relay,
  config: RelayConfig,
  upstream: TyphaUpstream | null,
  log: Logger,
): Splice | null {
  if (config.typhaListen === undefined || upstream === null) return null;
  return new Splice({
    listen: config.typhaListen,
    upstream,
    listenTls: tlsOf(config, log, "listen"),
    feed: new RemotesFeed(relay.remotes),
    pools: relay.remotes.pools,
    isViewLoaded: () => relay.isViewLoaded,
    inSyncWaitMs: config.inSyncWaitSeconds * 1000,
    compressUpstream: config.typhaCompress ?? false,
    ...(config.typhaMaxConnections !== undefined && { maxConnections: config.typhaMaxConnections }),
    log: (level, message, fields) => log[level](fields, message),
  });
}

/** Of the connection to Typha, or of the port for Felix; `null` where no TLS is configured. */
function tlsOf(config: RelayConfig, log: Logger, side: "typha" | "listen"): TlsFiles | null {
  try {
    const settings = tlsSettingsOf(config, side);
    return settings && new TlsFiles(settings, (message, fields) => log.warn(fields, message));
  } catch (error) {
    throw new CommandError((error as Error).message, { cause: error });
  }
}

async function listen<T>(started: Promise<T>, option: string): Promise<T> {
  return started.catch((error: unknown) => {
    throw new CommandError(`${option}: ${(error as Error).message}`, { cause: error });
  });
}
