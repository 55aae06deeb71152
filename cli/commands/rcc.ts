/** `catwalk rcc apply|list|get|delete`: the documented RemoteClusterConfiguration YAML. */
import { applyRcc, deleteRcc, getRcc, listAllRccs, listRccs } from "../../shared/api/rccs.ts";
import type { ClusterRccView, RccView } from "../../shared/api/rccs.ts";
import { isName, NAME_RULE } from "../../shared/lib/names.ts";
import { parseRcc } from "../../shared/visibility/rcc.ts";
import type { RccDocument, RccRequest } from "../../shared/visibility/rcc.ts";
import { clientOf, warnUnlessPropagated, withExample, withOutput, withServer } from "./command.ts";
import { print } from "../admin/terminal.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { ServerFlags } from "../admin/config.ts";
import { readObjects } from "./documents.ts";
import { managedByOption } from "./managed-by.ts";
import type { ManagedByFlag } from "./managed-by.ts";
import { renderList, renderOne } from "./output.ts";
import type { ListShape } from "./output.ts";
import { CommandError } from "../admin/usage-error.ts";

/** In a list over all clusters a row has its cluster. */
type ListedRcc = RccView & { readonly cluster?: ClusterRccView["cluster"] };

type Flags = ServerFlags & OutputFlags & { readonly cluster: string };

export const registerRcc: RegisterCommand = (program) => {
  const rcc = withExample(
    program.command("rcc").description("RemoteClusterConfigurations: whom a cluster wants to see"),
    "catwalk rcc apply -f db.yaml --cluster app",
  );
  withExample(
    withOutput(
      withServer(
        rcc
          .command("apply")
          .description("create or change RCCs from a file, all or none of a wrong one"),
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
  withExample(
    withServer(rcc.command("delete <name>").description("delete an RCC"))
      .requiredOption("--cluster <name>", "the cluster")
      .addOption(managedByOption("whose it is: cluster for what a cluster has left behind")),
    "catwalk rcc delete db --cluster app",
  ).action(async (name: string, flags: Flags & ManagedByFlag) => {
    const client = clientOf(flags);
    const params = { mesh: client.mesh, cluster: flags.cluster, rcc: name };
    const query = { managedBy: flags.managedBy };
    warnUnlessPropagated(await client.call(deleteRcc, { params, query }));
    print(`RCC ${name} of ${flags.cluster} deleted\n`);
  });
};

async function applyFile(flags: Flags & ManagedByFlag & { readonly file: string }): Promise<void> {
  const client = clientOf(flags);
  const { file, cluster } = flags;
  // All are looked at before the first is applied.
  const documents = readObjects(file, "--file").map(({ json, line }) => {
    try {
      return { line, rcc: checked(json) };
    } catch (error) {
      throw located(file, line, error);
    }
  });
  for (const { line, rcc } of documents) {
    const { name } = rcc;
    const params = { mesh: client.mesh, cluster, rcc: name };
    const applied = await client
      .call(applyRcc, { params, query: { managedBy: flags.managedBy }, body: documentOf(rcc) })
      .catch((error: unknown) => {
        throw located(file, line, error);
      });
    warnUnlessPropagated(applied);
    print(
      flags.output === undefined
        ? describeApplied(cluster, applied.rcc)
        : renderOne(applied.rcc, name, flags.output),
    );
  }
}

/** What goes wrong in a document says where it is. */
function located(file: string, line: number, error: unknown): unknown {
  return error instanceof CommandError
    ? new CommandError(`${file}:${line}: ${error.message}`, { cause: error })
    : error;
}

/**
 * What of a document the hub is sent: not what Kubernetes and kubectl keep in it, which may hold
 * what is nobody's business.
 */
function documentOf({ name, annotations, spec }: RccRequest): RccDocument {
  return {
    apiVersion: "projectcalico.org/v3",
    kind: "RemoteClusterConfiguration",
    metadata: { name, annotations: { ...annotations } },
    spec,
  };
}

/** @throws CommandError naming each field that is wrong, and its rule. */
function checked(document: Readonly<Record<string, unknown>>): RccRequest {
  const { kind, metadata } = document;
  if (kind !== "RemoteClusterConfiguration") {
    const got = kind === undefined ? "" : `, not ${JSON.stringify(kind)}`;
    throw new CommandError(`kind: must be RemoteClusterConfiguration${got}`);
  }
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata))
    throw new CommandError("metadata: must be an object with a name");
  const { name } = metadata as { readonly name?: unknown };
  if (typeof name === "string" && !isName(name))
    throw new CommandError(`metadata.name: ${JSON.stringify(name)} ${NAME_RULE}`);
  const parsed = parseRcc(document);
  if (parsed.ok) return parsed.rcc;
  throw new CommandError(parsed.problems.map(({ field, rule }) => `${field}: ${rule}`).join("; "));
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
