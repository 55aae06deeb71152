/**
 * The relay's configuration: flags over `CATWALK_*` over the `--config` file, checked once, then
 * frozen. [CLI13]
 */
import { z } from "zod";

import { canonicalCidr } from "../../shared/ip/cidr.ts";
import { isLoopbackHost } from "../../shared/ip/loopback.ts";
import { isHeardOnTheWay } from "../hub/plain-http.ts";
import { describeIssues } from "../../shared/visibility/field-problem.ts";
import { isHostPort } from "../lib/host-port.ts";
import { FELIX_ENVIRONMENT } from "./felix-environment.ts";

const hostPort = z.string().refine(isHostPort, "must be HOST:PORT");

const service = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    "must be NAMESPACE/NAME",
  );

export const relayConfigSchema = z
  .strictObject({
    state: z
      .string("is needed: the folder that keeps the relay's key and views (--state)")
      .min(1, "is needed: the folder that keeps the relay's key and views (--state)"),
    /**
     * Folder with the relay's key and membership where it is not the state folder: of all relays of
     * the cluster, and perhaps read-only.
     */
    identity: z.string().min(1, "must be a folder").optional(),
    // As it comes out of a file, or of a terminal.
    joinToken: z
      .string()
      .trim()
      .regex(/^cwj_[a-z0-9.-]+_[0-9a-f]{48}$/, "must look like cwj_<mesh>_<48 hex digits>")
      .optional(),
    hub: z.url({ protocol: /^https?$/, error: "must be an http or https URL" }).optional(),
    /** Takes a hub with plain http off loopback. [CRE19] */
    insecureHttp: z.stringbool().or(z.boolean()).optional(),
    /** PEM of the authorities that the hub's certificate may come from, beside the usual ones. */
    hubCaFile: z.string().optional(),
    /** Folder of RCCs that this relay reads itself. [DIR1] */
    rccDir: z.string().min(1, "must be a folder").optional(),
    /** Takes such remotes whose certificate is not checked. [DIR6] */
    rccInsecureTls: z.stringbool().or(z.boolean()).optional(),
    /** File with whom this relay tells of such remotes. [DIR19] */
    webhooks: z.string().min(1, "must be a file").optional(),
    /** One relay of the cluster tells, if it gets this Lease. [DIR21] */
    webhooksLease: service.optional(),
    allowPrivateWebhooks: z.stringbool().or(z.boolean()).optional(),
    source: z.enum(["kubernetes", "manifests", "typha", "etcd"]).default("kubernetes"),
    /** Of the cluster's own etcd, separated by commas. */
    etcdEndpoints: z
      .string()
      .transform((text) => text.split(",").map((part) => part.trim()))
      .pipe(z.array(z.url({ protocol: /^https?$/, error: "must be https URLs" })).min(1))
      .optional(),
    etcdCaFile: z.string().optional(),
    etcdCertFile: z.string().optional(),
    etcdKeyFile: z.string().optional(),
    etcdUsername: z.string().optional(),
    /** The password alone. */
    etcdPasswordFile: z.string().optional(),
    kubeconfig: z.string().optional(),
    manifests: z.string().optional(),
    typhaUpstream: hostPort.optional(),
    /** Typha as a Kubernetes service instead: NAMESPACE/NAME. */
    typhaService: service.optional(),
    /** Of this relay: a Typha on it is preferred. */
    nodeName: z.string().optional(),
    typhaListen: hostPort.optional(),
    /** Asks Typha for compressed snapshots. */
    typhaCompress: z.stringbool().or(z.boolean()).optional(),
    /** TLS to Typha and from Felix, see `config-tls.ts`. */
    typhaCaFile: z.string().optional(),
    typhaCertFile: z.string().optional(),
    typhaKeyFile: z.string().optional(),
    typhaCn: z.string().optional(),
    typhaUriSan: z.string().optional(),
    listenCaFile: z.string().optional(),
    listenCertFile: z.string().optional(),
    listenKeyFile: z.string().optional(),
    listenClientCn: z.string().optional(),
    listenClientUriSan: z.string().optional(),
    typhaMaxPerAddress: z.coerce.number().int().min(1).max(100_000).optional(),
    typhaMaxConnections: z.coerce.number().int().min(1).max(100_000).optional(),
    /** Longest time that Felix connections are ended one by one on SIGTERM. */
    drainSeconds: z.coerce.number().min(0).max(3_600).optional(),
    /** File with what never leaves the cluster. [EXP1] */
    exportPolicy: z.string().min(1, "must be a file").optional(),
    /** Ranges of the cluster's Services, which no remote may have addresses in. [OVL1] */
    serviceRanges: z
      .preprocess(
        (value) => (typeof value === "string" ? value.split(",") : value),
        z.array(z.string().refine((text) => canonicalCidr(text) === text, "must be a CIDR")).max(8),
      )
      .optional(),
    /** This node sends packets to nodes of remotes when a path check asks it to. [OVL12] */
    pathProbes: z.stringbool().or(z.boolean()).optional(),
    httpListen: hostPort.optional(),
    /** File with the token that callers from other machines show. */
    httpTokenFile: z.string().min(1, "must be a file").optional(),
    /**
     * Other relays of the cluster, which are asked for views that are lacking here: addresses, or a
     * service.
     */
    peers: z
      .string()
      .transform((text) => text.split(",").map((part) => part.trim()))
      .pipe(z.array(hostPort).max(64))
      .optional(),
    peersService: service.optional(),
    /** Where they ask this one. */
    peersListen: hostPort.optional(),
    /** What is taken of one remote at most: records, and their bytes. [VIE25] */
    remoteMaxRecords: z.coerce.number().int().min(1).max(4_000_000).optional(),
    remoteMaxBytes: z.coerce
      .number()
      .int()
      .min(1)
      .max(16 * 1024 ** 3)
      .optional(),
    /** Writes the EndpointSlices of federated Services, if it gets the Lease for it. [SVC30] */
    services: z.stringbool().or(z.boolean()).optional(),
    servicesLease: service.optional(),
    /** Mirrors RCCs and grants of the cluster to the hub, if it gets the Lease for it. [CRD6] */
    customResources: z.stringbool().or(z.boolean()).optional(),
    customResourcesLease: service.optional(),
    /** How long a withdrawal in mass that was only inferred is held; 0: not at all. */
    withdrawalHoldSeconds: z.coerce.number().min(0).max(86_400).default(600),
    /** Longest time that a Felix waits for the remote views before it is told in-sync. */
    inSyncWaitSeconds: z.coerce.number().min(0).max(600).default(30),
  })
  .check((ctx) => {
    const { source, manifests, kubeconfig, typhaListen, typhaUpstream, typhaService } = ctx.value;
    const { peers, peersService, hub, insecureHttp, httpListen, httpTokenFile } = ctx.value;
    const hasTypha = typhaUpstream !== undefined || typhaService !== undefined;
    const wrong = (path: string, message: string) =>
      ctx.issues.push({ code: "custom", input: ctx.value, path: [path], message });
    if (hub !== undefined && isHeardOnTheWay(hub) && insecureHttp !== true)
      wrong("hub", HTTPS_RULE);
    if (ctx.value.pathProbes === true && ctx.value.nodeName === undefined)
      wrong("pathProbes", "needs the name of this relay's node (--node-name)");
    const writes = "writes into an API server: needs --source kubernetes or typha";
    if (ctx.value.services === true && source === "manifests") wrong("services", writes);
    if (ctx.value.customResources === true && source === "manifests")
      wrong("customResources", writes);
    if (ctx.value.customResources === true && hub === undefined)
      wrong("customResources", "are mirrored to a hub: needs --hub");
    for (const [path, message] of wrongForEtcd(ctx.value)) wrong(path, message);
    for (const [path, message] of wrongForWebhooks(ctx.value)) wrong(path, message);
    if (source === "manifests" && manifests === undefined)
      wrong("manifests", "is needed with --source manifests");
    if (source !== "manifests" && manifests !== undefined)
      wrong("manifests", "needs --source manifests");
    const asksApi =
      source !== "manifests" || typhaService !== undefined || ctx.value.rccDir !== undefined;
    if (kubeconfig !== undefined && !asksApi && peersService === undefined)
      wrong(
        "kubeconfig",
        "needs --source kubernetes or typha, or --typha-service, --peers-service or --rcc-dir",
      );
    if (httpTokenFile !== undefined && httpListen === undefined)
      wrong("httpTokenFile", "needs --http-listen");
    if (peers !== undefined && peersService !== undefined)
      wrong("peersService", "--peers and --peers-service say the same: give one");
    if (typhaUpstream !== undefined && typhaService !== undefined)
      wrong("typhaService", "--typha-upstream and --typha-service say the same: give one");
    if (source === "typha" && !hasTypha)
      wrong("source", "typha needs --typha-upstream HOST:PORT or --typha-service NAMESPACE/NAME");
    if (typhaListen !== undefined && !hasTypha)
      wrong("typhaUpstream", "is needed with --typha-listen (or --typha-service)");
    if (typhaListen !== undefined && isMoreOpenThanTypha(ctx.value))
      wrong(
        "typhaListen",
        "off loopback needs TLS as the Typha before it has: --listen-ca-file, --listen-cert-file, --listen-key-file, --listen-client-cn",
      );
    if (typhaListen === undefined && hasTypha && source !== "typha")
      wrong("typhaListen", "is needed with --typha-upstream and --typha-service");
  });

