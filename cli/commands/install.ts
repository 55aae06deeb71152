/**
 * `catwalk install`: the manifests of `deploy/relay` for one cluster, to be read, kept in a
 * repository, applied, and deleted again. [CLI80]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Option } from "commander";
import { parseAllDocuments } from "yaml";
import type { Document } from "yaml";

import { errorText } from "../../shared/lib/error-text.ts";
import { NAME_PATTERN, NAME_RULE } from "../../shared/lib/names.ts";
import { print, say } from "../admin/terminal.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";
import { withExample } from "./command.ts";
import type { RegisterCommand } from "./command.ts";

const FOLDER = join(import.meta.dirname, "../../deploy/relay");
/** In the order in which they are applied. */
const FILES = ["namespace", "rbac", "settings", "service", "daemonset", "label-domain"] as const;
/** Where Calico's ways of being installed put Typha. */
const TYPHA = {
  manifest: "kube-system/calico-typha",
  operator: "calico-system/calico-typha",
} as const;
const SOURCES = ["typha", "kubernetes"] as const;

interface InstallFlags {
  readonly cluster: string;
  readonly hub: string;
  readonly image: string;
  readonly typha: keyof typeof TYPHA;
  readonly source: (typeof SOURCES)[number];
}

export const registerInstall: RegisterCommand = (program) => {
  withExample(
    program
      .command("install")
      .description("print the manifests of a cluster's relays, for kubectl apply and delete")
      .requiredOption("--cluster <name>", "name of the cluster in its mesh")
      .requiredOption("--hub <url>", "the hub, as the nodes reach it")
      .requiredOption("--image <image>", "the relay's image")
      .addOption(
        new Option("--typha <how>", "how Calico was installed")
          .choices(Object.keys(TYPHA))
          .default("manifest"),
      )
      .addOption(
        new Option("--source <kind>", "where relays read the cluster from")
          .choices(SOURCES)
          .default("typha"),
      ),
    "catwalk install --cluster app --hub https://hub.example.com --image registry.example.com/catwalk-relay:1 | kubectl apply -f -",
  ).action((flags: InstallFlags) => {
    checkFlags(flags);
    print(manifests(flags));
    say(
      `the namespace needs the cluster's identity: catwalk cluster identity ${flags.cluster} | kubectl create -f -`,
    );
  });
};

function checkFlags({ cluster, hub, image }: InstallFlags): void {
  if (!NAME_PATTERN.test(cluster)) throw new UsageError(`--cluster ${NAME_RULE}`);
  if (!URL.canParse(hub) || !/^https?:$/.test(new URL(hub).protocol))
    throw new UsageError("--hub must be an http or https URL");
  if (!/^[\w.:/@-]+$/.test(image)) throw new UsageError("--image must be the name of an image");
}

/** @throws CommandError where the manifests are not, as in the relay's image. */
export function manifests(flags: InstallFlags): string {
  const files = FILES.map((name) => join(FOLDER, "base", `${name}.yaml`));
  if (flags.source === "kubernetes") files.push(join(FOLDER, "source-kubernetes/rbac.yaml"));
  const documents = files.flatMap((file) => parseAllDocuments(textOf(file)) as Document[]);
  for (const document of documents) {
    const kind = document.get("kind");
    if (kind === "ConfigMap") {
      document.setIn(["metadata", "annotations"], { "catwalk.dev/cluster": flags.cluster });
      document.setIn(["data", "CATWALK_HUB"], flags.hub);
      document.setIn(["data", "CATWALK_TYPHA_SERVICE"], TYPHA[flags.typha]);
    } else if (kind === "DaemonSet") setContainer(document, flags);
  }
  return documents
    .map((document) => document.toString({ directives: false, lineWidth: 0 }))
    .join("---\n");
}

function setContainer(document: Document, { image, source }: InstallFlags): void {
  const container = ["spec", "template", "spec", "containers", 0];
  document.setIn([...container, "image"], image);
  const args = (document.toJS() as { readonly spec: DaemonSetSpec }).spec.template.spec
    .containers[0]?.args;
  const at = args?.indexOf("--source=typha") ?? -1;
  if (at < 0) throw new Error("BUG: the DaemonSet has no --source=typha");
  document.setIn([...container, "args", at], `--source=${source}`);
}

interface DaemonSetSpec {
  readonly template: {
    readonly spec: { readonly containers: readonly { readonly args: readonly string[] }[] };
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CommandError(
      `the manifests are part of Catwalk's folder, not of its image: ${errorText(error)}`,
      { cause: error },
    );
  }
}
