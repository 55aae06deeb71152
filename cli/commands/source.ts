/**
 * `catwalk source dump`: what a relay would publish of a cluster, without a hub. One JSON line a
 * key, sorted; problems on stderr. [SRC60] [SRC61]
 */
import { existsSync, statSync } from "node:fs";

import { Option } from "commander";

import { keyOf } from "../../shared/record/key.ts";
import type { CalicoRecord } from "../../shared/record/record.ts";
import { dumpValues } from "../../relay/source/dump-values.ts";
import type { SourceChoice } from "../../relay/source/open-source.ts";
import type { Source } from "../../relay/source/source.ts";
import { summarise } from "../../relay/source/source-health.ts";
import { withExample } from "./command.ts";
import { withEtcdOptions } from "./relay-source-options.ts";
import { jsonText, print, say } from "../admin/terminal.ts";
import type { RegisterCommand } from "./command.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";

interface DumpFlags {
  readonly source?: "kubernetes" | "manifests" | "typha" | "etcd";
  readonly typhaUpstream?: string;
  readonly kubeconfig?: string;
  readonly manifests?: string;
  readonly timeout: string;
  readonly etcdEndpoints?: string;
  readonly etcdCaFile?: string;
  readonly etcdCertFile?: string;
  readonly etcdKeyFile?: string;
  readonly etcdUsername?: string;
  readonly etcdPasswordFile?: string;
}

export const registerSource: RegisterCommand = (program) => {
  const source = withExample(
    program.command("source").description("what a cluster would publish"),
    "catwalk source dump --manifests deploy/demo/db",
  );
  withExample(
    withEtcdOptions(
      source
        .command("dump")
        .description(
          "list a cluster once and print Calico's key/values of what a relay would publish",
        )
        .addOption(
          new Option("--source <kind>", "kind of source").choices([
            "kubernetes",
            "manifests",
            "typha",
            "etcd",
          ]),
        ),
    )
      .option(
        "--kubeconfig <file>",
        "of an API server (default: $KUBECONFIG, ~/.kube/config, or the pod's own account)",
      )
      .option("--manifests <dir>", "folder of YAML")
      .option("--typha-upstream <host:port>", "the cluster's Typha, with --source typha")
      .option("--timeout <duration>", "how long listing may take, like 30s", "30s"),
    "catwalk source dump --manifests deploy/demo/db",
  ).action(async (flags: DumpFlags) => {
    const choice = await readChoice(flags);
    const { openSource } = await import("../../relay/source/open-source.ts");
    print(await dump(openSource(choice), readSeconds(flags.timeout)));
  });
};

/** @throws UsageError, or CommandError when the kubeconfig or the folder does not exist */
async function readChoice(flags: DumpFlags): Promise<SourceChoice> {
  const kind = flags.source ?? (flags.manifests === undefined ? "kubernetes" : "manifests");
  if (kind === "typha") {
    const upstream = flags.typhaUpstream;
    if (upstream === undefined || !/:\d{1,5}$/.test(upstream))
      throw new UsageError("--source typha needs --typha-upstream HOST:PORT");
    const { dialTcp } = await import("../../relay/typha/upstream/dial.ts");
    const { fixedUpstream } = await import("../../relay/typha/upstream/upstream.ts");
    return { kind, upstream: fixedUpstream(upstream, dialTcp), compress: false };
  }
  if (kind === "etcd") return readEtcd(flags);
  if (kind === "kubernetes") {
    // A relay waits for its kubeconfig; who asks once wants to know of a misspelt path at once.
    if (flags.kubeconfig !== undefined && !existsSync(flags.kubeconfig))
      throw new CommandError(`--kubeconfig: there is no file ${flags.kubeconfig}`);
    if (flags.manifests !== undefined)
      throw new UsageError("--manifests goes with --source manifests");
    return { kind, ...(flags.kubeconfig !== undefined && { kubeconfig: flags.kubeconfig }) };
  }
  if (flags.kubeconfig !== undefined)
    throw new UsageError("--kubeconfig goes with --source kubernetes");
  if (flags.manifests === undefined)
    throw new UsageError("--source manifests needs --manifests DIR");
  if (!statSync(flags.manifests, { throwIfNoEntry: false })?.isDirectory())
    throw new CommandError(`--manifests: there is no folder ${flags.manifests}`);
  return { kind, folder: flags.manifests };
}

/** @throws UsageError */
async function readEtcd({ etcdEndpoints, ...flags }: DumpFlags): Promise<SourceChoice> {
  if (etcdEndpoints === undefined)
    throw new UsageError("--source etcd needs --etcd-endpoints https://HOST:PORT");
  for (const [one, other, words] of [
    [flags.etcdCertFile, flags.etcdKeyFile, "--etcd-cert-file and --etcd-key-file"],
    [flags.etcdUsername, flags.etcdPasswordFile, "--etcd-username and --etcd-password-file"],
  ] as const)
    if ((one === undefined) !== (other === undefined)) throw new UsageError(`${words} go together`);
  const { etcdAccess } = await import("../../relay/config/etcd.ts");
  const endpoints = etcdEndpoints.split(",").flatMap((url) => url.trim() || []);
  return {
    kind: "etcd",
    access: () => etcdAccess({ ...flags, etcdEndpoints: endpoints }),
  };
}

/** @throws UsageError */
function readSeconds(text: string): number {
  const match = /^(\d{1,5})(ms|s|m)?$/.exec(text);
  if (match === null) throw new UsageError(`--timeout: ${jsonText(text)} must be like 30s`);
  const unit = { ms: 0.001, s: 1, m: 60 }[match[2] ?? "s"] ?? 1;
  return Number(match[1]) * unit;
}

/** @throws CommandError when the source is not completely listed within the time. */
async function dump(source: Source, seconds: number): Promise<string> {
  const records = new Map<string, CalicoRecord>();
  const problems = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;
  const isListed = await new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), seconds * 1000);
    source.start({
      apply: (changes) => {
        for (const change of changes) {
          if (change.op === "put") records.set(keyOf(change.record), change.record);
          else records.delete(change.key);
        }
      },
      listed: () => resolve(true),
      problem: ({ object, message }) => problems.set(object, message),
      solved: (object) => problems.delete(object),
    });
  });
  clearTimeout(timer);
  const { collections } = source.health();
  await source.stop();
  for (const [object, message] of problems) say(`${object}: ${message}`);
  if (!isListed) {
    const { reason } = summarise({ collections: collections.map((c) => ({ ...c, sinceMs: 0 })) });
    const why = reason === "" ? "still listing" : reason;
    throw new CommandError(`the source was not listed within ${seconds} s (${why})`);
  }
  const lines = [...records.values()]
    .flatMap(dumpValues)
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map((keyValue) => `${jsonText(keyValue)}\n`);
  return lines.join("");
}
