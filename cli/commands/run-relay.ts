/** Runs the relay of one cluster until it is told to stop. */
import { errorText } from "../../shared/lib/error-text.ts";
import type { RelayConfig } from "../../relay/config/relay-config.ts";
import { etcdAccess } from "../../relay/config/etcd.ts";
import { tlsSettingsOf } from "../../relay/config/tls.ts";
import { isHeardOnTheWay } from "../../relay/hub/plain-http.ts";
import { readToken } from "../../relay/http/access.ts";
import { serveHttp } from "../../relay/http/server.ts";
import type { HttpServer } from "../../relay/http/server.ts";
import { newLogger } from "../../relay/lib/log.ts";
import type { Logger } from "../../relay/lib/log.ts";
import { Relay } from "../../relay/relay.ts";
import { preferSmallHeap } from "../../relay/lib/small-heap.ts";
import { openSource } from "../../relay/source/open-source.ts";
import { chooseUpstream } from "../../relay/typha/upstream/choose-upstream.ts";
import { poolFeed, RemotesFeed } from "../../relay/typha/splice/remote-feed.ts";
import { dialWith } from "../../relay/typha/upstream/dial.ts";
import { Splice } from "../../relay/typha/splice/splice.ts";
import { TlsFiles } from "../../relay/tls/files.ts";
import { Barrier } from "../../relay/view/barrier.ts";
import type { TyphaUpstream } from "../../relay/typha/upstream/upstream.ts";
import { print } from "../admin/terminal.ts";
import { CommandError } from "../admin/usage-error.ts";
import { resourceWriterOf, tellWebhooks, writeServices } from "./relay-writers.ts";

/** As Typha's own. */
const DRAIN_SECONDS = 300;

/** Ends when it was told to stop, and all of it has ended. */
export async function runRelay(config: RelayConfig): Promise<void> {
  preferSmallHeap();
  const signals = new Signals();
  const log = newLogger("catwalk-relay");
  if (config.hub !== undefined && isHeardOnTheWay(config.hub))
    log.warn({ hub: config.hub }, "the hub takes plain http: whoever hears it has this cluster");
  const typhaTls = tlsOf(config, log, "typha");
  const upstream = chooseUpstream(config, dialWith(typhaTls));
  const opened = Relay.open(config, sourceOf(config, upstream), log).catch((error: unknown) => {
    throw new CommandError(errorText(error), { cause: error });
  });
  // Joining may take long; who is told to stop meanwhile has nothing to end yet. [CLI50]
  const relay = await Promise.race([opened, signals.first]);
  if (relay === undefined) return;
  const http = await startHttp(relay, config, log);
  const peersPort = relay.peers && (await listen(relay.peers.listen(), "--peers-listen"));
  writeServices(relay, config, log);
  tellWebhooks(relay, config, log);
  relay.resources = resourceWriterOf(relay, config, log);
  const splice = startSplice(relay, config, upstream, log);
  relay.splice = splice;
  const port = splice === null ? null : await listen(splice.start(), "--typha-listen");
  // Only once it can serve its Felix: a relay that cannot is not to publish and say that it is
  // ready.
  relay.start();
  void relay.own
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
  if (source === "etcd") return openSource({ kind: source, access: () => etcdAccess(config) });
  return source === "typha" && upstream !== null
    ? openSource({ kind: source, upstream, compress, ...api })
    : openSource({ kind: "kubernetes", ...api });
}

async function startHttp(
  relay: Relay,
  { httpListen, httpTokenFile }: RelayConfig,
  log: Logger,
): Promise<HttpServer | null> {
  if (httpListen === undefined) return null;
  const token = httpTokenFile === undefined ? null : tokenOf(httpTokenFile);
  return listen(serveHttp(relay, { listen: httpListen, token, log }), "--http-listen");
}

function tokenOf(file: string): string {
  try {
    return readToken(file);
  } catch (error) {
    throw new CommandError(`--http-token-file: ${(error as Error).message}`, { cause: error });
  }
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
    pools: poolFeed(relay.remotes),
    isViewLoaded: () => relay.isViewLoaded,
    newBarrier: () => new Barrier(relay.remotes, config.hub ? () => relay.askHeads() : null),
    inSyncWaitMs: config.inSyncWaitSeconds * 1000,
    compressUpstream: config.typhaCompress ?? false,
    ...(config.typhaMaxPerAddress !== undefined && { maxPerAddress: config.typhaMaxPerAddress }),
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
    throw new CommandError(errorText(error), { cause: error });
  }
}

async function listen<T>(started: Promise<T>, option: string): Promise<T> {
  return started.catch((error: unknown) => {
    throw new CommandError(`${option}: ${errorText(error)}`, { cause: error });
  });
}
