/** The relay's configuration: flags over `CATWALK_*` over the `--config` file, checked once, then frozen. [CLI13] */
import { z } from "zod";

const hostPort = z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, "must be HOST:PORT");

export const relayConfigSchema = z
  .strictObject({
    state: z.string().min(1, "is needed: the folder that keeps the relay's key and views"),
    joinToken: z.string().optional(),
    hub: z.url({ protocol: /^https?$/ }).optional(),
    /** PEM of the authorities that the hub's certificate may come from, beside the usual ones. */
    hubCaFile: z.string().optional(),
    source: z.enum(["kubernetes", "manifests"]).default("kubernetes"),
    kubeconfig: z.string().optional(),
    manifests: z.string().optional(),
    typhaUpstream: hostPort.optional(),
    typhaListen: hostPort.optional(),
    /** Asks Typha for compressed snapshots. */
    typhaCompress: z.stringbool().or(z.boolean()).optional(),
    typhaMaxConnections: z.coerce.number().int().min(1).max(100_000).optional(),
    /** Longest time that Felix connections are ended one by one on SIGTERM. */
    drainSeconds: z.coerce.number().min(0).max(3_600).optional(),
    httpListen: hostPort.optional(),
    /** Longest time that a Felix waits for the remote views before it is told in-sync. */
    inSyncWaitSeconds: z.coerce.number().min(0).max(600).default(30),
  })
  .check((ctx) => {
    const { source, manifests, kubeconfig, typhaListen, typhaUpstream } = ctx.value;
    const wrong = (path: string, message: string) =>
      ctx.issues.push({ code: "custom", input: ctx.value, path: [path], message });
    if (source === "manifests" && manifests === undefined)
      wrong("manifests", "is needed with --source manifests");
    if (source === "kubernetes" && manifests !== undefined)
      wrong("manifests", "needs --source manifests");
    if (source === "manifests" && kubeconfig !== undefined)
      wrong("kubeconfig", "needs --source kubernetes");
    if ((typhaListen === undefined) !== (typhaUpstream === undefined))
      wrong(
        typhaListen === undefined ? "typhaListen" : "typhaUpstream",
        "--typha-listen and --typha-upstream go together",
      );
  });

export type RelayConfig = Readonly<z.infer<typeof relayConfigSchema>>;

export type ConfigResult =
  | { readonly ok: true; readonly config: RelayConfig }
  | { readonly ok: false; readonly message: string };

const FIELDS = [
  "state",
  "joinToken",
  "hub",
  "hubCaFile",
  "source",
  "kubeconfig",
  "manifests",
  "typhaUpstream",
  "typhaListen",
  "httpListen",
  "inSyncWaitSeconds",
] as const;

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
    if (fromEnvironment !== undefined && fromEnvironment !== "") merged[field] = fromEnvironment;
    if (flags[field] !== undefined) merged[field] = flags[field];
  }
  if (merged["source"] === undefined && merged["manifests"] !== undefined)
    merged["source"] = "manifests";
  const parsed = relayConfigSchema.safeParse(merged);
  if (parsed.success) return { ok: true, config: Object.freeze(parsed.data) };
  const issue = parsed.error.issues[0];
  const field =
    issue?.path.join(".") ||
    (issue?.code === "unrecognized_keys" ? issue.keys.join(", ") : "config");
  return { ok: false, message: `${field}: ${issue?.message ?? "invalid"}` };
}
