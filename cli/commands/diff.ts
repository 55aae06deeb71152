/**
 * `catwalk diff -f FILE --cluster A`: what a file of RCCs would change, field by field, and what
 * would become visible then. [CLI91]
 */
import { applyRcc, listRccs } from "../../shared/api/rccs.ts";
import type { RccView } from "../../shared/api/rccs.ts";
import type { RccDocument } from "../../shared/visibility/rcc.ts";
import type { ServerFlags } from "../admin/config.ts";
import { print } from "../admin/terminal.ts";
import { CommandError } from "../admin/usage-error.ts";
import { clientOf, withExample, withServer } from "./command.ts";
import type { RegisterCommand } from "./command.ts";
import { textOf } from "./dry-run.ts";
import { documentOf, located, readRccs } from "./rcc-file.ts";

interface Flags extends ServerFlags {
  readonly file: string;
  readonly cluster: string;
  readonly exitCode?: true;
}

export const registerDiff: RegisterCommand = (program) => {
  withExample(
    withServer(
      program.command("diff").description("what a file of RCCs would change, and show to whom"),
    )
      .requiredOption("-f, --file <file>", "YAML or JSON file, - for stdin")
      .requiredOption("--cluster <name>", "the cluster that wants to see")
      .option("--exit-code", "end with 1 where something differs"),
    "catwalk diff -f rcc.yaml --cluster app",
  ).action(diffFile);
};

async function diffFile(flags: Flags): Promise<void> {
  const client = clientOf(flags);
  const { file, cluster } = flags;
  const documents = readRccs(file);
  const { items } = await client.call(listRccs, { params: { mesh: client.mesh, cluster } });
  let differing = 0;
  for (const { line, rcc } of documents) {
    const body = documentOf(rcc);
    const now = items.find(({ metadata }) => metadata.name === rcc.name) ?? null;
    const lines = fieldDifferences(now, body);
    if (lines.length === 0) continue;
    differing++;
    const params = { mesh: client.mesh, cluster, rcc: rcc.name };
    // Against what there is, whoever has written it.
    const { effects = [] } = await client
      .call(applyRcc, { params, query: { dryRun: "true" }, body }, now === null ? null : "*")
      .catch((error: unknown) => {
        throw located(file, line, error);
      });
    const what = now === null ? "is new" : "changes";
    print(
      [`RCC ${rcc.name} of ${cluster} ${what}`, ...lines.map((text) => `  ${text}`)]
        .map((text) => `${text}\n`)
        .join("") + effects.map(textOf).join(""),
    );
  }
  if (differing === 0) print("no difference\n");
  else if (flags.exitCode === true)
    throw new CommandError(`${differing} of ${documents.length} RCCs differ`);
}

/** One line a field: `+` is added, `-` goes, and a field that changes has both. */
export function fieldDifferences(now: RccView | null, next: RccDocument): string[] {
  const before = now === null ? new Map<string, string>() : flatten(partsOf(now));
  const after = flatten(partsOf(next));
  const fields = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  return fields.flatMap((field) => {
    const [was, is] = [before.get(field), after.get(field)];
    if (was === is) return [];
    return [
      ...(was === undefined ? [] : [`- ${field}: ${was}`]),
      ...(is === undefined ? [] : [`+ ${field}: ${is}`]),
    ];
  });
}

/** What of a document is its author's. */
function partsOf({
  metadata,
  spec,
}: {
  readonly metadata: object;
  readonly spec?: object | null | undefined;
}): object {
  const annotations = "annotations" in metadata ? metadata.annotations : {};
  return { metadata: { annotations }, spec, exists: true };
}

function flatten(value: unknown, path = ""): Map<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return new Map(value === undefined ? [] : [[path, JSON.stringify(value)]]);
  return new Map(
    Object.entries(value).flatMap(([name, inner]) => [
      ...flatten(inner, path === "" ? name : `${path}.${name}`),
    ]),
  );
}
