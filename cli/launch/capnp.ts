/**
 * The configuration of a plain `workerd serve` that is a hub. Secrets come from the environment, so
 * that the file holds none. (workerd.capnp of 1.20260917.1.)
 */
export interface CapnpOptions {
  /** `127.0.0.1:8787` */
  readonly address: string;
  /** Path of the bundled Worker, relative to the configuration's own folder. */
  readonly workerFile: string;
  /** Serves TLS: PEM files, relative to the configuration's own folder. `null`: plain http. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
  /** Absolute path of the folder with the objects' databases. */
  readonly storageDir: string;
  /** Most sockets that it may hold. */
  readonly maxSockets: number;
  /** Unix ms at which the data folder was restored from a backup, 0 for never. */
  readonly restoredAtMs: number;
  /** Webhooks may go to private addresses, by http too. */
  readonly allowPrivateWebhooks: boolean;
}

export const HUB_KEY_VARIABLE = "CATWALK_HUB_KEY";
export const ADMIN_TOKEN_HASH_VARIABLE = "CATWALK_ADMIN_TOKEN_HASH";

/**
 * In the environment because it is another at each start: the file stays as it is, also where there
 * is no room for a new one.
 */
export const FSYNC_VARIABLE = "CATWALK_FSYNC_MS";

/**
 * workerd's V8 does not mark in steps: a full collection stops all objects for 30 to 65 ms, and
 * comes with every 25 MB that outlive the young generation. With room for 256 MB it is rare; with a
 * young generation of 2 MB a small one takes 1 to 2 ms instead of 8 to 12. (Measured with
 * `--trace-gc`; [LOG22]) What is outside of V8's heap the hub has collected itself. [LOG73]
 */
const V8_FLAGS = ["--expose-gc", "--max-semi-space-size=2", "--initial-old-space-size=256"];

/** Messages are deflated already; a connection that deflates them again takes 300 KB. [PRO12] */
const COMPATIBILITY_FLAGS = ["nodejs_compat", "no_web_socket_compression"];

export function capnpConfig(options: CapnpOptions): string {
  const { address, workerFile, storageDir, maxSockets, restoredAtMs } = options;
  const reach = options.allowPrivateWebhooks ? ["public", "private"] : ["public"];
  const scheme = options.tls === null ? "http = ()" : `https = ${httpsOf(options.tls)}`;
  // Changing a uniqueKey would lose every object's storage.
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  v8Flags = [${V8_FLAGS.map(quote).join(", ")}],
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (
      allow = [${reach.map(quote).join(", ")}],
      tlsOptions = (trustBrowserCas = true),
    )),
    (name = "disk", disk = (path = ${quote(storageDir)}, writable = true)),
  ],
  sockets = [ (name = "http", address = ${quote(address)}, ${scheme}, service = "main") ],
);
const main :Workerd.Worker = (
  modules = [ (name = "worker.js", esModule = embed ${quote(workerFile)}) ],
  compatibilityDate = "2026-08-01",
  compatibilityFlags = [${COMPATIBILITY_FLAGS.map(quote).join(", ")}],
  durableObjectNamespaces = [
    (className = "MeshObject", uniqueKey = "catwalk-MeshObject", enableSql = true),
    (className = "OriginObject", uniqueKey = "catwalk-OriginObject", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [
    (name = "MESH", durableObjectNamespace = "MeshObject"),
    (name = "ORIGIN", durableObjectNamespace = "OriginObject"),
    (name = "MAX_SOCKETS", text = "${maxSockets}"),
    (name = "FSYNC_MS", fromEnvironment = "${FSYNC_VARIABLE}"),
    (name = "ALLOW_PRIVATE_WEBHOOKS", text = "${options.allowPrivateWebhooks ? "yes" : "no"}"),
    (name = "RESTORED_AT", text = "${restoredAtMs}"),
    (name = "HUB_KEY", fromEnvironment = "${HUB_KEY_VARIABLE}"),
    (name = "ADMIN_TOKEN_HASH", fromEnvironment = "${ADMIN_TOKEN_HASH_VARIABLE}"),
  ],
);
`;
}

function httpsOf({ certFile, keyFile }: NonNullable<CapnpOptions["tls"]>): string {
  const keypair = `privateKey = embed ${quote(keyFile)}, certificateChain = embed ${quote(certFile)}`;
  return `(options = (), tlsOptions = (keypair = (${keypair}), minVersion = tls1Dot2))`;
}

/** A Cap'n Proto text literal. */
function quote(text: string): string {
  return JSON.stringify(text);
}
