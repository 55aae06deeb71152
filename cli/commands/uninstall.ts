/** `catwalk uninstall`: what of ours is in a cluster, and without it. [CLI83] */
import { print, say } from "../admin/terminal.ts";
import { CommandError } from "../admin/usage-error.ts";
import { withExample } from "./command.ts";
import type { RegisterCommand } from "./command.ts";

/** What `catwalk rbac remote` gave to other clusters' relays under its own name. [DIR12] */
const REMOTE_ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/catwalk-remote";
const REMOTE_STAYS =
  "the account catwalk-remote stays: other clusters' relays read this one by it. To end that: catwalk rbac remote | kubectl delete -f -";

interface Flags {
  readonly kubeconfig?: string;
  readonly yes?: boolean;
  readonly force?: boolean;
}

export const registerUninstall: RegisterCommand = (program) => {
  withExample(
    program
      .command("uninstall")
      .description("list what of Catwalk is in a cluster; with --yes delete it")
      .option("--kubeconfig <file>", "the cluster (default: as kubectl)")
      .option("--yes", "delete it")
      .option("--force", "also while a Felix looks for the relays"),
    "catwalk uninstall --kubeconfig app.yaml --yes",
  ).action(async (flags: Flags) => {
    const { KubeApi } = await import("../cluster/kube-api.ts");
    const [{ findOurs }, felix, { readCalicoNode }] = await Promise.all([
      import("../cluster/ours.ts"),
      import("../cluster/felix.ts"),
      import("../cluster/calico.ts"),
    ]);
    const api = KubeApi.open(flags.kubeconfig);
    const found = await findOurs(api);
    for (const { title } of found) print(`${title}\n`);
    if ((await api.get(REMOTE_ROLE)) !== null) say(REMOTE_STAYS);
    if (flags.yes !== true) {
      say(found.length === 0 ? "nothing of ours is there" : "nothing was deleted; --yes does it");
      return;
    }
    const calico = await readCalicoNode(api);
    const looking = calico === null ? [] : await felix.felixByNode(api, calico.namespace);
    const left = looking.filter(({ pointed }) => pointed === "relay" || pointed === "half");
    if (left.length > 0 && flags.force !== true)
      throw new CommandError(
        `nothing was deleted: Felix of ${left.length} nodes looks for the relays (${left[0]?.node}, …): catwalk felix unpoint first`,
      );
    for (const { path } of found) await api.remove(path);
    say(
      "deleted. The nodes keep /var/lib/catwalk-relay: kubectl apply -k deploy/relay/cleanup empties them",
    );
  });
};
