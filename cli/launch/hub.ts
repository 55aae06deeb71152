/**
 * A self-hosted hub: bundles the Worker, writes workerd's configuration, runs the workerd binary
 * and keeps it running. No wrangler and no Miniflare: both are development tools. [CLI20]
 */
import { createRequire } from "node:module";
import { join, relative, resolve } from "node:path";

import { isLoopbackHost } from "../../shared/ip/loopback.ts";
import { makeFolder } from "../../relay/lib/make-folder.ts";
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
import { addressText, localUrl, parseListen, requirePrivate, reservePort } from "./listen.ts";
import { readableTls } from "./tls-files.ts";
import type { TlsFiles } from "./tls-files.ts";
import { openFiles } from "./open-files.ts";
import { restoredAt } from "./restore.ts";
import { loadSecrets } from "./secrets.ts";
import type { HubSecrets } from "./secrets.ts";
import { Supervisor } from "./supervisor.ts";

export interface HubOptions {
  /** `127.0.0.1:8787`; port 0 picks a free one. */
  readonly listen: string;
  readonly dataDir: string;
  readonly adminTokenFile?: string;
  /** Serves TLS with these PEM files. */
  readonly tls?: TlsFiles;
  /** Serves plain http off loopback too. */
  readonly insecureHttp?: boolean;
  /** Webhooks may go to private addresses, by http too. [EVT8] */
  readonly allowPrivateWebhooks?: boolean;
  /**
   * A ready bundle of the Worker. Default: `CATWALK_WORKER_BUNDLE`, else it is made from the
   * sources.
   */
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

const READY_MS = 20_000;
const READY_POLL_MS = 20;

/** @throws PortTakenError, or Error when the data folder is in use or workerd does not come up. */
export async function startHub(options: HubOptions): Promise<RunningHub> {
  const dataDir = resolve(options.dataDir);
  makeFolder(join(dataDir, "do"), "--data", options.dataDir);
  const unlock = await lockData(dataDir);
  try {
    return await startLocked(options, dataDir, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

/** @param unlock Of the data folder: called once the hub has stopped. */
async function startLocked(
  options: HubOptions,
  dataDir: string,
  unlock: () => void,
): Promise<RunningHub> {
  const log = options.log ?? ((line: string) => void process.stderr.write(`${line}\n`));
  const isTls = options.tls !== undefined;
  const isInsecureMeant = options.insecureHttp === true;
  requirePrivate(parseListen(options.listen), { isTls, isInsecureMeant });
  const tls = options.tls === undefined ? null : readableTls(options.tls);
  const address = await reservePort(options.listen);
  if (!isTls && !isLoopbackHost(address.host))
    log(`WARNING: ${addressText(address)} takes plain http: whoever hears it has every token`);
  const secrets = loadSecrets(dataDir, options.adminTokenFile);
  const disk = measureDisk(dataDir);
  log(describeSpeed(disk));
  const maxSockets = openFiles().sockets;
  await bundleWorker(join(dataDir, "worker.js"), options.workerBundle);
  const configFile = join(dataDir, "workerd.capnp");
  const config = capnpConfig({
    address: addressText(address),
    workerFile: "worker.js",
    tls: tls && {
      certFile: relative(dataDir, tls.certFile),
      keyFile: relative(dataDir, tls.keyFile),
    },
    storageDir: join(dataDir, "do"),
    maxSockets,
    restoredAtMs: restoredAt(dataDir),
    allowPrivateWebhooks: options.allowPrivateWebhooks === true,
  });
  writeIfOther(configFile, config);
  const supervisor = runWorkerd(
    configFile,
    environmentOf(secrets, disk),
    new Explainer(dataDir),
    log,
  );
  const url = localUrl(address, isTls ? "https" : "http");
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
}

function environmentOf(secrets: HubSecrets, disk: DiskSpeed): NodeJS.ProcessEnv {
  return {
    ...process.env,
    [FSYNC_VARIABLE]: String(disk.fsyncMs ?? 0),
    [HUB_KEY_VARIABLE]: secrets.hubKey,
    [ADMIN_TOKEN_HASH_VARIABLE]: secrets.adminTokenHash,
  };
}

function runWorkerd(
  configFile: string,
  env: NodeJS.ProcessEnv,
  explainer: Explainer,
  log: (line: string) => void,
): Supervisor {
  return new Supervisor(
    () => spawnGuarded(workerdBinary(), ["serve", configFile], env),
    (line) => {
      const explained = explainer.explain(line, performance.now());
      if (explained !== null) log(explained);
      log(line);
    },
  );
}

/**
 * What `CATWALK_WORKERD` names, as in an image. Else the package `workerd`, of the newest version
 * that takes one file descriptor for a socket (DESIGN.md). It is CommonJS whose `default` is the
 * path of the binary for this platform; loaders differ in how they import that.
 */
function workerdBinary(): string {
  const named = process.env["CATWALK_WORKERD"];
  if (named !== undefined && named !== "") return named;
  const workerd: unknown = createRequire(import.meta.url)("workerd");
  if (typeof workerd === "object" && workerd !== null && "default" in workerd)
    return String(workerd.default);
  throw new Error("the package workerd has no binary for this platform");
}

async function waitReady(url: string, supervisor: Supervisor): Promise<void> {
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    if (supervisor.firstExit !== null) break;
    if (await isHealthy(new URL("/healthz", url))) return;
    await new Promise((done) => setTimeout(done, READY_POLL_MS));
  }
  throw new Error(`the hub did not come up at ${url}: ${supervisor.lastLines.join("\n")}`);
}

async function isHealthy(url: URL): Promise<boolean> {
  // Loaded while workerd starts: with TLS and `fetch` behind them they take 50 ms.
  const { request: send } = await (url.protocol === "https:"
    ? import("node:https")
    : import("node:http"));
  return new Promise((done) => {
    // The certificate names the hub's public name, which is not asked for here; nothing is sent.
    const request = send(url, { timeout: 2_000, agent: false, rejectUnauthorized: false });
    request.on("response", (response) => {
      response.resume();
      done(response.statusCode === 200);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => done(false));
    request.end();
  });
}
