/** `catwalk rcc apply|list|get|delete`: the documented RemoteClusterConfiguration YAML. */
import type { Command } from "commander";

import { applyRcc, deleteRcc, getRcc, listAllRccs, listRccs } from "../../shared/api/rccs.ts";
import type { ClusterRccView, RccView } from "../../shared/api/rccs.ts";
import { clientOf, warnUnlessPropagated, withExample, withOutput, withServer } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { ServerFlags } from "../admin/config.ts";
import { managedByOption } from "./managed-by.ts";
import type { ManagedByFlag } from "./managed-by.ts";
import { dryRunOf, printEffects, withDryRun } from "./dry-run.ts";
import type { DryRunFlags } from "./dry-run.ts";
import { renderList, renderOne } from "./output.ts";
import type { ListShape } from "./output.ts";
import { documentOf, located, readRccs } from "./rcc-file.ts";
import { replace } from "./replace.ts";

/** In a list over all clusters a row has its cluster. */
type ListedRcc = RccView & { readonly cluster?: ClusterRccView["cluster"] };

type Flags = ServerFlags & OutputFlags & { readonly cluster: string };

export const registerRcc: RegisterCommand = (program) => {
  const rcc = withExample(
    program.command("rcc").description("RemoteClusterConfigurations: whom a cluster wants to see"),
    "catwalk rcc apply -f db.yaml --cluster app",
  );
  withExample(
    withDryRun(
      withOutput(
        withServer(
          rcc
            .command("apply")
            .description("create or change RCCs from a file, all or none of a wrong one"),
        ),
      ),
    )
      .requiredOption("-f, --file <file>", "YAML or JSON file, - for stdin")
      .requiredOption("--cluster <name>", "the cluster that wants to see")
      .addOption(managedByOption("api takes over what a cluster manages, cluster hands it over")),
    "catwalk rcc apply -f rcc.yaml --cluster app",
  ).action(applyFile);
  withExample(
    withOutput(withServer(rcc.command("list").description("list RCCs"))).option(
      "--cluster <name>",
      "only this cluster's",
    ),
    "catwalk rcc list --cluster app",
  ).action(async (flags: ServerFlags & OutputFlags & { readonly cluster?: string }) => {
    const client = clientOf(flags);
    const { cluster } = flags;
    const { mesh } = client;
    const { items }: { readonly items: readonly ListedRcc[] } =
      cluster === undefined
        ? await client.call(listAllRccs, { params: { mesh } })
        : await client.call(listRccs, { params: { mesh, cluster } });
    print(renderList(items, listOf(cluster), flags.output));
  });
  withExample(
    withOutput(withServer(rcc.command("get <name>").description("show an RCC"))).requiredOption(
      "--cluster <name>",
      "the cluster",
    ),
    "catwalk rcc get db --cluster app -o yaml",
  ).action(async (name: string, flags: Flags) => {
    const client = clientOf(flags);
    const params = { mesh: client.mesh, cluster: flags.cluster, rcc: name };
    print(renderOne(await client.call(getRcc, { params }), name, flags.output));
  });
  registerDelete(rcc);
};

function registerDelete(rcc: Command): void {
  withExample(
    withDryRun(withServer(rcc.command("delete <name>").description("delete an RCC")))
      .requiredOption("--cluster <name>", "the cluster")
      .addOption(managedByOption("whose it is: cluster for what a cluster has left behind")),
    "catwalk rcc delete db --cluster app",
  ).action(async (name: string, flags: Flags & ManagedByFlag & DryRunFlags) => {
    const client = clientOf(flags);
    const params = { mesh: client.mesh, cluster: flags.cluster, rcc: name };
    const query = { managedBy: flags.managedBy, ...dryRunOf(flags) };
    const deleted = await client.call(deleteRcc, { params, query });
    if (printEffects(deleted.effects)) return;
    warnUnlessPropagated(deleted);
    print(`RCC ${name} of ${flags.cluster} deleted\n`);
  });
}

async function applyFile(
  flags: Flags & ManagedByFlag & DryRunFlags & { readonly file: string },
): Promise<void> {
  const client = clientOf(flags);
  const { file, cluster, output } = flags;
  // All are looked at before the first is applied.
  for (const { line, rcc } of readRccs(file)) {
    const { name } = rcc;
    const params = { mesh: client.mesh, cluster, rcc: name };
    const query = { managedBy: flags.managedBy, ...dryRunOf(flags) };
    const request = { params, query, body: documentOf(rcc) };
    const look = `catwalk rcc get ${name} --cluster ${cluster}`;
    const applied = await replace(client, getRcc, { params }, look, (ifMatch) =>
      client.call(applyRcc, request, ifMatch),
    ).catch((error: unknown) => {
      throw located(file, line, error);
    });
    if (output === undefined && printEffects(applied.effects)) continue;
    if (applied.effects === undefined) warnUnlessPropagated(applied);
    const shown = applied.effects === undefined ? applied.rcc : { effects: applied.effects };
    print(
      output === undefined ? describeApplied(cluster, applied.rcc) : renderOne(shown, name, output),
    );
  }
}

function describeApplied(cluster: string, { metadata, status }: RccView): string {
  const who = `RCC ${metadata.name} of ${cluster}`;
  const what =
    status.remote === null
      ? `${who} is kept, and NotServed: it names no member\n`
      : `${who} names ${status.remote.name} (${status.state})\n`;
  const fieldsOf = Map.groupBy(status.notServed, ({ rule }) => rule);
  const notes = [...fieldsOf].map(
    ([rule, fields]) => `  ${fields.map(({ field }) => field).join(", ")}:\n    ${rule}\n`,
  );
  return what + notes.join("");
}

/**
 * In one line: `granted`, `NotServed (clusterAccessSecret)`,
 * `granted, overlayRoutingMode NotServed`.
 */
function stateOf({ status }: ListedRcc): string {
  const fields = status.notServed.map(({ field }) => field.split(".").at(-1)).join(", ");
  if (status.remote === null) return `NotServed (${fields})`;
  return fields === "" ? status.state : `${status.state}, ${fields} NotServed`;
}

function overlayModeOf({ spec }: ListedRcc): string {
  const options = spec["syncOptions"];
  const mode =
    typeof options === "object" && options !== null && "overlayRoutingMode" in options
      ? options.overlayRoutingMode
      : undefined;
  return typeof mode === "string" ? mode : "Disabled";
}

function listOf(cluster: string | undefined): ListShape<ListedRcc> {
  return {
    columns: [
      ...(cluster === undefined
        ? [{ title: "CLUSTER", of: (row: ListedRcc) => row.cluster?.name ?? "" }]
        : []),
      { title: "NAME", of: (row) => row.metadata.name },
      { title: "REMOTE", of: (row) => row.status.remote?.name ?? "" },
      { title: "STATE", of: stateOf },
      { title: "MANAGED BY", of: (row) => row.status.managedBy, wide: true },
      {
        title: "OVERLAY ROUTING",
        of: overlayModeOf,
        wide: true,
      },
    ],
    name: (row) =>
      row.cluster === undefined ? row.metadata.name : `${row.cluster.name}/${row.metadata.name}`,
    empty: cluster === undefined ? "no RCCs" : `cluster ${cluster} has no RCCs`,
  };
}
