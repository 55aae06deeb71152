/**
 * The hub on Miniflare instead of our launcher's workerd: what `wrangler dev` runs, with an entry
 * Worker of Cloudflare's before ours, and storage laid out its way.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";

import { bundleWorker } from "../../cli/launch/bundle.ts";
import { loadSecrets } from "../../cli/launch/secrets.ts";

export interface MiniflareHub {
  readonly url: string;
  readonly adminToken: string;
  /** SIGKILL to its workerd; Miniflare starts another one on the same port. */
  kill(): void;
  stop(): Promise<void>;
}

export interface MiniflareHubOptions {
  /** 0 picks a free one. */
  readonly port: number;
  readonly dataDir: string;
  readonly allowPrivateWebhooks: boolean;
  /** A ready bundle of the Worker; else it is made from the sources. */
  readonly workerBundle?: string | undefined;
}

/** The Worker's objects are those of wrangler.toml, its variables those of `catwalk hub`. */
export async function startMiniflareHub(options: MiniflareHubOptions): Promise<MiniflareHub> {
  const { port, dataDir } = options;
  mkdirSync(dataDir, { recursive: true });
  const worker = join(dataDir, "worker.js");
  await bundleWorker(worker, options.workerBundle);
  const { adminToken, adminTokenHash, hubKey } = loadSecrets(dataDir);
  const objectClass = (className: string) => ({ className, useSQLite: true });
  const hub = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port,
      log: new Log(LogLevel.NONE),
      // What the Worker logs of a broken connection is no failure of a test.
      handleStructuredLogs: () => undefined,
      modules: [{ type: "ESModule", path: worker }],
      modulesRoot: dataDir,
      compatibilityDate: "2026-08-01",
      compatibilityFlags: ["nodejs_compat", "no_web_socket_compression"],
      durableObjects: { MESH: objectClass("MeshObject"), ORIGIN: objectClass("OriginObject") },
      resourcePersistencePath: join(dataDir, "storage"),
      bindings: {
        HUB_KEY: hubKey,
        ADMIN_TOKEN_HASH: adminTokenHash,
        ALLOW_PRIVATE_WEBHOOKS: options.allowPrivateWebhooks ? "yes" : "no",
        RESTORED_AT: "0",
      },
    }),
  );
  return {
    url: (await hub.ready).origin,
    adminToken,
    kill: () => {
      for (const pid of runtimes()) process.kill(pid, "SIGKILL");
    },
    stop: () => hub.dispose(),
  };
}

/** Process ids of Miniflare's workerds; those of our launcher are below a shell. */
function runtimes(): number[] {
  const children = execFileSync("pgrep", ["-P", String(process.pid), "workerd"], {
    encoding: "utf8",
  });
  return children.trim().split("\n").map(Number);
}