function* wrongForEtcd(config: {
  readonly source: string;
  readonly etcdEndpoints?: readonly string[] | undefined;
  readonly etcdCertFile?: string | undefined;
  readonly etcdKeyFile?: string | undefined;
  readonly etcdUsername?: string | undefined;
  readonly etcdPasswordFile?: string | undefined;
}): Generator<readonly [path: string, message: string]> {
  const { source, etcdEndpoints, etcdCertFile, etcdKeyFile } = config;
  if (source === "etcd" && etcdEndpoints === undefined)
    yield ["etcdEndpoints", "is needed with --source etcd"];
  if (source !== "etcd" && etcdEndpoints !== undefined)
    yield ["etcdEndpoints", "needs --source etcd"];
  if ((etcdCertFile === undefined) !== (etcdKeyFile === undefined))
    yield ["etcdCertFile", "--etcd-cert-file and --etcd-key-file go together"];
  if ((config.etcdUsername === undefined) !== (config.etcdPasswordFile === undefined))
    yield ["etcdUsername", "--etcd-username and --etcd-password-file go together"];
}

function* wrongForWebhooks(config: {
  readonly webhooks?: string | undefined;
  readonly webhooksLease?: string | undefined;
  readonly allowPrivateWebhooks?: boolean | undefined;
  readonly rccDir?: string | undefined;
  readonly customResources?: boolean | undefined;
}): Generator<readonly [path: string, message: string]> {
  if (config.webhooks === undefined) {
    if (config.webhooksLease !== undefined) yield ["webhooksLease", "needs --webhooks"];
    if (config.allowPrivateWebhooks === true) yield ["allowPrivateWebhooks", "needs --webhooks"];
  } else if (config.rccDir === undefined && config.customResources !== true)
    yield [
      "webhooks",
      "tells of remotes that this relay reads itself: needs --rcc-dir or --custom-resources",
    ];
}

