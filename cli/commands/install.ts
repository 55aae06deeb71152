/**
 * `catwalk install`: the manifests of a cluster's relays, to be read, kept in a repository, applied
 * and deleted again [CLI80]; `--check` what the cluster lacks for them [CLI81]; `--diff` how it
 * differs from them [CLI82].
 */
import { Option } from "commander";

import { NAME_PATTERN, NAME_RULE } from "../../shared/lib/names.ts";
import { jsonText, print, say } from "../admin/terminal.ts";
import { CommandError, UsageError } from "../admin/usage-error.ts";
import type { KubeApi } from "../cluster/kube-api.ts";
import type { InstallChoice } from "../cluster/manifests.ts";
import { withExample } from "./command.ts";
import type { RegisterCommand } from "./command.ts";

interface Flags extends Partial<InstallChoice> {
  readonly typha: InstallChoice["typha"];
  readonly source: InstallChoice["source"];
  readonly with: InstallChoice["components"];
  readonly check?: boolean;
  readonly diff?: boolean;
  readonly kubeconfig?: string;
}

export const registerInstall: RegisterCommand = (program) => {
  withExample(
    program
      .command("install")
      .description("print the manifests of a cluster's relays, for kubectl apply and delete")
      .option("--cluster <name>", "name of the cluster in its mesh (required)")
      .option("--hub <url>", "the hub, as the nodes reach it (required)")
      .option("--image <image>", "the relay's image (required)")
      .addOption(
        new Option("--typha <how>", "how Calico was installed")
          .choices(["manifest", "operator"])
          .default("manifest"),
      )
      .addOption(
        new Option("--source <kind>", "where relays read the cluster from")
          .choices(["typha", "kubernetes"])
          .default("typha"),
      )
      .addOption(
        new Option("--with <component...>", "what relays do besides")
          .choices(["custom-resources", "export-policy", "services"])
          .default([], "nothing"),
      )
      .option("--check", "instead: what the cluster lacks for them; needs no other flags")
      .option("--diff", "instead: how what is installed differs from them")
      .option("--kubeconfig <file>", "the cluster, with --check and --diff (default: as kubectl)"),
    "catwalk install --cluster app --hub https://hub.example.com --image registry.example.com/catwalk-relay:1 | kubectl apply -f -",
  ).action(async (flags: Flags) => {
    if (flags.check === true) return check(await apiOf(flags.kubeconfig));
    const choice = choiceOf(flags);
    if (flags.diff === true) return diff(choice, await apiOf(flags.kubeconfig));
    const { manifests, textOf } = await import("../cluster/manifests.ts");
    print(textOf(manifests(choice)));
    say(
      `the namespace needs the cluster's identity: catwalk cluster identity ${choice.cluster} | kubectl create -f -`,
    );
  });
};

/** Loaded late: printing needs no client of an API server. */
async function apiOf(kubeconfig: string | undefined): Promise<KubeApi> {
  const { KubeApi } = await import("../cluster/kube-api.ts");
  return KubeApi.open(kubeconfig);
}

function choiceOf({ cluster = "", hub = "", image = "", ...flags }: Flags): InstallChoice {
  if (!NAME_PATTERN.test(cluster)) throw new UsageError(`--cluster ${NAME_RULE}`);
  if (!URL.canParse(hub) || !/^https?:$/.test(new URL(hub).protocol))
    throw new UsageError("--hub must be an http or https URL");
  if (!/^[\w.:/@-]+$/.test(image)) throw new UsageError("--image must be the name of an image");
  const { typha, source } = flags;
  // In the order of their names, each once, whatever the order of the flags.
  return { cluster, hub, image, typha, source, components: [...new Set(flags.with)].toSorted() };
}

async function check(api: KubeApi): Promise<void> {
  const [{ readFacts }, { findingsOf }] = await Promise.all([
    import("../cluster/read-facts.ts"),
    import("../cluster/findings.ts"),
  ]);
  const findings = findingsOf(await readFacts(api));
  const width = Math.max(...findings.map(({ what }) => what.length));
  for (const { what, state, words, todo } of findings) {
    const text = todo === null ? words : `${words}: ${todo}`;
    print(`${state.padEnd(7)}  ${what.padEnd(width)}  ${text}\n`);
  }
  const missing = findings.filter(({ state }) => state === "missing").length;
  if (missing > 0) throw new CommandError(`${missing} missing`);
}

async function diff(choice: InstallChoice, api: KubeApi): Promise<void> {
  const [{ manifests, objectsOf }, { pathOf }, { differences }] = await Promise.all([
    import("../cluster/manifests.ts"),
    import("../cluster/object-path.ts"),
    import("../cluster/difference.ts"),
  ]);
  let count = 0;
  for (const wanted of objectsOf(manifests(choice))) {
    const { title, path } = pathOf(wanted);
    const actual = await api.get(path);
    const found = actual === null ? null : differences(wanted, actual);
    if (found === null) print(`${title}: not there\n`);
    for (const { path: field, wanted: ours, actual: theirs } of found ?? [])
      print(`${title}: ${field} is ${jsonText(theirs ?? null)}, not ${jsonText(ours)}\n`);
    count += found?.length ?? 1;
  }
  if (count > 0) throw new CommandError(`${count} differences`);
}
