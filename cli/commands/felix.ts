/**
 * `catwalk felix point|unpoint|status`: the Felixes of a cluster look for the relays in Typha's
 * place, or for Typha again; and which node's does what. [CLI85..CLI87]
 */
import type { Command } from "commander";

import { print, say } from "../admin/terminal.ts";
import { CommandError } from "../admin/usage-error.ts";
import type { Done } from "../cluster/felix.ts";
import { withExample } from "./command.ts";
import type { RegisterCommand } from "./command.ts";

interface Flags {
  readonly kubeconfig?: string;
  readonly force?: boolean;
  readonly relays: boolean;
}

export const registerFelix: RegisterCommand = (program) => {
  const felix = withExample(
    program.command("felix").description("which Typha the Felixes of a cluster look for"),
    "catwalk felix status --kubeconfig app.yaml",
  );
  const command = (name: string, description: string): Command =>
    withExample(
      felix
        .command(name)
        .description(description)
        .option("--kubeconfig <file>", "the cluster (default: as kubectl)"),
      `catwalk felix ${name} --kubeconfig app.yaml`,
    );
  command("point", "at the relays, where each node has one that is ready")
    .option("--force", "also where some are not, or lack certificates")
    .action(async (flags: Flags) => {
      const { api, felix: cluster } = await load(flags);
      tell(await cluster.pointFelix(api, flags.force === true));
    });
  command("unpoint", "at Typha again").action(async (flags: Flags) => {
    const { api, felix: cluster } = await load(flags);
    tell(await cluster.unpointFelix(api));
  });
  command("status", "node by node; fails unless all are connected through a relay")
    .option("--no-relays", "only what the pods are told, without asking the relays by kubectl exec")
    .action(status);
};

async function load(flags: Flags) {
  const [{ KubeApi }, felix, calico] = await Promise.all([
    import("../cluster/kube-api.ts"),
    import("../cluster/felix.ts"),
    import("../cluster/calico.ts"),
  ]);
  return { api: KubeApi.open(flags.kubeconfig), felix, calico };
}

function tell(done: Done | string): void {
  if (typeof done === "string") throw new CommandError(done);
  say(done.said);
  if (done.next !== null) print(`${done.next}\n`);
}

async function status(flags: Flags): Promise<void> {
  const { api, felix, calico } = await load(flags);
  const found = await calico.readCalicoNode(api);
  if (found === null) throw new CommandError("there is no DaemonSet calico-node");
  const nodes = await felix.felixByNode(api, found.namespace);
  if (nodes.length === 0) throw new CommandError(`no pod of calico-node is in ${found.namespace}`);
  const { connectedNodes } = await import("../cluster/connected.ts");
  const connected = flags.relays ? await connectedNodes(api, flags.kubeconfig) : null;
  for (const problem of connected?.problems ?? []) say(problem);
  const ofPolicy =
    found.how === "operator" ? felix.policyProblem(nodes, await felix.hasPolicy(api)) : null;
  if (ofPolicy !== null) say(`${ofPolicy.words}: ${ofPolicy.todo}`);
  let through = 0;
  for (const { node, pointed } of nodes) {
    const isThrough = pointed === "relay" && (connected === null || connected.nodes.has(node));
    if (isThrough) through++;
    const words =
      connected === null || pointed !== "relay"
        ? ""
        : isThrough
          ? "  connected"
          : "  not connected to any relay";
    print(`${node}  ${WORDS[pointed]}${words}\n`);
  }
  if (through < nodes.length)
    throw new CommandError(
      through === 0
        ? `no Felix goes through a relay (${nodes.length} nodes)`
        : `half pointed: ${through} of ${nodes.length} nodes' Felix go through a relay`,
    );
}

const WORDS = {
  relay: "relay",
  typha: "typha",
  half: "one variable of two is the relay's",
  address: "FELIX_TYPHAADDR, which wins over a service",
  none: "no Typha: it reads the datastore itself",
} as const;