/** The port for Felix is not to give away what Typha keeps behind certificates. [TYP41] */
function isMoreOpenThanTypha(config: {
  readonly typhaListen?: string | undefined;
  readonly typhaCaFile?: string | undefined;
  readonly listenCaFile?: string | undefined;
}): boolean {
  const { typhaListen = "", typhaCaFile, listenCaFile } = config;
  const host = typhaListen.slice(0, typhaListen.lastIndexOf(":"));
  return typhaCaFile !== undefined && listenCaFile === undefined && !isLoopbackHost(host);
}

const HTTPS_RULE =
  "must be https off loopback: a token that is heard on the way is a cluster (--insecure-http insists)";

export type RelayConfig = Readonly<z.infer<typeof relayConfigSchema>>;

export type ConfigResult =
  | { readonly ok: true; readonly config: RelayConfig }
  | { readonly ok: false; readonly message: string };

const FIELDS = Object.keys(relayConfigSchema.shape);

/** `typhaListen` → `CATWALK_TYPHA_LISTEN`. */
export function environmentName(field: string): string {
  return `CATWALK_${field.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

export function readConfig(
  flags: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
  file: unknown,
): ConfigResult {
  const merged: Record<string, unknown> =
    typeof file === "object" && file !== null ? { ...file } : {};
  for (const field of FIELDS) {
    const fromEnvironment = environment[environmentName(field)];
    const fromFelix = environment[FELIX_ENVIRONMENT[field] ?? ""];
    if (fromFelix !== undefined && fromFelix !== "" && fromFelix !== "none")
      merged[field] = fromFelix;
    if (fromEnvironment !== undefined && fromEnvironment !== "") merged[field] = fromEnvironment;
    if (flags[field] !== undefined) merged[field] = flags[field];
  }
  if (merged["source"] === undefined && merged["manifests"] !== undefined)
    merged["source"] = "manifests";
  const parsed = relayConfigSchema.safeParse(merged);
  if (parsed.success) return { ok: true, config: Object.freeze(parsed.data) };
  const [problem] = describeIssues(parsed.error.issues);
  return { ok: false, message: `${problem?.field ?? "config"}: ${problem?.rule ?? "is wrong"}` };
}
