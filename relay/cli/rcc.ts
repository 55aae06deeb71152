/** `catwalk rcc apply|list|get|delete`: the documented RemoteClusterConfiguration YAML. */
import { readFileSync } from "node:fs";

import { parseAllDocuments } from "yaml";

import { NAME_PATTERN } from "../../shared/lib/names.ts";
import { NAME_RULE } from "../../shared/visibility/rcc.ts";
import {
  clientOf,
  print,
  warnUnlessPropagated,
  withExample,
  withOutput,
  withServer,
} from "./command.ts";
import type { OutputFlags, RegisterCommand } from "./command.ts";
import type { ServerFlags } from "./config.ts";
import { renderList, renderOne } from "./output.ts";
import { CommandError, UsageError } from "./usage-error.ts";

interface RccView {
  readonly metadata: { readonly name: string; readonly creationTimestamp: string };
  readonly spec: { readonly syncOptions?: { readonly overlayRoutingMode?: string } };
  readonly status: { readonly remote: { readonly name: string }; readonly state: string };
}

type Flags = ServerFlags & OutputFlags & { readonly cluster: string };

export const registerRcc: RegisterCommand = (program) => {
  const rcc = withExample(
    program.command("rcc").description("RemoteClusterConfigurations: whom a cluster wants to see"),
    "catwalk rcc apply -f db.yaml --cluster app",
  );
  withExample(
    withOutput(
      withServer(rcc.command("apply").description("create or change RCCs from a YAML file")),
    )
      .requiredOption("-f, --file <file>", "YAML file, - for stdin")
      .requiredOption("--cluster <name>", "the cluster that wants to see"),
    "catwalk rcc apply -f rcc.yaml --cluster app",
  ).action(async (flags: Flags & { file: string }) => {
    const client = clientOf(flags);
    for (const { document, line } of readDocuments(flags.file)) {
      try {
        const name = nameOf(document);
        const path = client.meshPath("clusters", flags.cluster, "rccs", name);
        const applied = await client.request<{ rcc: RccView; propagated: boolean }>(
          "PUT",
          path,
          document,
        );
        warnUnlessPropagated(applied);
        const told = `RCC ${name} of ${flags.cluster} names ${applied.rcc.status.remote.name} (${applied.rcc.status.state})\n`;
        print(flags.output === undefined ? told : renderOne(applied.rcc, name, flags.output));
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        throw new CommandError(`${flags.file}:${line}: ${error.message}`, { cause: error });
      }
    }
  });
  withExample(
    withOutput(withServer(rcc.command("list").description("list a cluster's RCCs"))).requiredOption(
      "--cluster <name>",
      "the cluster",
    ),
    "catwalk rcc list --cluster app",
  ).action(async (flags: Flags) => {
    const client = clientOf(flags);
    const path = client.meshPath("clusters", flags.cluster, "rccs");
    const { items } = await client.get<{ items: RccView[] }>(path);
    print(
      renderList(
        items,
        {
          columns: [
            { title: "NAME", of: (row) => row.metadata.name },
            { title: "REMOTE", of: (row) => row.status.remote.name },
            { title: "STATE", of: (row) => row.status.state },
            {
              title: "OVERLAY ROUTING",
              of: (row) => row.spec.syncOptions?.overlayRoutingMode ?? "Disabled",
              wide: true,
            },
          ],
          name: (row) => row.metadata.name,
          empty: `cluster ${flags.cluster} has no RCCs`,
        },
        flags.output,
      ),
    );
  });
  withExample(
    withOutput(withServer(rcc.command("get <name>").description("show an RCC"))).requiredOption(
      "--cluster <name>",
      "the cluster",
    ),
    "catwalk rcc get db --cluster app -o yaml",
  ).action(async (name: string, flags: Flags) => {
    const client = clientOf(flags);
    const path = client.meshPath("clusters", flags.cluster, "rccs", name);
    print(renderOne(await client.get(path), name, flags.output));
  });
  withExample(
    withServer(rcc.command("delete <name>").description("delete an RCC")).requiredOption(
      "--cluster <name>",
      "the cluster",
    ),
    "catwalk rcc delete db --cluster app",
  ).action(async (name: string, flags: Flags) => {
    const client = clientOf(flags);
    const path = client.meshPath("clusters", flags.cluster, "rccs", name);
    warnUnlessPropagated(await client.request("DELETE", path));
    print(`RCC ${name} of ${flags.cluster} deleted\n`);
  });
};

/** @throws UsageError for a file that cannot be read, CommandError naming file and line. Nothing is applied unless every document can be read. */
function readDocuments(file: string): readonly { document: unknown; line: number }[] {
  let text: string;
  try {
    text = readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new UsageError(`--file ${file}: ${(error as Error).message}`);
  }
  const documents = parseAllDocuments(text);
  const read: { document: unknown; line: number }[] = [];
  for (const parsed of Array.isArray(documents) ? documents : []) {
    const error = parsed.errors[0];
    const lineAt = (offset: number): number => text.slice(0, offset).split("\n").length;
    if (error !== undefined)
      throw new CommandError(`${file}:${lineAt(error.pos[0])}: ${error.message.split("\n")[0]}`);
    const document: unknown = parsed.toJS();
    const line = lineAt(parsed.contents?.range?.[0] ?? 0);
    // What `kubectl get -o yaml` prints of several.
    const isList = isObject(document) && String(document["kind"]).endsWith("List");
    const items: unknown = isList ? document["items"] : [document];
    if (document !== null && Array.isArray(items))
      for (const item of items as readonly unknown[]) read.push({ document: item, line });
  }
  if (read.length === 0) throw new CommandError(`${file}: has no YAML document`);
  return read;
}

/** The name, by which it is addressed. @throws CommandError naming field and rule; the hub says what else is wrong. */
function nameOf(document: unknown): string {
  const wrong = (field: string, rule: string): never => {
    throw new CommandError(`${field}: ${rule}`);
  };
  if (!isObject(document)) return wrong("document", "must be a RemoteClusterConfiguration object");
  const { kind, metadata } = document;
  if (kind !== "RemoteClusterConfiguration") {
    const got = kind === undefined ? "" : `, not ${JSON.stringify(kind)}`;
    return wrong("kind", `must be RemoteClusterConfiguration${got}`);
  }
  if (!isObject(metadata)) return wrong("metadata", "must be an object with a name");
  const { name } = metadata;
  if (name === undefined) return wrong("metadata.name", "must be set");
  if (typeof name !== "string" || !NAME_PATTERN.test(name))
    return wrong("metadata.name", `${JSON.stringify(name)} ${NAME_RULE}`);
  return name;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
